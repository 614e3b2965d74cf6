package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Bounds of what one listener can be made to hold, and for how long. Whoever asks
// comes every few seconds at most, so that an idle connection is worth little.
const (
	maxConnections = 32
	maxHeader      = 8 << 10
	headerTimeout  = 2 * time.Second
	readTimeout    = 5 * time.Second
	writeTimeout   = 10 * time.Second
	idleTimeout    = 3 * time.Second
	// lastAnswers is how long answers may take that are under way at the end.
	lastAnswers = time.Second
)

func (a *Admin) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:                      answering(h),
		ConnContext:                  remember,
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     slog.NewLogLogger(a.opt.Log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	over, end := context.WithCancel(ctx)
	go func() {
		defer close(stopped)
		<-over.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close() // who has not been answered by now does not read
		}
	}()
	err := server.Serve(&crowded{Listener: l, most: maxConnections})
	end()
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// guard answers what a route of that exact path is asked, and refuses the rest.
func guard(routes map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, known := routes[r.URL.Path]
		switch {
		case !known:
			http.Error(w, "there is nothing here", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are allowed", http.StatusMethodNotAllowed)
		default:
			route.ServeHTTP(w, r)
		}
	})
}

// plain tells browsers that answers are neither kept nor anything but what they
// say they are.
func plain(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.ServeHTTP(w, r)
	})
}

// localOnly refuses requests for a host that has a name: a web page may give its
// own name this machine's address, and its visitor's browser would let it read what
// comes from there (DNS rebinding).
func localOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalHost(r.Host) {
			http.Error(w, "ask for localhost or for an IP address", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// isLocalHost reports whether a Host header is localhost or an IP address. Only
// programs leave it out, as HTTP/1.0 allows.
func isLocalHost(header string) bool {
	host := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		host = h
	} else if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	if host == "" || strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
