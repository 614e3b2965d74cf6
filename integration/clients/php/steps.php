<?php
// Tries phpredis with its default settings: steps.php HOST PORT sharded|whole STEP...
//
// Each step prints one line, "ok STEP" or "FAIL STEP: reason".

declare(strict_types=1);

ini_set('memory_limit', '-1'); // stepping through 1,000 values of 1 MiB
// PHP gives up on a socket after so long, also where Redis would block longer.
ini_set('default_socket_timeout', '60');

function client(): Redis
{
    global $argv;
    $r = new Redis();
    $r->connect($argv[1], (int) $argv[2]);
    return $r;
}

function same($got, $want): void
{
    if ($got !== $want) {
        throw new Exception(substr(json_encode($got), 0, 200) . ', want ' . substr(json_encode($want), 0, 200));
    }
}

function ask(string ...$words): void
{
    echo '> ', implode(' ', $words), "\n";
}

// Calls until the library has connected again by itself.
function works_again(Redis $r): void
{
    for ($i = 0; $i < 1000; $i++) {
        try {
            same($r->set('again', 'yes'), true);
            return;
        } catch (RedisException $e) {
            usleep(5000);
        }
    }
    throw new Exception('it never connects again');
}

// Runs what listens for messages until its connection is closed.
function listens(callable $subscribe): void
{
    try {
        $subscribe();
    } catch (RedisException $e) {
        same($e->getMessage(), 'Connection closed');
        return;
    }
    throw new Exception('it no longer listens');
}

// The error of a command that fails. The library returns false and keeps the text.
function refused(Redis $r, $got): string
{
    same($got, false);
    $text = $r->getLastError();
    $r->clearLastError();
    return rtrim((string) $text, " \0"); // some come with C's end of a string
}

