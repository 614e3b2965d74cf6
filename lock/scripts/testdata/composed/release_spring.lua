local holder = redis.call("get", KEYS[1])
if holder == ARGV[1] then redis.call("unlink", KEYS[1]) return true end
return false
