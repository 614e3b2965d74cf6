if redis.call('get', KEYS[1]) ~= ARGV[1] then return 1 else
	redis.call('del', KEYS[2]) redis.call('lpush', KEYS[2], 1) redis.call('del', KEYS[1])
	return 0
end
