local holder = redis.call("get", KEYS[1])
if not holder or holder == ARGV[1] then return redis.call("set", KEYS[1], ARGV[1], "px", ARGV[2])
else return redis.error_reply("ERROR") end
