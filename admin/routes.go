package admin

import (
	"fmt"
	"net/http"
	"runtime"
)

const plainText = "text/plain; charset=utf-8"

// livez says whether every loop turns. Nothing else makes the program worth a
// restart.
func (a *Admin) livez(w http.ResponseWriter, _ *http.Request) {
	for _, l := range a.loops {
		if l.stuck() {
			http.Error(w, fmt.Sprintf("loop %d has not turned for %v", l.index, stuckAfter), http.StatusServiceUnavailable)
			return
		}
	}
	answer(w, http.StatusOK, "ok\n")
}

// readyz says whether clients are wanted here. It does not ask how the servers
// are: without its cache an application goes on, but not without its sidecar.
func (a *Admin) readyz(w http.ResponseWriter, _ *http.Request) {
	switch a.phase.Load() {
	case ready:
		answer(w, http.StatusOK, "ok\n")
	case draining:
		answer(w, http.StatusServiceUnavailable, "draining\n")
	default:
		answer(w, http.StatusServiceUnavailable, "starting\n")
	}
}

func (a *Admin) version(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, struct {
		Version string `json:"version"`
		Go      string `json:"go"`
		OS      string `json:"os"`
		Arch    string `json:"arch"`
	}{a.opt.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH})
}

const indexText = `Ringmain
/livez      200 if every event loop turns, else 503
/readyz     200 if clients are wanted, else 503
/metrics    for Prometheus
/version    as JSON
/api/pools  pools and their servers, as JSON
/api/quorums  quorums and their servers, as JSON
`

func index(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, indexText) }

// answer writes a text. Who no longer reads it need not be told.
func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", plainText)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
