if redis.call('get', KEYS[1]) ~= ARGV[2] then return 1
elseif redis.call('ttl', KEYS[1]) < 0 then return 2
else redis.call('expire', KEYS[1], ARGV[1]) return 0 end