$steps = [
    'connect' => function (Redis $r, Redis $other): void {
        same($r->ping(), true);
        same($r->client('setname', 'php'), true);
        same($r->client('getname'), 'php');
    },

    'values' => function (Redis $r, Redis $other): void {
        $every = pack('C*', ...range(0, 255));
        same($r->set('bytes', $every), true);
        same($r->get('bytes') === $every, true);
        same($r->get('nothing'), false);
        same($r->hMSet('hash', ['a' => 1, 'b' => 2]), true);
        same($r->hGetAll('hash'), ['a' => '1', 'b' => '2']);
    },

    'pipeline' => function (Redis $r, Redis $other): void {
        $p = $r->pipeline();
        $want = [];
        for ($i = 0; $i < 1000; $i++) {
            $p->incr('count' . $i % 10);
            $want[] = intdiv($i, 10) + 1;
        }
        same($p->exec(), $want);
    },

    'mebibytes' => function (Redis $r, Redis $other): void {
        $want = [];
        $p = $r->pipeline();
        for ($i = 0; $i < 8; $i++) {
            $want[] = str_repeat(chr(65 + $i) . '123456789abcdef', 65536);
            $p->set("mebibyte$i", $want[$i]);
        }
        same($p->exec(), array_fill(0, 8, true));
        $p = $r->pipeline();
        for ($i = 0; $i < 1000; $i++) {
            $p->get('mebibyte' . $i % 8);
        }
        $got = $p->exec();
        same(count($got), 1000);
        foreach ($got as $i => $value) {
            if ($value !== $want[$i % 8]) {
                throw new Exception("value $i is not what was set: " . substr(var_export($value, true), 0, 100));
            }
        }
    },

    'many' => function (Redis $r, Redis $other): void {
        $pairs = [];
        for ($i = 0; $i < 200; $i++) {
            $pairs["many$i"] = "value$i";
        }
        same($r->mSet($pairs), true);
        same($r->mGet([...array_keys($pairs), 'none']), [...array_values($pairs), false]);
    },

    'multi' => function (Redis $r, Redis $other): void {
        $got = $r->multi()->set('{m}a', '1')->incr('{m}a')->lPush('{m}l', 'x', 'y')->lRange('{m}l', 0, -1)->exec();
        same($got, [true, 2, 2, ['y', 'x']]);
    },

    'watch' => function (Redis $r, Redis $other): void {
        $r->set('{w}a', '1');
        same($r->watch('{w}a'), true);
        $other->set('{w}a', '2');
        same($r->multi()->set('{w}b', 'lost')->exec(), false);
        same($r->exists('{w}b'), 0);
        same($r->watch('{w}a'), true);
        same($r->get('{w}a'), '2');
        same($r->multi()->set('{w}b', 'won')->exec(), [true]);
        same($r->get('{w}b'), 'won');
    },

    'block' => function (Redis $r, Redis $other): void {
        ask('push', 'queue', 'work');
        same($r->blPop('queue', 20), ['queue', 'work']);
        same($r->blPop('queue', 1), []);
    },

    'pubsub' => function (Redis $r, Redis $other): void {
        $got = [];
        // The library listens until its connection is gone; it then makes another.
        $take = function (Redis $r, string ...$words) use (&$got, $other): void {
            $got[] = $words;
            $channel = $words[count($words) - 2];
            if (end($words) === 'first') {
                $got[] = $other->publish($channel, 'second');
                return;
            }
            same(count($words) === 2 ? $r->unsubscribe(['channel']) : $r->punsubscribe(['patt*']), [$words[0] => true]);
            same($other->publish($channel, 'third'), 0);
            $r->close();
        };
        ask('publish', 'channel', 'first');
        listens(fn () => $r->subscribe(['channel'], $take));
        ask('match', 'pattern', 'first');
        listens(fn () => $r->psubscribe(['patt*'], $take));
        same($got, [
            ['channel', 'first'], 1, ['channel', 'second'],
            ['patt*', 'pattern', 'first'], 1, ['patt*', 'pattern', 'second'],
        ]);
        same($r->get('nothing'), false);
    },

    'scan' => function (Redis $r, Redis $other): void {
        $keys = [];
        $p = $r->pipeline();
        for ($i = 0; $i < 1000; $i++) {
            $keys["scan$i"] = true;
            $p->set("scan$i", '');
        }
        $p->exec();
        $seen = [];
        $cursor = null;
        do {
            foreach ($r->scan($cursor, 'scan*') ?: [] as $key) {
                $seen[$key] = true;
            }
        } while ($cursor > 0);
        ksort($keys);
        ksort($seen);
        same($seen, $keys);
    },

    'script' => function (Redis $r, Redis $other): void {
        $double = 'return {KEYS[1], tonumber(ARGV[1]) * 2}';
        $digest = sha1($double);
        same(refused($r, $r->evalSha($digest, ['s', 21], 1)), 'NOSCRIPT No matching script. Please use EVAL.');
        same($r->eval($double, ['s', 21], 1), ['s', 42]);
        same($r->evalSha($digest, ['s', 4], 1), ['s', 8]);
    },

    'errors' => function (Redis $r, Redis $other): void {
        global $argv;
        $before = $r->client('id');
        $r->set('string', 'x');
        same(refused($r, $r->lPush('string', 'y')), 'WRONGTYPE Operation against a key holding the wrong kind of value');
        same(refused($r, $r->rawCommand('NOSUCH', 'x')), "ERR unknown command 'NOSUCH', with args beginning with: 'x'");
        same(refused($r, $r->incr('string')), 'ERR value is not an integer or out of range');
        same(refused($r, $r->rawCommand('GET')), "ERR wrong number of arguments for 'get' command");
        $crossed = 0;
        for ($i = 0; $i < 50; $i++) {
            $r->set("from$i", 'x');
            try {
                same($r->rename("from$i", "to$i"), true);
            } catch (RedisException $e) { // as it does for the codes that it does not know
                same($e->getMessage(), "CROSSSLOT Keys in request don't hash to the same slot");
                $crossed++;
            }
        }
        same($crossed > 0, $argv[3] === 'sharded');
        same($r->client('id'), $before);
    },

    'killed' => function (Redis $r, Redis $other): void {
        $before = $r->client('id');
        same($other->rawCommand('CLIENT', 'KILL', 'ID', $before), 1);
        works_again($r);
        same($r->client('id') > $before, true);
    },

    'restarted' => function (Redis $r, Redis $other): void {
        ask('restart');
        same(fgets(STDIN), "done\n");
        works_again($r);
        same($r->get('again'), 'yes');
    },
];

[$r, $other] = [client(), client()];
foreach (array_slice($argv, 4) as $step) {
    try {
        $steps[$step]($r, $other);
        echo "ok $step\n";
    } catch (Throwable $e) {
        echo "FAIL $step: ", get_class($e), ': ', json_encode($e->getMessage()), "\n";
    }
}
