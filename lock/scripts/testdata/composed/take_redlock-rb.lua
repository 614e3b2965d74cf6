if (redis.call('EXISTS', KEYS[1]) == 0 and ARGV[3] == 'yes') or redis.call('GET', KEYS[1]) == ARGV[1] then
	return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
