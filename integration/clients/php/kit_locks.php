<?php
// What the programs of PHP's lock libraries share: PROGRAM HOST PORT sharded|whole STEP...
//
// Each step prints one line, "ok STEP" or "FAIL STEP: reason".

declare(strict_types=1);

// Notes of the libraries on PHP's newer versions.
error_reporting(E_ALL & ~E_DEPRECATED);

function same($got, $want): void
{
    if ($got !== $want) {
        throw new Exception(substr(json_encode($got), 0, 200) . ', want ' . substr(json_encode($want), 0, 200));
    }
}

function between(int $low, $got, int $high): void
{
    if (!is_int($got) || $got < $low || $got > $high) {
        throw new Exception(json_encode($got) . ", want $low to $high");
    }
}

// What a call throws, which must be of a class.
function refused(string $class, callable $call): void
{
    try {
        $got = $call();
    } catch (Throwable $e) {
        same(get_class($e), $class);
        return;
    }
    throw new Exception('it is not refused but gives ' . json_encode($got));
}

function run(array $steps): void
{
    global $argv;
    foreach (array_slice($argv, 4) as $step) {
        try {
            $steps[$step]();
            echo "ok $step\n";
        } catch (Throwable $e) {
            echo "FAIL $step: ", get_class($e), ': ', str_replace("\n", ' ', $e->getMessage()), "\n";
        }
    }
}
