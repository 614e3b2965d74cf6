package discovery

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"ringmain/health"
)

// Settings say whom a Watcher asks for what.
type Settings struct {
	// Sentinels are their addresses, host:port.
	Sentinels          []string
	Username, Password string
	ClientName         string
	// Masters are the primaries, by the names that the sentinels have for them.
	Masters []string
	// Timeout bounds the dialling of a sentinel, and its answer to one question.
	Timeout time.Duration
	Log     *slog.Logger
}

const (
	// interval is how often each sentinel is asked when nothing seems to happen.
	interval = 2 * time.Second
	// spacing is the least time between two rounds of questions to one sentinel.
	spacing = 50 * time.Millisecond
)

// Watcher keeps asking sentinels where the primaries are.
type Watcher struct {
	// Moved is told where a primary is now, given by its index in Masters. It is called on
	// the goroutine of Run.
	Moved func(ctx context.Context, master int, to Answer)

	settings  Settings
	sentinels []*sentinel
	news      chan round

	mu     sync.Mutex
	known  []Answer   // by master
	latest [][]Answer // by master, then by sentinel
	// answering has the sentinels that answer at all.
	answering []bool
}

// round is what one sentinel has said of all primaries; err is why it has said nothing.
type round struct {
	sentinel int
	answers  []Answer
	err      error
}

// New makes a watcher; it asks nobody before Ask or Run.
func New(s Settings) *Watcher {
	health.Quiet()
	w := &Watcher{
		settings: s, news: make(chan round), known: make([]Answer, len(s.Masters)),
		latest: make([][]Answer, len(s.Masters)), answering: make([]bool, len(s.Sentinels)),
	}
	for i := range w.latest {
		w.latest[i] = make([]Answer, len(s.Sentinels))
	}
	for _, address := range s.Sentinels {
		w.sentinels = append(w.sentinels, newSentinel(address, s))
	}
	return w
}

// Ask asks all sentinels once, and returns when each has answered or failed. It is called
// before Run, or not at all.
func (w *Watcher) Ask(ctx context.Context) {
	rounds := make([]round, len(w.sentinels))
	var all sync.WaitGroup
	for i, s := range w.sentinels {
		all.Go(func() { rounds[i] = w.ask(ctx, i, s) })
	}
	all.Wait()
	for _, r := range rounds {
		w.note(r)
	}
	for master := range w.known {
		w.decide(master)
	}
}

// Primary is where a primary is, as far as that is known. Any goroutine may call it.
func (w *Watcher) Primary(master int) Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known[master]
}

// Unknown is a clause that says why nothing is known of a primary. Any goroutine may
// call it.
func (w *Watcher) Unknown(master int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, answers := range w.answering {
		if answers {
			return "has no known primary: no sentinel knows of " + w.settings.Masters[master]
		}
	}
	return "has no known primary: no sentinel answers"
}

// Soon has all sentinels asked at once. It never waits; any goroutine may call it.
func (w *Watcher) Soon() {
	for _, s := range w.sentinels {
		select {
		case s.soon <- struct{}{}:
		default:
		}
	}
}

// Run keeps asking until ctx ends, and returns when everything it started has ended.
func (w *Watcher) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	for i, s := range w.sentinels {
		stop := context.AfterFunc(ctx, s.close)
		defer stop()
		all.Go(func() { w.keepAsking(ctx, i, s) })
		all.Go(func() { s.listen(ctx, w.Soon) })
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-w.news:
			w.note(r)
			for master := range w.settings.Masters {
				if to, moved := w.decide(master); moved {
					w.Moved(ctx, master, to)
				}
			}
		}
	}
}

// keepAsking asks one sentinel: every so often, and soon after somebody wants it.
func (w *Watcher) keepAsking(ctx context.Context, i int, s *sentinel) {
	for {
		select {
		case w.news <- w.ask(ctx, i, s):
		case <-ctx.Done():
			return
		}
		pause(ctx, spacing)
		select {
		case <-s.soon:
		case <-time.After(interval):
		case <-ctx.Done():
			return
		}
	}
}

// ask has one sentinel tell of all primaries.
func (w *Watcher) ask(ctx context.Context, i int, s *sentinel) round {
	r := round{sentinel: i, answers: make([]Answer, len(w.settings.Masters))}
	for master, name := range w.settings.Masters {
		if r.answers[master], r.err = s.ask(ctx, name); r.err != nil {
			clear(r.answers)
			break
		}
	}
	if ctx.Err() == nil {
		s.report(w.settings, r)
	}
	return r
}

func (w *Watcher) note(r round) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answering[r.sentinel] = r.err == nil
	for master, a := range r.answers {
		w.latest[master][r.sentinel] = a
	}
}

// decide finds out where a primary is now, and whether that is another place.
func (w *Watcher) decide(master int) (to Answer, moved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.known[master]
	w.known[master] = next(was, w.latest[master])
	return w.known[master], w.known[master].Address != was.Address
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
