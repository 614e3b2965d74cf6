package app

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// maxLogLines are kept for a reader that is slower than the log.
	maxLogLines = 4096
	// lastLines is how long the last lines may take at the end.
	lastLines = time.Second
)

// LogWriter writes the lines of a log from a goroutine of its own, so that a
// reader that stands still does not make those wait who log: event loops among
// them. What is too much is dropped, and counted in a line of its own.
type LogWriter struct {
	to    io.Writer
	lines chan []byte
	ended chan struct{}

	mu      sync.Mutex
	dropped int
	closed  bool
}

// NewLogWriter begins to write to w, which is not used by anybody else until Close.
func NewLogWriter(w io.Writer) *LogWriter {
	l := &LogWriter{to: w, lines: make(chan []byte, maxLogLines), ended: make(chan struct{})}
	go l.run()
	return l
}

// Write takes a copy of one line, and never fails. Any goroutine may call it.
func (l *LogWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return len(line), nil
	}
	select {
	case l.lines <- append([]byte(nil), line...):
	default:
		l.dropped++
	}
	return len(line), nil
}

func (l *LogWriter) run() {
	defer close(l.ended)
	for line := range l.lines {
		_, _ = l.to.Write(line) // whom could it be told?
		if n := l.takeDropped(); n > 0 {
			_, _ = fmt.Fprintf(l.to, "(%d lines of the log are missing here: its reader was too slow)\n", n)
		}
	}
}

// takeDropped is how many lines were dropped, once there is room again.
func (l *LogWriter) takeDropped() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) > 0 {
		return 0
	}
	n := l.dropped
	l.dropped = 0
	return n
}

// Close waits until what was written is out, but no longer than a second for a
// reader that stands still. Lines that come later are dropped.
func (l *LogWriter) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.lines)
	}
	l.mu.Unlock()
	timer := time.NewTimer(lastLines)
	defer timer.Stop()
	select {
	case <-l.ended:
	case <-timer.C:
	}
}
