if redis.call('GET', KEYS[1]) == ARGV[1] then
	if (tonumber(ARGV[2]) > 0) then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end
	redis.call('PERSIST', KEYS[1])
	return 1
else return 0 end
