//go:build unix

package redistest_test

import (
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// eventually waits for a condition, far longer than it should need.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(gross); !condition(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func do(t *testing.T, s *redistest.Server, args ...any) any {
	t.Helper()
	v, err := s.Do(args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return v
}

func TestAServerAnswersWithTheGivenOptions(t *testing.T) {
	s := redistest.Start(t, "requirepass", "open sesame", "maxclients", "123",
		"client-output-buffer-limit", "normal 64mb 0 0")
	if got := do(t, s, "PING"); got != "PONG" {
		t.Fatalf("PING: %v", got)
	}
	if got := do(t, s, "CONFIG", "GET", "maxclients").([]any)[1]; got != "123" {
		t.Errorf("maxclients is %v", got)
	}
	got := do(t, s, "CONFIG", "GET", "client-output-buffer-limit").([]any)[1].(string)
	if !strings.Contains(got, "normal 67108864 0 0") {
		t.Errorf("client-output-buffer-limit is %q", got)
	}
}

func TestAServerAnswersOnAUnixSocketAndOverIPv6AlsoAfterARestart(t *testing.T) {
	s := redistest.Start(t, "unixsocket", redistest.SocketName, "bind", "127.0.0.1 ::1")
	for range 2 {
		for _, addr := range []string{s.Addr(), s.UnixAddr(), s.Addr6()} {
			c, err := redistest.Dial(addr, gross)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.Do("PING"); got != "PONG" || err != nil {
				t.Errorf("PING at %s: %v, %v", addr, got, err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServersStartedTogetherEachHaveTheirOwnPort(t *testing.T) {
	for range 6 {
		s := redistest.Start(t)
		info := do(t, s, "INFO", "server").(string)
		if !strings.Contains(info, "process_id:"+strconv.Itoa(s.Pid())+"\r\n") {
			t.Errorf("another process answers at %s", s.Addr())
		}
	}
}

func TestAKilledServerComesBackOnItsPortWithWhatItPersisted(t *testing.T) {
	s := redistest.Start(t, "appendonly", "yes", "appendfsync", "always")
	addr := s.Addr()
	do(t, s, "SET", "k", "v")
	s.Kill()
	if _, err := s.Do("PING"); err == nil {
		t.Fatal("a killed server answered")
	}
	if s.Pid() != 0 {
		t.Error("a killed server has a process id")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := do(t, s, "GET", "k"); got != "v" || s.Addr() != addr {
		t.Errorf("GET k at %s: %v, want v at %s", s.Addr(), got, addr)
	}
}

func TestAStoppedServerAnswersOnceItGoesOn(t *testing.T) {
	s := redistest.Start(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := s.Do("PING")
		answer <- err
	}()
	eventually(t, "the process is stopped", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(s.Pid()) + "/stat")
		return err == nil && strings.Contains(string(stat), ") T ")
	})
	select {
	case err := <-answer:
		t.Fatalf("a stopped server answered: %v", err)
	default:
	}
	if err := s.Cont(); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("after SIGCONT: %v", err)
	}
}

func TestAClientOutlivesARestart(t *testing.T) {
	s := redistest.Start(t)
	for range 2 {
		if err := s.Client().Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATerminatedServerEndsByItself(t *testing.T) {
	s := redistest.Start(t)
	done := s.Done()
	if err := s.Terminate(gross); err != nil {
		t.Fatal(err)
	}
	<-done
	if !strings.Contains(s.Log(), "bye bye") {
		t.Errorf("it was not asked, its log says:\n%s", s.Log())
	}
}

func TestAConnReadsEveryKindOfReplyInOrder(t *testing.T) {
	c, err := redistest.Start(t).Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, command := range []string{"SET k 7", "INCR k", "GET none", "HGET k f", "MGET k none"} {
		words := strings.Fields(command)
		args := make([]any, len(words))
		for i, w := range words {
			args[i] = w
		}
		if err := c.Send(args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	wrongType := redistest.Error("WRONGTYPE Operation against a key holding the wrong kind of value")
	for _, want := range []any{"OK", int64(8), nil, wrongType, []any{"8", nil}} {
		got, err := c.Receive()
		if err != nil {
			got = err
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("reply is %#v, want %#v", got, want)
		}
	}
}

func TestAServerThatCannotRunGivesAnErrorWithItsLog(t *testing.T) {
	p, err := redistest.Redis("no-such-option", "1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = redistest.Launch(p)
	if err == nil || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("error is %v, want the server's own words", err)
	}
}

func TestAMissingServerSaysHowToGetIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p, err := redistest.Redis()
	if err != nil {
		t.Fatal(err)
	}
	_, err = redistest.Launch(p)
	if err == nil || err.Error() != "redis-server not found: run `make deps`" {
		t.Errorf("error is %v", err)
	}
}

func TestCloseLeavesNeitherProcessNorFiles(t *testing.T) {
	p, err := redistest.Redis()
	if err != nil {
		t.Fatal(err)
	}
	s, err := redistest.Launch(p)
	if err != nil {
		t.Fatal(err)
	}
	pid, dir := s.Pid(), s.Dir()
	s.Close()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v, want no such process", pid, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v, want it gone", dir, err)
	}
}

// childEnv makes the test program start a server, print its process id and
// wait to be killed.
const childEnv = "REDISTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	p, err := redistest.Redis()
	if err == nil {
		var s *redistest.Server
		if s, err = redistest.Launch(p); err == nil {
			os.Stdout.WriteString(strconv.Itoa(s.Pid()) + " " + s.Dir() + "\n")
			select {}
		}
	}
	os.Stdout.WriteString(err.Error() + "\n")
	os.Exit(1)
}

func TestServersDieWithTheProcessThatStartedThem(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, _ := out.Read(line)
	first, dir, _ := strings.Cut(strings.TrimSpace(string(line[:n])), " ")
	t.Cleanup(func() { os.RemoveAll(dir) })
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatalf("the child said %q", line[:n])
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	eventually(t, "the orphaned server is gone", func() bool {
		// A process that was not reaped yet still takes signals.
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func TestNutcrackerSpreadsKeysOverItsServers(t *testing.T) {
	a, b := redistest.Start(t), redistest.Start(t)
	proxy := redistest.Nutcracker(t, []string{a.Addr() + ":1 a", b.Addr() + ":1 b"}, "ketama", "fnv1a_64",
		"hash_tag", `"{}"`)
	for i := range 100 {
		do(t, proxy, "SET", strconv.Itoa(i*7919)+":key", i)
	}
	onA, onB := do(t, a, "DBSIZE").(int64), do(t, b, "DBSIZE").(int64)
	if onA+onB != 100 || onA == 0 || onB == 0 {
		t.Errorf("%d keys on a, %d on b, want both of 100", onA, onB)
	}
}
