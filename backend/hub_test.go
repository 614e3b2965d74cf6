package backend

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringmain/resp"
)

// owner keeps what a hub tells it.
type owner struct{ told []string }

func (o *owner) Up()                   { o.told = append(o.told, "up") }
func (o *owner) Down(unreachable bool) { o.told = append(o.told, fmt.Sprint("down ", unreachable)) }
func (o *owner) Published(raw []byte, p *resp.Published) {
	o.told = append(o.told, fmt.Sprintf("%s=%d/%d", p.Channel, len(p.Payload), len(raw)))
}

func (o *owner) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(o.told, " "); got != strings.Join(want, " ") {
		t.Errorf("told %q, want %q", got, want)
	}
	o.told = nil
}

const (
	subscribe  = "*2\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n"
	subscribed = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
)

func hubScript(t *testing.T) (*script, *owner, *Hub, *wire) {
	s, o := newScript(t), &owner{}
	h := s.node.Hub(o, 200)
	w := s.accept()
	if want := string(resp.AppendCommand(nil, "CLIENT", "SETNAME", "ringmain-x")); w.sent != want {
		t.Errorf("the handshake is %q", w.sent)
	}
	w.sent = ""
	w.says("+OK\r\n")
	o.expect(t, "up")
	return s, o, h, w
}

func message(size int) string {
	return fmt.Sprintf("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$%d\r\n%s\r\n", size, strings.Repeat("x", size))
}

func TestAHubTellsMessagesFromReplies(t *testing.T) {
	s, o, h, w := hubScript(t)
	h.Send(s, 1, []byte(subscribe))
	h.Send(s, 2, []byte(subscribe))
	w.says(message(1) + subscribed[:10])
	w.says(subscribed[10:] + message(2) + "-ERR no\r\n" + message(3))
	o.expect(t, "c=1/31", "c=2/32", "c=3/33")
	s.expect(1, subscribed+".")
	s.expect(2, "-ERR no\r\n.")
}

func TestAMessageInPiecesComesWholeAndOneThatIsTooLongNotAtAll(t *testing.T) {
	_, o, h, w := hubScript(t)
	text := message(100) + message(300) + message(4)
	for i := range text {
		w.says(text[i : i+1])
		if h.Held() > 1024 {
			t.Fatalf("%d bytes are held", h.Held())
		}
	}
	w.says(message(1000) + message(5))
	o.expect(t, "c=100/132", "c=4/34", "c=5/35")
}

func TestWhatALostConnectionLeftInAHubIsForgotten(t *testing.T) {
	s, o, _, w := hubScript(t)
	w.says(message(100)[:50])
	w.breaks()
	o.expect(t, "down false")
	s.pass(maxBackoff)
	s.refuse()
	o.expect(t, "down true")
	w = s.accept()
	w.says("+OK\r\n" + message(1))
	o.expect(t, "up", "c=1/31")
	if len(s.node.debts) > 0 {
		t.Error("a hub that was lost is fenced")
	}
}

func TestASilentHubAsksForASignOfLife(t *testing.T) {
	s, o, _, w := hubScript(t)
	s.pass(hubPing - time.Millisecond)
	if w.sent != "" {
		t.Fatalf("too early, %q is sent", w.sent)
	}
	s.pass(time.Millisecond)
	if w.sent != string(ping) {
		t.Fatalf("sent %q", w.sent)
	}
	w.says("*2\r\n$4\r\npong\r\n$0\r\n\r\n")
	s.pass(hubPing)
	w.says("+PONG\r\n") // of one that has subscribed to nothing
	o.expect(t)
	s.pass(hubPing + s.node.opt.Slow)
	w.settle()
	if !w.aborted {
		t.Error("the connection is kept")
	}
	o.expect(t, "down false")
}

func TestABusyServerDoesNotLoseItsHub(t *testing.T) {
	s, o, h, w := hubScript(t)
	h.Send(s, 1, []byte(subscribe))
	s.pass(s.node.opt.Slow - time.Millisecond)
	w.says(subscribed)
	s.expect(1, subscribed+".")
	o.expect(t)
}

func TestWhatAHubAwaitsExcusesNoServer(t *testing.T) {
	s, _, h, _ := hubScript(t)
	h.Send(s, 1, []byte(subscribe))
	if s.node.opt.Learned.Slow() {
		t.Error("a server that does not answer is taken to be busy")
	}
}

func TestAHubGoesOnWhileItsServerIsFoundDownIfNothingIsUnanswered(t *testing.T) {
	s, o, h, w := hubScript(t)
	s.node.Judge("is loading its data")
	h.Send(s, 1, []byte(subscribe))
	w.says(subscribed + message(3))
	s.expect(1, subscribed+".")
	o.expect(t, fmt.Sprintf("c=3/%d", len(message(3))))
	h.Send(s, 2, []byte(subscribe))
	s.node.Judge("does not answer")
	w.settle()
	o.expect(t, "down false")
}

func TestAReplyThatAHubHasNotAskedForEndsIt(t *testing.T) {
	_, o, _, w := hubScript(t)
	w.says(subscribed)
	o.expect(t, "down false")
}

func TestAHubEndsWithItsNode(t *testing.T) {
	s, o, h, w := hubScript(t)
	h.Send(s, 1, []byte(subscribe))
	s.node.Close()
	w.settle()
	if !w.aborted {
		t.Error("the connection is kept")
	}
	o.expect(t)
}

func FuzzAHubTakesAnyBytes(f *testing.F) {
	f.Add([]byte(message(3)+subscribed), byte(1))
	f.Add([]byte("*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$0\r\n\r\n"+message(300)+"-ERR x\r\n"), byte(5))
	f.Add([]byte("*2\r\n$4\r\npong\r\n$0\r\n\r\n+PONG\r\n$-1\r\n|1\r\n+a\r\n+b\r\n:1\r\n"), byte(2))
	f.Fuzz(func(t *testing.T, in []byte, cut byte) {
		run := func(step int) string {
			s, o, h, w := hubScript(t)
			for seq := range uint64(2) {
				h.Send(s, seq, []byte(subscribe))
			}
			for at := 0; at < len(in) && w.h != nil && !w.aborted; at += step {
				w.says(string(in[at:min(len(in), at+step)]))
			}
			return fmt.Sprint(o.told, s.got)
		}
		if whole, pieces := run(len(in)+1), run(int(cut)+1); whole != pieces {
			t.Errorf("whole: %s\nin pieces: %s", whole, pieces)
		}
	})
}
