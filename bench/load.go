package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"ringmain/internal/redistest"
)

const (
	// runLimit is after how long one run of redis-benchmark is given up.
	runLimit = 60 * time.Second
	// stderrShown is how much of redis-benchmark's complaints an error shows.
	stderrShown = 500
)

// sample is what one run of a load gave, such as redis-benchmark.
type sample struct {
	rps      float64 // commands a second, not round trips
	p50, p99 float64 // ms
	cpu      float64 // of the proxy, µs an operation
	rss      float64 // of the proxy after the run, MiB

	// What else the operations cost, where it is of interest, µs each.
	servers float64 // all servers together
	load    float64 // the program that makes the load, with the library it uses
}

// notMeasured keeps the rounds of the targets side by side.
func notMeasured() sample {
	nan := math.NaN()
	return sample{nan, nan, nan, nan, nan, nan, nan}
}

// benchmark runs c with n requests against addr. more are flags of redis-benchmark.
func benchmark(ctx context.Context, addr string, c benchCase, n int, more ...string) (sample, error) {
	args := []string{"-n", strconv.Itoa(n), "-c", strconv.Itoa(c.clients), "-P", strconv.Itoa(c.pipeline),
		"-r", strconv.Itoa(keySpace(c.size)), "-d", strconv.Itoa(c.size)}
	args = append(args, more...)
	if c.op == opMget {
		args = append(args, "MGET")
		for range mgetKeys {
			args = append(args, "key:__rand_int__")
		}
	} else {
		args = append(args, "-t", strings.ToLower(string(c.op)))
	}
	return redisBenchmark(ctx, addr, args...)
}

// redisBenchmark runs the program of that name against addr.
func redisBenchmark(ctx context.Context, addr string, flags ...string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	host, port, ok := strings.Cut(addr, ":")
	if !ok {
		return sample{}, fmt.Errorf("address %q has no port", addr)
	}
	args := append([]string{"-h", host, "-p", port, "--csv"}, flags...)
	cmd := exec.CommandContext(ctx, "redis-benchmark", args...)
	cmd.SysProcAttr = loadAttributes()
	cmd.WaitDelay = time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	text := strings.TrimSpace(complaints.String())
	switch {
	case context.Cause(ctx) != nil && err != nil:
		return sample{}, fmt.Errorf("redis-benchmark was stopped: %w", context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return sample{}, errors.New("redis-benchmark not found: run `make deps`")
	case err != nil || strings.Contains(text, "Error") || strings.Contains(out.String(), "Error from server"):
		return sample{}, fmt.Errorf("redis-benchmark: %v: %s", err, text[:min(len(text), stderrShown)])
	}
	return parseCSV(out.String())
}

// parseCSV reads the one row that redis-benchmark --csv prints, after a header.
func parseCSV(text string) (sample, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 2 {
		return sample{}, fmt.Errorf("unexpected output of redis-benchmark: %q", text)
	}
	var s sample
	fields := map[string]*float64{"rps": &s.rps, "p50_latency_ms": &s.p50, "p99_latency_ms": &s.p99}
	for i, name := range rows[0] {
		p := fields[name]
		if p == nil {
			continue
		}
		delete(fields, name)
		if *p, err = strconv.ParseFloat(rows[1][i], 64); err != nil {
			return sample{}, fmt.Errorf("redis-benchmark, column %s: %w", name, err)
		}
	}
	if len(fields) > 0 || s.rps <= 0 {
		return sample{}, fmt.Errorf("redis-benchmark gave no %d of its columns: %q", len(fields), text)
	}
	return s, nil
}

// preload loads the keys through every target: each places them its own way.
func (f *fleet) preload(ctx context.Context, size int) error {
	for _, t := range f.targets {
		if err := preload(ctx, t.server.Addr(), size); err != nil {
			return err
		}
	}
	return nil
}

// preload sets every key that redis-benchmark can ask for, so that reads hit.
func preload(ctx context.Context, addr string, size int) error {
	c, err := redistest.Dial(addr, runLimit)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	value := strings.Repeat("x", size)
	batch := max(1, min(500, (1<<20)/size))
	for first := 0; first < keySpace(size); first += batch {
		last := min(first+batch, keySpace(size))
		for i := first; i < last; i++ {
			if err := c.Send("SET", fmt.Sprintf("key:%012d", i), value); err != nil {
				return err
			}
		}
		if err := c.Flush(); err != nil {
			return err
		}
		for range last - first {
			if _, err := c.Receive(); err != nil {
				return fmt.Errorf("loading keys through %s: %w", addr, err)
			}
		}
	}
	return nil
}
