package integration

// fixtures are the keys that requests begin with: one for each type and
// encoding. In these texts and in those below, a word @name is a key, $name is
// what DUMP says of the fixture of that name, $n*word is word n times.
var fixtures = map[string]string{
	"@str":     `SET @str "hello world"`,
	"@num":     `SET @num 10`,
	"@float":   `SET @float 3.25`,
	"@empty":   `SET @empty ""`,
	"@bin":     `SET @bin "\x00\r\n\xff$3\r\n\x80"`,
	"@long":    `SET @long $300*0123456789`,
	"@ttl":     `SET @ttl x EX 10000`,
	"@list":    `RPUSH @list a b c a "" "\x00\r\n" 7`,
	"@biglist": `RPUSH @biglist #l:300`,
	"@set":     `SADD @set a b c "" "\xff\r\n"`,
	"@set2":    `SADD @set2 b c d e`,
	"@ints":    `SADD @ints 1 2 3 40000 -5`,
	"@bigset":  `SADD @bigset #m:300`,
	"@hash":    `HSET @hash f1 v1 f2 10 f3 3.5 "" "" "\r\n" "\x00"`,
	"@bighash": `HSET @bighash #p:300`,
	"@zset":    `ZADD @zset 1 a 2 b 2 c 3.5 d -inf e`,
	"@zset2":   `ZADD @zset2 10 b 20 c 30 x`,
	"@zlex":    `ZADD @zlex 0 a 0 b 0 c 0 d 0 "\xff"`,
	"@bigz":    `ZADD @bigz #z:200`,
	"@stream":  `XADD @stream 1-1 f v|XADD @stream 1-2 f w g ""|XADD @stream 2-0 h "\r\n"|XADD @stream 5-1 f x|XGROUP CREATE @stream g1 0|XGROUP CREATE @stream g2 $|XREADGROUP GROUP g1 c1 COUNT 2 STREAMS @stream >`,
	"@geo":     `GEOADD @geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 2.35 48.85 Paris -0.12 51.5 London`,
	"@hll":     `PFADD @hll #m:40`,
	"@hll2":    `PFADD @hll2 a b c`,
	"@bits":    `SET @bits "\xff\x0f\x00\xa5"`,
}

