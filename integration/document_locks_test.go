package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// blocksOf are the blocks of a page in a language; "": those without one.
func blocksOf(t *testing.T, page, language string) (blocks []string) {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	in, begin := false, false
	for line := range strings.Lines(string(data)) {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && !in:
			in, begin = true, fence == language
			if begin {
				blocks = append(blocks, "")
			}
		case isFence:
			in, begin = false, false
		case begin:
			blocks[len(blocks)-1] += line
		}
	}
	return blocks
}

func TestTheDocumentsOfLocksAndCountersHaveExamplesThatAreValid(t *testing.T) {
	found := 0
	for _, page := range []string{"../docs/locks.md", "../docs/counters.md", "../README.md"} {
		for _, block := range blocksOf(t, page, "yaml") {
			if !strings.Contains(block, "locks:") && !strings.Contains(block, "counters:") {
				continue
			}
			found++
			if !strings.Contains(block, "quorums:") {
				block += "quorums: {safe: {embedded: 3}}\n"
			}
			if c, err := config.Parse(page, []byte("pools: {main: {nodes: [{name: a, address: 'h:1'}]}}\n"+block)); err != nil {
				t.Errorf("%s:\n%s%v", page, block, err)
			} else if c.Quorums["safe"].Embedded == 0 && len(c.Warnings) > 0 {
				t.Errorf("%s:\n%s%v", page, block, c.Warnings)
			}
		}
	}
	if found < 4 {
		t.Errorf("only %d examples found", found)
	}
}

