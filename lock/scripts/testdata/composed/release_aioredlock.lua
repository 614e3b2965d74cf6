local holder = redis.call("get", KEYS[1]) -- false: nobody
if not holder then return redis.status_reply("OK")
elseif holder == ARGV[1] then return redis.call("del", KEYS[1])
else return redis.error_reply("ERROR") end
