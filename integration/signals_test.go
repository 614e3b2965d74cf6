package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestALogWithoutAReaderAndAClosedTerminalLeaveNoClientWithoutItsReply has the
// program log into a pipe that nobody reads from any more, and tells it that its
// terminal is gone.
func TestALogWithoutAReaderAndAClosedTerminalLeaveNoClientWithoutItsReply(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "ringmain.sock"), filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("listeners: [{address: 'unix:%s'}]\nadmin: {address: ''}\nlog: {level: debug}\npools: {main: {embedded: 1}}\n", socket)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "serve", "--config", file)
	cmd.Stderr = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	_, _ = writer.Close(), reader.Close()
	ask := func() string {
		out, _ := exec.Command("redis-cli", "-s", socket, "PING").Output()
		return string(out)
	}
	eventually(t, "it serves", func() bool { return ask() == "PONG\n" })
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	expect(t, "PING", ask(), "PONG\n")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(gross):
		t.Error("it does not end")
	}
}