// The tables of errors begin each row with an error; … stands for what differs.
func TestTheErrorsOfLocksAndCountersInDocumentsAreThose(t *testing.T) {
	code := sourceOf(t, "../lock/*.go") + sourceOf(t, "../counter/*.go") + sourceOf(t, "../quorum/*.go") +
		sourceOf(t, "../proxy/*.go") + sourceOf(t, "../app/*.go") + sourceOf(t, "../lock/scripts/*.go")
	row := regexp.MustCompile("(?m)^\\| (`[A-Z]+ .*?) \\|")
	found := 0
	for _, page := range []string{"../docs/locks.md", "../docs/counters.md"} {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, errors, ok := strings.Cut(string(data), "\n## Errors\n")
		if !ok {
			t.Fatalf("%s has no errors", page)
		}
		errors, _, _ = strings.Cut(errors, "\n## ")
		for _, match := range row.FindAllStringSubmatch(errors, -1) {
			for _, text := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(match[1], -1) {
				found++
				for part := range strings.SplitSeq(strings.Replace(text[1], `1/3 servers of quorum "safe"`, "…", 1), "…") {
					if rest, ok := strings.CutPrefix(part, "UNCERTAIN "); ok {
						part = rest
					}
					if part = strings.Trim(part, " :"); len(part) > 3 && !strings.Contains(code, strings.TrimSuffix(part, " safe")) {
						t.Errorf("%s: %q is in no error: %q", page, text[1], part)
					}
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d errors found", found)
	}
}

func TestTheLogLinesOfQuorumsInDocumentsAreThose(t *testing.T) {
	code, found := sourceOf(t, "../quorum/*.go"), 0
	for _, page := range []string{"../docs/locks.md", "../docs/counters.md", "../docs/failures.md"} {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(string(data)), " ")
		for _, line := range regexp.MustCompile("`((?:server of a quorum|the clock of a server) [^`]*)`").FindAllStringSubmatch(text, -1) {
			if found++; !strings.Contains(code, strconv.Quote(line[1])) {
				t.Errorf("%s: there is no log line %q", page, line[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d lines of the log are named", found)
	}
}

// The three commands of the page are run as they stand there, but for the port and where
// the program lies.
func TestTheStartWithLocksIsAsItsPageSays(t *testing.T) {
	t.Parallel()
	blocks := blocksOf(t, "../docs/locks.md", "")
	commands, want := strings.Split(strings.TrimSpace(blocks[0]), "\n"), blocks[1]
	if len(commands) != 3 || commands[0] != "go build -o ringmain ." {
		t.Fatalf("the commands are %q", commands)
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file := strings.TrimSuffix(strings.TrimPrefix(commands[1], "./ringmain --config "), " &")
	example, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	server := redistest.StartProgram(t, redistest.Program{
		Name: "ringmain", Path: path, Ready: answersPing,
		Args: func(port int, dir string) ([]string, error) {
			copied := filepath.Join(dir, "config.yaml")
			text := "listeners: [{address: '127.0.0.1:" + strconv.Itoa(port) + "'}]\nadmin: {address: ''}\n" + string(example)
			return []string{"--config", copied}, os.WriteFile(copied, []byte(text), 0o600)
		},
	})
	command := strings.Replace(commands[2], "python3", "/usr/bin/python3", 1) + " " + strconv.Itoa(server.Port())
	var out []byte
	for try := 0; ; try++ {
		program := exec.CommandContext(t.Context(), "sh", "-c", command)
		program.Dir = ".."
		if out, err = program.CombinedOutput(); err == nil {
			break
		}
		// A machine that stands still for longer than a lock is granted in is no fault.
		if try == 2 || !strings.Contains(string(out), "NOQUORUM ") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if got := string(out); got != want {
		t.Errorf("it says\n%s\nthe page says\n%s", got, want)
	}
}

// The servers have the lines of redis.conf that the page gives, and are made a quorum with
// the command that it gives.
func TestServersThatAreSetUpAsThePageSaysKeepLocksAndCounters(t *testing.T) {
	t.Parallel()
	var lines, initialise string
	for _, block := range blocksOf(t, "../docs/locks.md", "") {
		if strings.Contains(block, "appendonly ") || strings.Contains(block, "user ringmain ") {
			lines += strings.Replace(block, ">PASSWORD", ">secret", 1)
		}
		if command, ok := strings.CutPrefix(block, "$ ringmain quorum init "); ok {
			initialise, _, _ = strings.Cut(command, "\n")
		}
	}
	if !strings.Contains(lines, "appendonly ") || !strings.Contains(lines, ">secret ") || initialise != "safe" {
		t.Fatalf("the page has the lines %q, and initialises %q", lines, initialise)
	}
	var addresses []string
	for range 3 {
		s := redistest.StartProgram(t, redistest.Program{
			Name: "redis-server", Path: "redis-server",
			Args: func(port int, dir string) ([]string, error) {
				file := filepath.Join(dir, "redis.conf")
				text := lines + "bind 127.0.0.1\nport " + strconv.Itoa(port) + "\ndir " + dir + "\n"
				return []string{file}, os.WriteFile(file, []byte(text), 0o600)
			},
		})
		addresses = append(addresses, "'"+s.Addr()+"'")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := "admin: {address: ''}\npools: {main: {embedded: 1}}\nquorums: {safe: {nodes: [" + strings.Join(addresses, ", ") + "], auth: {username: ringmain, password: secret}}}\n" +
		"locks: [{keys: 'lock:*', quorum: safe}]\ncounters: [{keys: 'counter:*', quorum: safe}]\n"
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), path, append(args, "--config", file)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	proxy := redistest.StartProgram(t, redistest.Program{
		Name: "ringmain", Path: path, Ready: answersPing,
		Args: func(port int, _ string) ([]string, error) {
			all := "listeners: [{address: '127.0.0.1:" + strconv.Itoa(port) + "'}]\n" + text
			return []string{"--config", file}, os.WriteFile(file, []byte(all), 0o600)
		},
	})
	if said := run("check"); strings.Contains(said, "warning: quorums.safe.nodes") || !strings.Contains(said, "note: quorums.safe: is not initialised yet: ringmain quorum init safe\n") {
		t.Errorf("check says\n%s", said)
	}
	if _, err := proxy.Do("INCR", "counter:a"); err == nil || !strings.HasSuffix(err.Error(), "; run: ringmain quorum init safe") {
		t.Errorf("before: %v", err)
	}
	if said := run("quorum", "init", initialise, "--at-once"); !strings.HasPrefix(said, `quorum "safe" is initialised: `) {
		t.Errorf("init says\n%s", said)
	}
	eventually(t, "a counter and a lock", func() bool {
		if n, err := proxy.Do("INCRBY", "counter:a", 0); err != nil || n != int64(0) {
			return false
		}
		reply, err := proxy.Do("SET", "lock:a", "token", "NX", "PX", 60_000)
		return err == nil && reply == "OK"
	})
	if reply, err := proxy.Do("RINGMAIN.FENCE", "lock:a", "token"); err != nil || reply != int64(1) {
		t.Errorf("the lock's number is %v, %v", reply, err)
	}
	if said := run("check"); strings.Contains(said, "warning: quorums.safe.nodes") || strings.Contains(said, "note: quorums.") {
		t.Errorf("check says\n%s", said)
	}
}
