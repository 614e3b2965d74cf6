<?php
// Tries php-lock's mutex on phpredis: malkusch.php HOST PORT sharded|whole STEP...
//
// It has no way to extend a lock. Its keys begin with "lock_", and phpredis puts "lock:"
// before that.

declare(strict_types=1);

require __DIR__ . '/kit_locks.php';
require '/usr/share/php/Malkusch/Lock/autoload.php';

use malkusch\lock\exception\ExecutionOutsideLockException;
use malkusch\lock\exception\LockReleaseException;
use malkusch\lock\exception\TimeoutException;
use malkusch\lock\mutex\PHPRedisMutex;

function client(): Redis
{
    global $argv;
    $r = new Redis();
    $r->connect($argv[1], (int) $argv[2]);
    $r->setOption(Redis::OPT_PREFIX, 'lock:');
    return $r;
}

$r = client();
$mutex = fn (string $name, int $timeout = 3) => new PHPRedisMutex([client()], "php:$name", $timeout);

run([
    'acquire' => function () use ($r, $mutex) {
        same($mutex('acquire', 8)->synchronized(function () use ($r) {
            same(strlen($r->get('lock_php:acquire')), 32);
            between(8000, $r->pttl('lock_php:acquire'), 9000);
            return 'done';
        }), 'done');
    },

    'contend' => function () use ($r, $mutex) {
        $second = $mutex('contend', 1);
        $mutex('contend', 8)->synchronized(function () use ($r, $second) {
            $token = $r->get('lock_php:contend');
            refused(TimeoutException::class, fn () => $second->synchronized(fn () => 'it has the lock'));
            same($r->get('lock_php:contend'), $token);
        });
        same($second->synchronized(fn () => 'after it'), 'after it');
    },

    'release' => function () use ($r, $mutex) {
        $m = $mutex('release');
        same($m->synchronized(fn () => 1), 1);
        same($r->get('lock_php:release'), false);
        same($mutex('release')->synchronized(fn () => 2), 2);
    },

    // Whoever has lost the lock by its expiry learns so, and does not take it from its heir.
    'expiry' => function () use ($r, $mutex) {
        $heir = $mutex('expiry', 8);
        refused(ExecutionOutsideLockException::class, fn () => $mutex('expiry', 1)->synchronized(function () use ($r, $heir) {
            // Its key lives for a second longer than it believes.
            $heir->synchronized(fn () => between(1000, $r->pttl('lock_php:expiry'), 9000));
        }));
    },

    // Its release finds another's token where its own was.
    'stranger' => function () use ($r, $mutex) {
        $stranger = $mutex('stranger', 8);
        (function () {
            $this->token = 'a stranger\'s';
        })->call($stranger);
        $mutex('stranger', 8)->synchronized(function () use ($r, $stranger) {
            $token = $r->get('lock_php:stranger');
            $release = new ReflectionMethod($stranger, 'release');
            same($release->invoke($stranger, 'lock_php:stranger'), false);
            same($r->get('lock_php:stranger'), $token);
        });
    },
]);
