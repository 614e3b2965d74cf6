package proxy

import (
	"regexp"
	"strings"
	"testing"

	"ringmain/router"
)

// lines is what a client gets, without times.
func (sc *scene) lines() string {
	return regexp.MustCompile(`\+\d+\.\d{6} \[`).ReplaceAllString(sc.client.take(), "+T [")
}

func (sc *scene) shows(want string) {
	sc.Helper()
	if got := sc.lines(); got != want {
		sc.Errorf("the monitor gets %q, want %q", got, want)
	}
}

// neighbour is another client of the scene's loop.
func (sc *scene) neighbour(id int64) *scene {
	n := &scene{T: sc.T, core: sc.core, loop: sc.loop, client: &stillConn{keep: true}, s: sc.core.NewSession(id, router.ByRoutes)}
	n.s.Opened(n.client, nil)
	return n
}

func TestAMonitorIsShownTheCommandsOfItsLoopAtOnceAndOfOthersTogether(t *testing.T) {
	sc, loop, other := twoLoops(t)
	sc.sends("MONITOR\r\n")
	near := sc.neighbour(3)
	near.sends("set a \"b\\n\\x01\xff\"\r\n")
	sc.shows("+OK\r\n+T [0 client] \"set\" \"a\" \"b\\n\\x01\\xff\"\r\n")
	other.sends("GET a\r\nPING\r\n")
	sc.shows("")
	loop.end()
	if len(sc.loop.posted) != 1 {
		t.Fatalf("%d calls were posted for one iteration", len(sc.loop.posted))
	}
	sc.loop.turn()
	sc.shows("+T [0 client] \"GET\" \"a\"\r\n+T [0 client] \"PING\"\r\n")
}

func TestAMonitorIsShownNeitherSecretsNorAdministratorsNorWhatIsNotExecuted(t *testing.T) {
	sc := newScene(t)
	sc.sends("MONITOR\r\nMONITOR\r\n")
	near := sc.neighbour(3)
	near.sends("AUTH u secret\r\nHELLO 2 AUTH u secret\r\nNOSUCH\r\nGET\r\nCLIENT LIST\r\nSHUTDOWN\r\nCLIENT ID\r\nCONFIG GET save\r\n")
	sc.shows("+OK\r\n+T [0 client] \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n" +
		"+T [0 client] \"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n+T [0 client] \"CLIENT\" \"ID\"\r\n")
}

func TestATransactionIsShownWhenItIsExecuted(t *testing.T) {
	sc := newScene(t)
	sc.sends("MONITOR\r\n")
	near := sc.neighbour(3)
	near.sends("MULTI\r\nSET a b\r\nPING\r\n")
	sc.shows("+OK\r\n+T [0 client] \"MULTI\"\r\n")
	near.sends("EXEC\r\n")
	sc.shows("+T [0 client] \"SET\" \"a\" \"b\"\r\n+T [0 client] \"PING\"\r\n+T [0 client] \"EXEC\"\r\n")
}

func TestAMonitoringClientMayNotTouchKeysAndEndsWithReset(t *testing.T) {
	sc := newScene(t)
	sc.sends("MONITOR\r\nGET a\r\nPING\r\n")
	sc.shows("+OK\r\n-" + errKeyspace + "\r\n+PONG\r\n+T [0 client] \"PING\"\r\n")
	sc.sends("RESET\r\n")
	sc.shows("+RESET\r\n")
	sc.sends("PING\r\n")
	sc.shows("+PONG\r\n")
	sc.sends("MONITOR\r\n")
	sc.s.Closed(nil)
	if sc.core.Peers.attention.Load() != 0 || len(*sc.core.Peers.monitored.Load()) != 0 {
		t.Error("commands are still looked at when no client monitors")
	}
}

func TestAMonitorIsNotHeldBackByAPauseOfAllCommands(t *testing.T) {
	sc := newScene(t)
	sc.sends("MONITOR\r\n")
	sc.neighbour(3).sends("CLIENT PAUSE 1000\r\n")
	if left := sc.sends("PING\r\n"); left != "" {
		t.Errorf("%q is left", left)
	}
}

func TestAMonitorThatDoesNotReadIsCutOff(t *testing.T) {
	sc := newScene(t)
	sc.core.Limits.ClientOutput = softPushed
	sc.sends("MONITOR\r\n")
	near := sc.neighbour(3)
	echo := "ECHO " + strings.Repeat("x", 60<<10) + "\r\n"
	for range 2 * softPushed / len(echo) {
		near.sends(echo)
		near.client.take()
	}
	if !sc.client.aborted || near.client.aborted {
		t.Errorf("cut off: the monitor %v, the other %v", sc.client.aborted, near.client.aborted)
	}
}

func TestAMonitorWhoseLoopHasNoTimeIsCutOffAndLittleIsHeldForIt(t *testing.T) {
	sc, loop, other := twoLoops(t)
	sc.sends("MONITOR\r\n")
	echo := "ECHO " + strings.Repeat("x", 60<<10) + "\r\n"
	for range 3 * maxFeed / len(echo) {
		other.sends(echo)
		other.client.take()
		loop.end()
	}
	if n := len(other.core.feeds[sc.core].lines); n > maxFeed {
		t.Errorf("%d bytes are held", n)
	}
	for range 3 {
		sc.loop.turn()
		loop.turn()
	}
	if !sc.client.aborted {
		t.Error("the monitor has missed lines and stays")
	}
}

// An inline request is put into another form for its note, while a line is given out.
func TestALineOfAMonitorIsItsOwn(t *testing.T) {
	f := newFleetScene(t, 2)
	f.sends("MONITOR\r\nPUBSUB NUMPAT\r\n")
	f.answers(1, ":1\r\n") // held, so that lines are, too
	f.client.take()
	near := &fleetScene{f.neighbour(2)}
	near.sends("AUTH secret\r\n")
	f.answers(0, ":1\r\n")
	if got := f.lines(); got != ":2\r\n+T [0 client] \"AUTH\" \"(redacted)\"\r\n" {
		t.Errorf("the monitor gets %q", got)
	}
}
