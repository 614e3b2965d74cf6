redis.call("del", KEYS[2]) redis.call("lpush", KEYS[2], 1)
return redis.call("del", KEYS[1])
