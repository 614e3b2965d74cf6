local holder = redis.call("get", KEYS[1])
if holder == false then return redis.call("set", KEYS[1], ARGV[1], "px", ARGV[2]) and 1 or 0
elseif holder == ARGV[1] then return redis.call("pexpire", KEYS[1], ARGV[2])
else return -1 end
