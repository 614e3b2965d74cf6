package integration

// scriptCases are about scripts and functions with keys, and belong to
// commandCases. The digests are those of scripts of EVAL lines before them.
const scriptCases = `
EVAL "return redis.call('get',KEYS[1])" 1 @str
EVAL "return {KEYS[1],ARGV[1]}" 1 @str "\x00\r\n\xff"
EVAL "return {KEYS[1],ARGV[1]}" 2 @str @num a
EVAL "return redis.call('set',KEYS[1],ARGV[1])" 1 @new "\x00\r\n\xff$"
EVAL "return redis.call('incrby',KEYS[1],ARGV[1])" 1 @num 5
EVAL "return redis.pcall('incr',KEYS[1])" 1 @list
EVAL "return redis.call('incr',KEYS[1])" 1 @list
EVAL "return redis.error_reply('MY own error')" 1 @str
EVAL "return redis.error_reply('NOSCRIPT a lie')" 1 @str
EVAL "return redis.status_reply('FINE')" 1 @str
EVAL "return {1,2,{3,'four',{}},false,true,5.9,nil,6}" 1 @str
EVAL "return redis.call('nosuch')" 1 @str
EVAL "return nosuch" 1 @str
EVAL "return redis.sha1hex(ARGV[1])" 1 @str x
EVAL "error('mine')" 1 @str
EVAL "not lua" 1 @str
EVAL "" 1 @str
EVAL "redis.setresp(3); return redis.call('hgetall',KEYS[1])" 1 @hash
EVAL "redis.setresp(3); return {double=3.5}" 1 @str
EVAL "redis.setresp(3); return {map={a=1}}" 1 @str
EVAL "redis.setresp(3); return {true,false,{big_number='123456789012345678901234567890'}}" 1 @str
EVAL "redis.setresp(3); return {verbatim_string={format='txt',string='x'}}" 1 @str
EVAL "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end" 1 @str "hello world"
EVAL "#!lua flags=no-writes\nreturn redis.call('set',KEYS[1],1)" 1 @str
EVAL "#!nosuch\nreturn 1" 1 @str
EVAL_RO "return redis.call('get',KEYS[1])" 1 @str
EVAL_RO "return redis.call('set',KEYS[1],1)" 1 @str
EVALSHA fd758d1589d044dd850a6f05d52f2eefd27f033f 1 @str
EVALSHA FD758D1589D044DD850A6F05D52F2EEFD27F033F 1 @list
EVALSHA bfbf458525d6a0b19200bfd6db3af481156b367b 2 @str @num "\x00\r\n\xff"
EVALSHA 0000000000000000000000000000000000000000 1 @str
EVALSHA nosuch 1 @str
EVALSHA_RO fd758d1589d044dd850a6f05d52f2eefd27f033f 1 @str
EVALSHA_RO 0000000000000000000000000000000000000000 1 @str
!FUNCTION LOAD REPLACE "#!lua name=kept\nredis.register_function('put', function(keys,args) return redis.call('set',keys[1],args[1]) end) redis.register_function{function_name='look', callback=function(keys,args) return {keys,args} end, flags={'no-writes'}}"
FCALL put 1 @str "\x00\r\n\xff"
FCALL put 1 @list x
FCALL look 2 @str @num a
FCALL nosuch 1 @str
FCALL_RO look 2 @str @num a
FCALL_RO put 1 @str x
FCALL_RO nosuch 1 @str
`

// scriptLocalCases are those without keys, and belong to localCases.
const scriptLocalCases = `
EVAL "return ARGV" 0 a b
EVAL "return 1" 0
EVAL_RO "return 1" 0
EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0000000000000000000000000000000000000000 nosuch E0E1F9FABFC9D4800C877A703B823AC0578FF8DB
SCRIPT LOAD "return ARGV[1]"
SCRIPT LOAD "not lua"|SCRIPT EXISTS 9b51e7bf2b8ffa3b1b4ba21c63b7ee4a2d2a3fc0
SCRIPT LOAD "return {KEYS[1],ARGV[1]}"|EVALSHA bfbf458525d6a0b19200bfd6db3af481156b367b 1 @str x|EVALSHA bfbf458525d6a0b19200bfd6db3af481156b367b 1 @list x
!SCRIPT FLUSH nosuch|EVALSHA bfbf458525d6a0b19200bfd6db3af481156b367b 1 @str x|EVALSHA bfbf458525d6a0b19200bfd6db3af481156b367b 1 @list x
SCRIPT FLUSH
SCRIPT EXISTS bfbf458525d6a0b19200bfd6db3af481156b367b
EVALSHA bfbf458525d6a0b19200bfd6db3af481156b367b 1 @str x
SCRIPT FLUSH ASYNC
SCRIPT FLUSH sync
SCRIPT FLUSH SYNC ASYNC
SCRIPT KILL
SCRIPT HELP
SCRIPT NOSUCH
SCRIPT
FUNCTION FLUSH
FUNCTION LIST
FUNCTION DUMP
FUNCTION STATS
FUNCTION KILL
FUNCTION HELP
FUNCTION NOSUCH
FUNCTION
FUNCTION LOAD "#!lua name=own\nredis.register_function('f', function(keys,args) return args end)"
FUNCTION LOAD REPLACE "#!lua name=own\nredis.register_function('f', function(keys,args) return args[1] end)"
FUNCTION LOAD "no engine"
FUNCTION LOAD "#!lua name=bad\nnot lua"
FUNCTION LOAD "#!lua name=none\nreturn 1"
FUNCTION LOAD nosuch "#!lua name=bad\nx"
FUNCTION LIST LIBRARYNAME own WITHCODE
FUNCTION LIST WITHCODE
FUNCTION LIST nosuch
FUNCTION DUMP
FUNCTION STATS
FCALL f 0 a b
FCALL_RO f 0 a b
FUNCTION RESTORE nosuch
FUNCTION RESTORE nosuch REPLACE
FUNCTION RESTORE nosuch nosuch
FUNCTION DELETE nosuch
FUNCTION DELETE own|FUNCTION LIST
FUNCTION FLUSH nosuch
FUNCTION FLUSH ASYNC|FUNCTION LIST
`
