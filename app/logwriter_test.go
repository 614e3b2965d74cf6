package app

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
)

// reader is a log's reader that reads only when it is told to.
type reader struct {
	bytes.Buffer
	more chan struct{}
}

func (r *reader) Write(b []byte) (int, error) {
	<-r.more
	return r.Buffer.Write(b)
}

func TestALogWhoseReaderStandsStillHoldsNobodyUpAndSaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{more: make(chan struct{})}
		l := NewLogWriter(r)
		for range maxLogLines + 10 {
			_, _ = l.Write([]byte("line\n"))
			synctest.Wait()
		}
		close(r.more)
		synctest.Wait()
		_, _ = l.Write([]byte("the last\n"))
		l.Close()
		text := r.String()
		if n := strings.Count(text, "line\n"); n < maxLogLines || n > maxLogLines+1 {
			t.Errorf("%d lines are kept", n)
		}
		if !strings.Contains(text, "9 lines of the log are missing here") || !strings.HasSuffix(text, "the last\n") {
			t.Errorf("the log ends with %q", text[len(text)-100:])
		}
		_, _ = l.Write([]byte("too late\n"))
	})
}

func TestClosingALogDoesNotWaitForAReaderThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{more: make(chan struct{})}
		l := NewLogWriter(r)
		_, _ = l.Write([]byte("line\n"))
		l.Close() // in the bubble's time
		close(r.more)
		synctest.Wait()
	})
}
