local holder = redis.call("get", KEYS[1])
if not holder then return redis.error_reply("ERROR")
elseif holder == ARGV[1] then return redis.call("ttl", KEYS[1])
else return redis.error_reply("ERROR") end