// commandCases are requests, one a line; each command that is served has some.
// All are sent as they are and altered in many ways; those that begin with ! as
// they are only.
const commandCases = `
APPEND @str more
APPEND @new v
APPEND @list x
!BLMOVE @list @new LEFT RIGHT 0
!BLMOVE @none @new LEFT RIGHT 0.01
!BLMOVE @str @new LEFT RIGHT 0
!BLMPOP 0 2 @none @list LEFT COUNT 2
!BLMPOP 0.01 1 @none RIGHT
!BLPOP @none @list 0
!BLPOP @none 0.01
!BLPOP @list -1
!BLPOP @list x
!BRPOP @none @list @biglist 0.5
!BRPOP @none 0.01
!BRPOPLPUSH @list @new 0
!BRPOPLPUSH @none @new 0.01
!BZMPOP 0 2 @none @zset MIN COUNT 2
!BZMPOP 0.01 1 @none MAX
!BZPOPMAX @none @zset 0
!BZPOPMAX @none 0.01
!BZPOPMIN @zset 0
!BZPOPMIN @none 0.01
!UNWATCH
!EXEC
!DISCARD
!WAIT 0 0
!WAIT 1 10
!WAIT x 0
!WAIT 0 -1
!XREAD BLOCK 10 STREAMS @stream $
!XREAD BLOCK 0 STREAMS @stream 0
!XREADGROUP GROUP g1 c1 BLOCK 10 STREAMS @stream >
BITCOUNT @bits
BITCOUNT @bits 1 2
BITCOUNT @bits 1 -1 BIT
BITCOUNT @bits 0 1 BYTE
BITCOUNT @bits 5 2
BITCOUNT @none 0 1
BITFIELD @bits GET u8 0 SET i8 #1 100 INCRBY u2 4 1
BITFIELD @bits OVERFLOW SAT INCRBY u8 0 200 OVERFLOW FAIL INCRBY u8 0 200 OVERFLOW WRAP INCRBY u8 0 200
BITFIELD @bits
BITFIELD @new SET u63 0 1
BITFIELD @bits GET u64 0
BITFIELD @bits GET i65 0
BITFIELD_RO @bits GET u8 0 GET i4 #3
BITFIELD_RO @bits SET u8 0 1
BITOP AND @new @bits @str
BITOP OR @new @bits @str @none
BITOP XOR @bits @bits @num
BITOP NOT @new @bits
BITOP NOT @new @bits @str
BITOP AND @new @bits @list
BITPOS @bits 0
BITPOS @bits 1 2
BITPOS @bits 1 0 -1 BIT
BITPOS @bits 0 8 20 BYTE
BITPOS @none 0
BITPOS @bits 2
COPY @str @new
COPY @str @num
COPY @str @num REPLACE
COPY @list @new DB 0 REPLACE
COPY @list @new DB 1
COPY @none @new
COPY @str @str
MOVE @str 1
MOVE @none 1
MOVE @list 0
MOVE @list 99
MOVE @list x
DECR @num
DECR @new
DECR @str
DECRBY @num 3
DECRBY @num -9223372036854775808
DEL @str
DEL @str @list @none @set @str
DUMP @str
DUMP @list
DUMP @ints
DUMP @zset
DUMP @stream
DUMP @none
DUMP @bighash
EXISTS @str
EXISTS @str @str @none @list @hash
EXPIRE @str 10000
EXPIRE @str 10000 NX
EXPIRE @ttl 20000 GT
EXPIRE @ttl 5000 LT
EXPIRE @ttl 20000 XX
EXPIRE @ttl 20000 NX GT
EXPIRE @ttl 20000 GT LT
EXPIRE @str -1
EXPIRE @none 10
EXPIREAT @str 33177117420
EXPIREAT @str 33177117420 NX
EXPIREAT @str 1
EXPIREAT @ttl 33177117420 GT
EXPIRETIME @str
EXPIRETIME @ttl
EXPIRETIME @none
GEOADD @geo 9.19 45.46 Milan
GEOADD @geo NX CH 9.19 45.46 Milan 0 0 Paris
GEOADD @geo XX 9.19 45.46 Milan 0 0 Paris
GEOADD @new 181 0 x
GEOADD @geo NX XX 1 1 x
GEODIST @geo Palermo Catania
GEODIST @geo Palermo Catania km
GEODIST @geo Palermo Nowhere mi
GEODIST @geo Palermo Catania parsec
GEOHASH @geo Palermo Catania Nowhere
GEOHASH @geo
GEOPOS @geo Palermo Catania Nowhere
GEOPOS @geo
GEORADIUS @geo 15 37 200 km
GEORADIUS @geo 15 37 200 km WITHDIST WITHCOORD WITHHASH ASC
GEORADIUS @geo 15 37 3000 km COUNT 2 DESC
GEORADIUS @geo 15 37 3000 km COUNT 1 ANY
GEORADIUS @geo 15 37 200 km STORE @new
GEORADIUS @geo 15 37 200 km STOREDIST @new
GEORADIUS @geo 15 37 200 km WITHDIST STORE @new
GEORADIUS @geo 15 37 200 km STORE @new STOREDIST @num
GEORADIUSBYMEMBER @geo Palermo 300 km
GEORADIUSBYMEMBER @geo Palermo 300 km WITHDIST DESC STORE @new
GEORADIUSBYMEMBER @geo Palermo 300 km ASC STOREDIST @new
GEORADIUSBYMEMBER @geo Nowhere 300 km
GEORADIUSBYMEMBER_RO @geo Palermo 300 km WITHCOORD
GEORADIUSBYMEMBER_RO @geo Palermo 300 km STORE x
GEORADIUS_RO @geo 15 37 200 km ASC
GEORADIUS_RO @geo 15 37 200 km STORE x
GEOSEARCH @geo FROMMEMBER Palermo BYRADIUS 200 km ASC
GEOSEARCH @geo FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST WITHHASH
GEOSEARCH @geo FROMLONLAT 15 37 BYBOX 400 400 km DESC COUNT 1
GEOSEARCH @geo FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 1 m
GEOSEARCH @geo FROMLONLAT 15 37
GEOSEARCHSTORE @new @geo FROMMEMBER Palermo BYRADIUS 200 km ASC
GEOSEARCHSTORE @num @geo FROMLONLAT 15 37 BYBOX 400 400 km STOREDIST
GEOSEARCHSTORE @new @none FROMLONLAT 15 37 BYBOX 400 400 km
GET @str
GET @bin
GET @empty
GET @long
GET @none
GET @list
GETBIT @bits 3
GETBIT @bits 4294967295
GETBIT @bits 4294967296
GETBIT @none 0
GETDEL @str
GETDEL @none
GETDEL @hash
GETEX @str
GETEX @str EX 10000
GETEX @str PX 10000000
GETEX @str EXAT 33177117420
GETEX @str PXAT 33177117420000
GETEX @ttl PERSIST
GETEX @str EX 10 PERSIST
GETEX @none EX 0
GETRANGE @str 0 4
GETRANGE @str -5 -1
GETRANGE @str 5 2
GETRANGE @none 0 -1
GETSET @str new
GETSET @new v
GETSET @list v
HDEL @hash f1
HDEL @hash f1 f2 f3 nosuch "" "\r\n"
HDEL @none f
HEXISTS @hash f1
HEXISTS @hash nosuch
HGET @hash f1
HGET @hash "\r\n"
HGET @hash nosuch
HGETALL @hash
HGETALL @bighash
HGETALL @none
HINCRBY @hash f2 5
HINCRBY @hash f1 5
HINCRBY @new f -1
HINCRBY @hash f2 9223372036854775807
HINCRBYFLOAT @hash f3 1.5
HINCRBYFLOAT @hash f1 1
HINCRBYFLOAT @new f -1e10
HKEYS @hash
HKEYS @bighash
HLEN @hash
HLEN @none
HMGET @hash f1 nosuch f2 f1
HMGET @none f
HMSET @hash f1 x f9 y
HMSET @new a b
HMSET @hash f1 x f9
HRANDFIELD @hash
HRANDFIELD @hash 2
HRANDFIELD @hash 100
HRANDFIELD @hash -4
HRANDFIELD @hash 3 WITHVALUES
HRANDFIELD @hash 100 WITHVALUES
HRANDFIELD @bighash 7 WITHVALUES
HRANDFIELD @none
HRANDFIELD @none 2
HRANDFIELD @hash 0
HSCAN @hash 0
HSCAN @hash 0 MATCH f* COUNT 2
HSCAN @bighash 0 COUNT 1000
!HSCAN @bighash 0
!HSCAN @bighash 0 COUNT 20 MATCH f1*
HSCAN @hash x
HSCAN @none 0
HSET @hash f1 x
HSET @hash f1 x f7 y "\x00" ""
HSET @new a b c d
HSET @hash f1 x f7
HSETNX @hash f1 x
HSETNX @hash f8 x
HSTRLEN @hash f1
HSTRLEN @hash nosuch
HVALS @hash
HVALS @bighash
INCR @num
INCR @new
INCR @bin
INCRBY @num 5
INCRBY @num 9223372036854775807
INCRBYFLOAT @float 1.5
INCRBYFLOAT @num -1e3
INCRBYFLOAT @str 1
INCRBYFLOAT @float nan
LCS @str @long
LCS @str @num LEN
LCS @str @str IDX
LCS @str @bin IDX MINMATCHLEN 2 WITHMATCHLEN
LCS @str @num LEN IDX
LCS @str @list
LINDEX @list 0
LINDEX @list -1
LINDEX @list 100
LINDEX @biglist 150
LINSERT @list BEFORE b x
LINSERT @list AFTER b x
LINSERT @list AFTER nosuch x
LINSERT @list BETWEEN b x
LINSERT @none BEFORE b x
LLEN @list
LLEN @none
LMOVE @list @biglist LEFT RIGHT
LMOVE @list @new RIGHT LEFT
LMOVE @list @list LEFT RIGHT
LMOVE @none @list LEFT LEFT
LMOVE @list @str LEFT LEFT
LMPOP 1 @list LEFT
LMPOP 2 @none @list RIGHT COUNT 3
LMPOP 3 @none @biglist @list LEFT COUNT 1000
LMPOP 2 @none @new LEFT
LMPOP 0 @list LEFT
LPOP @list
LPOP @list 3
LPOP @list 0
LPOP @list 100
LPOP @none
LPOP @none 2
LPOS @list a
LPOS @list a RANK 2
LPOS @list a RANK -1 COUNT 0
LPOS @list a COUNT 2 MAXLEN 2
LPOS @list nosuch
LPOS @list nosuch COUNT 1
LPOS @list a RANK 0
LPUSH @list x
LPUSH @list x y "" "\r\n"
LPUSH @new x
LPUSHX @list x y
LPUSHX @new x
LRANGE @list 0 -1
LRANGE @biglist 10 20
LRANGE @list 3 1
LRANGE @none 0 -1
LREM @list 0 a
LREM @list -1 a
LREM @list 2 nosuch
LSET @list 0 x
LSET @list 100 x
LSET @none 0 x
LTRIM @list 1 2
LTRIM @list 5 1
MGET @str
MGET @str @none @list @bin @str @num
MSET @str v
MSET @str v1 @new v2 @list v3 @str v4
MSET @str v1 @new
MSETNX @new v
MSETNX @new v @none v2
MSETNX @new v @str v2
MSETNX @new v @none
MEMORY USAGE @str
MEMORY USAGE @list SAMPLES 0
MEMORY USAGE @bighash SAMPLES 5
MEMORY USAGE @none
MEMORY USAGE @str SAMPLES -1
MEMORY HELP
MEMORY NOSUCH @str
OBJECT ENCODING @str
OBJECT ENCODING @num
OBJECT ENCODING @long
OBJECT ENCODING @list
OBJECT ENCODING @biglist
OBJECT ENCODING @ints
OBJECT ENCODING @set
OBJECT ENCODING @hash
OBJECT ENCODING @bighash
OBJECT ENCODING @zset
OBJECT ENCODING @bigz
OBJECT ENCODING @stream
OBJECT ENCODING @none
OBJECT FREQ @str
OBJECT IDLETIME @str
OBJECT IDLETIME @none
OBJECT REFCOUNT @str
OBJECT REFCOUNT @num
OBJECT REFCOUNT @none
OBJECT HELP
OBJECT NOSUCH @str
OBJECT
PERSIST @ttl
PERSIST @str
PERSIST @none
PEXPIRE @str 10000000
PEXPIRE @str 10000000 XX
PEXPIRE @ttl 5000000 LT
PEXPIREAT @str 33177117420000
PEXPIREAT @str 33177117420000 GT
PEXPIREAT @str 33177117420000 LT
PEXPIRETIME @ttl
PEXPIRETIME @str
PFADD @hll x y
PFADD @hll m1
PFADD @new
PFADD @new a b
PFADD @str x
PFCOUNT @hll
PFCOUNT @hll @hll2 @none
PFCOUNT @hll @str
PFMERGE @new @hll @hll2
PFMERGE @hll @hll2
PFMERGE @hll2
PFMERGE @new @str
PING
PING hello
PING "\x00\r\n"
ECHO hello
ECHO ""
ECHO "\x00\r\n\xff"
PSETEX @str 10000000 v
PSETEX @str 0 v
PTTL @ttl
PTTL @str
PTTL @none
TTL @ttl
TTL @str
TTL @none
RENAME @str @new
RENAME @str @list
RENAME @str @str
RENAME @none @new
RENAMENX @str @new
RENAMENX @str @list
RENAMENX @none @new
RESTORE @new 0 $@str
RESTORE @new 10000000 $@zset
RESTORE @new 33177117420000 $@hash ABSTTL IDLETIME 5
RESTORE @str 0 $@list
RESTORE @str 0 $@list REPLACE
RESTORE @new 0 $@str FREQ 5
RESTORE @new 0 garbage
RESTORE @new -1 $@str
RPOP @list
RPOP @list 2
RPOP @none
RPOPLPUSH @list @biglist
RPOPLPUSH @list @new
RPOPLPUSH @list @list
RPOPLPUSH @none @list
RPOPLPUSH @list @str
RPUSH @list x
RPUSH @new x y
RPUSHX @list x
RPUSHX @new x
SADD @set x
SADD @set a x "\x00"
SADD @ints 6 x
SADD @new 1
SCARD @set
SCARD @none
SDIFF @set
SDIFF @set @set2
SDIFF @bigset @set @none
SDIFF @none @set
SDIFF @set @str
SDIFFSTORE @new @set @set2
SDIFFSTORE @str @set @set2
SDIFFSTORE @set @none
SET @str v
SET @new "\x00\r\n\xff"
SET @str v EX 10000
SET @str v PX 10000000
SET @str v EXAT 33177117420
SET @str v PXAT 33177117420000
SET @ttl v KEEPTTL
SET @str v NX
SET @new v NX
SET @str v XX GET
SET @new v XX
SET @new v NX GET
SET @list v GET
SET @str v EX 10 PX 10
SET @str v NX XX
SET @str v EX 0
SET @str v nosuch
SETBIT @bits 7 0
SETBIT @bits 100 1
SETBIT @new 0 1
SETBIT @bits 0 2
SETEX @str 10000 v
SETEX @str 0 v
SETNX @str v
SETNX @new v
SETRANGE @str 6 Redis
SETRANGE @new 5 x
SETRANGE @none 0 ""
SETRANGE @str -1 x
SINTER @set
SINTER @set @set2
SINTER @bigset @set
SINTER @set @none
SINTERCARD 2 @set @set2
SINTERCARD 2 @set @set2 LIMIT 1
SINTERCARD 1 @none
SINTERCARD 0 @set
SINTERCARD 2 @set @set2 LIMIT -1
SINTERSTORE @new @set @set2
SINTERSTORE @list @set @none
SISMEMBER @set a
SISMEMBER @set nosuch
SMEMBERS @set
SMEMBERS @ints
SMEMBERS @bigset
SMEMBERS @none
SMISMEMBER @set a nosuch "" a
SMISMEMBER @none a
SMOVE @set @set2 a
SMOVE @set @new nosuch
SMOVE @set @set a
SMOVE @none @str a
SMOVE @set @str a
SORT @ints
SORT @ints DESC LIMIT 1 2
SORT @set ALPHA
SORT @zset ALPHA DESC
SORT @list
SORT @list ALPHA LIMIT 0 2
SORT @ints STORE @new
SORT @none STORE @str
SORT @ints BY nosort
SORT @zset BY nosort
SORT @ints GET #
SORT @ints BY nosort GET # STORE @new
SORT @ints BY w_*
SORT @ints GET w_* GET #
SORT @str
SORT_RO @ints
SORT_RO @set ALPHA ASC
SORT_RO @ints BY w_*->f
SORT_RO @ints STORE x
SPOP @set
SPOP @set 2
SPOP @set 100
SPOP @set 0
SPOP @ints 3
SPOP @none
SPOP @none 2
SRANDMEMBER @set
SRANDMEMBER @set 2
SRANDMEMBER @set 100
SRANDMEMBER @set -7
SRANDMEMBER @set 0
SRANDMEMBER @ints
SRANDMEMBER @none
SRANDMEMBER @none 2
SREM @set a
SREM @set a b c nosuch "" "\xff\r\n"
SREM @none a
SSCAN @set 0
SSCAN @set 0 MATCH a* COUNT 5
SSCAN @ints 0
!SSCAN @bigset 0
!SSCAN @bigset 0 COUNT 30 MATCH *1*
SSCAN @bigset 0 COUNT 1000
STRLEN @str
STRLEN @none
SUBSTR @str 0 4
SUBSTR @none 0 4
SUNION @set
SUNION @set @set2 @ints @none
SUNIONSTORE @new @set @set2
SUNIONSTORE @str @none
TOUCH @str
TOUCH @str @none @list @str
TYPE @str
TYPE @list
TYPE @set
TYPE @hash
TYPE @zset
TYPE @stream
TYPE @none
UNLINK @str
UNLINK @str @list @none @set
XACK @stream g1 1-1
XACK @stream g1 1-1 1-2 9-9
XACK @stream nosuch 1-1
XACK @none g 1-1
XADD @stream 6-1 f v
XADD @stream 6-* f v g w
XADD @stream 5-* f v
XADD @stream 1-1 f v
XADD @stream 0-0 f v
XADD @stream MAXLEN 2 6-1 f v
XADD @stream MAXLEN = 2 6-1 f v
XADD @stream MAXLEN ~ 2 LIMIT 10 6-1 f v
XADD @stream MINID 2 6-1 f v
XADD @new NOMKSTREAM 1-1 f v
XADD @new NOMKSTREAM MAXLEN ~ 10 1-1 f v
XADD @stream 6-1 f
XADD @stream * f v
XADD @new * f v
XADD @stream MAXLEN 3 * f v
XAUTOCLAIM @stream g1 c2 0 0
XAUTOCLAIM @stream g1 c2 0 0 COUNT 1
XAUTOCLAIM @stream g1 c2 0 1-2 JUSTID
XAUTOCLAIM @stream g1 c2 10000000 0-0
XAUTOCLAIM @stream nosuch c2 0 0
XCLAIM @stream g1 c2 0 1-1
XCLAIM @stream g1 c2 0 1-1 1-2 JUSTID
XCLAIM @stream g1 c2 0 1-1 IDLE 1000 RETRYCOUNT 5
XCLAIM @stream g1 c2 0 5-1 FORCE
XCLAIM @stream g1 c2 0 1-1 TIME 1000 LASTID 1-2
XCLAIM @stream nosuch c2 0 1-1
XDEL @stream 1-1
XDEL @stream 1-1 9-9 5-1
XDEL @none 1-1
XGROUP CREATE @stream g3 0
XGROUP CREATE @stream g1 0
XGROUP CREATE @new g $ MKSTREAM
XGROUP CREATE @new g $
XGROUP CREATE @stream g3 1-1 ENTRIESREAD 1
XGROUP CREATECONSUMER @stream g1 c9
XGROUP CREATECONSUMER @stream g1 c1
XGROUP CREATECONSUMER @stream nosuch c1
XGROUP DELCONSUMER @stream g1 c1
XGROUP DELCONSUMER @stream g1 nosuch
XGROUP DESTROY @stream g1
XGROUP DESTROY @stream nosuch
XGROUP SETID @stream g1 1-1
XGROUP SETID @stream g1 $ ENTRIESREAD 3
XGROUP SETID @stream nosuch 0
XGROUP HELP
XGROUP NOSUCH @stream g1
XINFO STREAM @stream
XINFO STREAM @stream FULL
XINFO STREAM @stream FULL COUNT 1
XINFO STREAM @none
XINFO GROUPS @stream
XINFO GROUPS @none
XINFO CONSUMERS @stream g1
XINFO CONSUMERS @stream nosuch
XINFO HELP
XINFO NOSUCH @stream
XLEN @stream
XLEN @none
XPENDING @stream g1
XPENDING @stream g2
XPENDING @stream g1 - + 10
XPENDING @stream g1 - + 10 c1
XPENDING @stream g1 IDLE 0 - + 10 c1
XPENDING @stream g1 IDLE 10000000 - + 10
XPENDING @stream nosuch
XRANGE @stream - +
XRANGE @stream 1-2 2
XRANGE @stream (1-1 + COUNT 1
XRANGE @none - +
XRANGE @stream - + COUNT 0
XREVRANGE @stream + -
XREVRANGE @stream 2 (1-1 COUNT 1
XREVRANGE @none + -
XREAD STREAMS @stream 0
XREAD COUNT 2 STREAMS @stream 1-1
XREAD COUNT 2 STREAMS @stream @none 1-1 0
XREAD STREAMS @stream $
XREAD STREAMS @none 0
XREAD STREAMS @stream @none 0
XREAD COUNT 1
XREADGROUP GROUP g1 c1 STREAMS @stream >
XREADGROUP GROUP g1 c1 COUNT 1 STREAMS @stream 0
XREADGROUP GROUP g1 c2 NOACK STREAMS @stream >
XREADGROUP GROUP g1 c1 STREAMS @stream 9-9
XREADGROUP GROUP nosuch c1 STREAMS @stream >
XREADGROUP GROUP g1 c1 STREAMS @stream @none > >
XREADGROUP GROUP g1 c1 STREAMS @none >
XSETID @stream 9-9
XSETID @stream 9-9 ENTRIESADDED 10 MAXDELETEDID 3-3
XSETID @stream 1-1
XSETID @none 1-1
XTRIM @stream MAXLEN 2
XTRIM @stream MAXLEN ~ 2
XTRIM @stream MINID 2
XTRIM @stream MINID = 1-2
XTRIM @stream MAXLEN ~ 1 LIMIT 5
XTRIM @stream MAXLEN = 1 LIMIT 5
XTRIM @none MAXLEN 0
ZADD @zset 5 x
ZADD @zset NX 5 a 6 x
ZADD @zset XX CH 5 a 6 x
ZADD @zset GT CH 0 a 9 b
ZADD @zset LT 0 a 9 b
ZADD @zset INCR 2.5 a
ZADD @zset NX INCR 2.5 a
ZADD @zset INCR 1 a 2 b
ZADD @zset NX GT 1 a
ZADD @zset inf a -inf b 1e300 c 0x1p3 d
ZADD @zset nan a
ZADD @new 1 ""
ZADD @zset 1 a 2
ZCARD @zset
ZCARD @none
ZCOUNT @zset -inf +inf
ZCOUNT @zset (1 2
ZCOUNT @zset 5 1
ZDIFF 2 @zset @zset2
ZDIFF 2 @zset @zset2 WITHSCORES
ZDIFF 2 @zset @set
ZDIFF 0 @zset
ZDIFFSTORE @new 2 @zset @zset2
ZDIFFSTORE @str 1 @none
ZINCRBY @zset 2 a
ZINCRBY @new -1.5 a
ZINCRBY @zset nan a
ZINTER 2 @zset @zset2
ZINTER 2 @zset @zset2 WEIGHTS 2 3 AGGREGATE MAX WITHSCORES
ZINTER 2 @zset @set WITHSCORES
ZINTERCARD 2 @zset @zset2
ZINTERCARD 2 @zset @zset2 LIMIT 1
ZINTERCARD 1 @none
ZINTERSTORE @new 2 @zset @zset2
ZINTERSTORE @zset 2 @zset @set WEIGHTS 1 2 AGGREGATE MIN
ZINTERSTORE @str 1 @none
ZLEXCOUNT @zlex - +
ZLEXCOUNT @zlex [b (d
ZLEXCOUNT @zlex b d
ZMPOP 1 @zset MIN
ZMPOP 2 @none @zset MAX COUNT 2
ZMPOP 2 @none @new MIN
ZMPOP 1 @str MIN
ZMSCORE @zset a nosuch e
ZMSCORE @none a
ZPOPMAX @zset
ZPOPMAX @zset 3
ZPOPMAX @none
ZPOPMAX @zset 0
ZPOPMIN @zset
ZPOPMIN @zset 100
ZPOPMIN @zset -1
ZRANDMEMBER @zset
ZRANDMEMBER @zset 2
ZRANDMEMBER @zset 100
ZRANDMEMBER @zset -4 WITHSCORES
ZRANDMEMBER @bigz 7 WITHSCORES
ZRANDMEMBER @zset 100 WITHSCORES
ZRANDMEMBER @none
ZRANDMEMBER @none 2
ZRANGE @zset 0 -1
ZRANGE @zset 0 -1 WITHSCORES
ZRANGE @zset 0 1 REV
ZRANGE @zset (1 3 BYSCORE
ZRANGE @zset +inf -inf BYSCORE REV LIMIT 1 2 WITHSCORES
ZRANGE @zlex [b [d BYLEX
ZRANGE @zlex + - BYLEX REV LIMIT 0 2
ZRANGE @zset 0 -1 LIMIT 0 1
ZRANGE @zlex - + BYLEX WITHSCORES
ZRANGE @none 0 -1
ZRANGEBYLEX @zlex - +
ZRANGEBYLEX @zlex [b (d LIMIT 0 1
ZRANGEBYLEX @zlex x y
ZRANGEBYSCORE @zset -inf +inf
ZRANGEBYSCORE @zset (1 2 WITHSCORES LIMIT 0 1
ZRANGEBYSCORE @zset x y
ZRANGESTORE @new @zset 0 -1
ZRANGESTORE @str @zset 1 +inf BYSCORE LIMIT 0 1
ZRANGESTORE @new @zlex [b [c BYLEX REV
ZRANGESTORE @zset @none 0 -1
ZRANK @zset a
ZRANK @zset nosuch
ZRANK @none a
ZREM @zset a
ZREM @zset a b nosuch
ZREM @none a
ZREMRANGEBYLEX @zlex [b [c
ZREMRANGEBYLEX @zlex - +
ZREMRANGEBYRANK @zset 0 1
ZREMRANGEBYRANK @zset -2 -1
ZREMRANGEBYSCORE @zset 1 2
ZREMRANGEBYSCORE @zset (1 +inf
ZREVRANGE @zset 0 -1
ZREVRANGE @zset 0 1 WITHSCORES
ZREVRANGEBYLEX @zlex + -
ZREVRANGEBYLEX @zlex (d [b LIMIT 0 1
ZREVRANGEBYSCORE @zset +inf -inf
ZREVRANGEBYSCORE @zset 2 (1 WITHSCORES LIMIT 0 1
ZREVRANK @zset a
ZREVRANK @zset nosuch
ZSCAN @zset 0
ZSCAN @zset 0 MATCH a COUNT 3
!ZSCAN @bigz 0
ZSCAN @bigz 0 COUNT 1000
ZSCORE @zset a
ZSCORE @zset e
ZSCORE @zset nosuch
ZUNION 2 @zset @zset2
ZUNION 2 @zset @zset2 WEIGHTS 2 -1 AGGREGATE SUM WITHSCORES
ZUNION 2 @zset @set
ZUNION 1 @none
ZUNIONSTORE @new 2 @zset @zset2
ZUNIONSTORE @new 2 @zset @zset2 WEIGHTS 2 3 AGGREGATE MAX
ZUNIONSTORE @zset 3 @zset @set @none AGGREGATE MIN
ZUNIONSTORE @str 1 @none
` + scriptCases
