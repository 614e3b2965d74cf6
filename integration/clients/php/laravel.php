<?php
// Tries Laravel's cache locks, and the scripts of its cache, on phpredis:
// laravel.php HOST PORT sharded|whole STEP...

declare(strict_types=1);

require __DIR__ . '/kit_locks.php';
require '/usr/share/php/Illuminate/Redis/autoload.php';
require '/usr/share/php/Illuminate/Cache/autoload.php';

use Illuminate\Cache\LuaScripts;
use Illuminate\Cache\RedisStore;
use Illuminate\Contracts\Cache\LockTimeoutException;
use Illuminate\Redis\RedisManager;

function store(): RedisStore
{
    global $argv;
    $manager = new RedisManager(null, 'phpredis', ['default' => ['host' => $argv[1], 'port' => $argv[2]]]);
    return new RedisStore($manager, 'lock:laravel');
}

$first = store();
$second = store();
$redis = $first->connection();

// What later versions than Debian's send to extend a lock, in our words.
$refresh = 'if (redis.call("get", KEYS[1]) == ARGV[1]) then
    if tonumber(ARGV[2]) > 0 then return redis.call("expire", KEYS[1], ARGV[2]) end
    redis.call("persist", KEYS[1]) return 1
else return 0 end';

run([
    'acquire' => function () use ($first, $redis) {
        $lock = $first->lock('acquire', 10);
        same($lock->get(), true);
        same($redis->get('lock:laravel:acquire'), $lock->owner());
        between(9000, $redis->pttl('lock:laravel:acquire'), 10000);
        // Cache::add, which is a script, and takes what nobody has.
        same($first->add('add', 7, 10), true);
        same($first->add('add', 8, 10), false);
        same($first->get('add'), '7');
    },

    'contend' => function () use ($first, $second) {
        $lock = $first->lock('contend', 10);
        same($lock->get(), true);
        same($second->lock('contend', 10)->get(), false);
        refused(LockTimeoutException::class, fn () => $second->lock('contend', 10)->betweenBlockedAttemptsSleepFor(50)->block(1));
        same($lock->release(), true);
        same($second->lock('contend', 10)->block(5, fn () => 'its turn'), 'its turn');
        same($second->lock('contend', 10)->get(fn () => 'again'), 'again');
    },

    'extend' => function () use ($first, $redis, $refresh) {
        $lock = $first->lock('extend', 5);
        same($lock->get(), true);
        same($redis->eval($refresh, 1, 'lock:laravel:extend', $lock->owner(), 10), 1);
        between(6000, $redis->pttl('lock:laravel:extend'), 10000);
        same($redis->eval($refresh, 1, 'lock:laravel:extend', 'somebody else', 10), 0);
        same($lock->release(), true);
    },

    'release' => function () use ($first, $second, $redis) {
        $lock = $first->lock('release', 10);
        same($lock->get(), true);
        // Whoever knows the owner may release it, elsewhere too.
        same($second->restoreLock('release', $lock->owner())->release(), true);
        same($redis->exists('lock:laravel:release'), 0);
        same($lock->release(), false);
        same($second->lock('release', 10)->get(), true);
    },

    'expiry' => function () use ($first, $second, $redis) {
        $lost = $first->lock('expiry', 1);
        same($lost->get(), true);
        $held = $second->lock('expiry', 10)->betweenBlockedAttemptsSleepFor(50);
        same($held->block(10), true);
        same($lost->release(), false);
        same($redis->get('lock:laravel:expiry'), $held->owner());
        between(1000, $redis->pttl('lock:laravel:expiry'), 10000);
        same($held->release(), true);
    },

    'stranger' => function () use ($first, $second, $redis) {
        $lock = $first->lock('stranger', 10);
        same($lock->get(), true);
        same($second->lock('stranger', 10)->release(), false);
        same($redis->eval(LuaScripts::releaseLock(), 1, 'lock:laravel:stranger', 'a stranger\'s'), 0);
        same($redis->get('lock:laravel:stranger'), $lock->owner());
        same($lock->release(), true);
    },
]);
