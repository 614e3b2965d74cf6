package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	apiPrefix = "/api/"
	// changeTimeout is how long an operator's change is waited for. Most of it is the
	// time that commands in flight may take.
	changeTimeout = 2 * time.Minute
)

// withAPI puts the API before other routes.
func (a *Admin) withAPI(others http.Handler) http.Handler {
	if a.opt.Operator == nil {
		return others
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), apiPrefix) {
			a.api(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// api answers what operators ask for. Whatever changes anything needs the token, which
// no web page can have a browser send along.
func (a *Admin) api(w http.ResponseWriter, r *http.Request) {
	path, err := segments(r.URL.EscapedPath())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	switch {
	case len(path) == 1 && path[0] == "pools":
		if allow(w, r, http.MethodGet, http.MethodHead) {
			reply(w, http.StatusOK, map[string]any{"pools": a.opt.Operator.Pools()})
		}
	case len(path) == 1 && path[0] == "quorums":
		if allow(w, r, http.MethodGet, http.MethodHead) {
			reply(w, http.StatusOK, map[string]any{"quorums": a.quorums(time.Now())})
		}
	case len(path) == 3 && path[0] == "pools" && path[2] == "adopt":
		a.change(w, r, func(ctx context.Context, empty bool) error { return a.opt.Operator.Adopt(ctx, path[1], empty) }, "empty")
	case len(path) == 5 && path[0] == "pools" && path[2] == "nodes" && path[4] == "drain":
		a.change(w, r, func(ctx context.Context, _ bool) error { return a.opt.Operator.Drain(ctx, path[1], path[3]) })
	case len(path) == 5 && path[0] == "pools" && path[2] == "nodes" && path[4] == "undrain":
		a.change(w, r, func(ctx context.Context, _ bool) error { return a.opt.Operator.Undrain(ctx, path[1], path[3]) })
	default:
		refuse(w, http.StatusNotFound, errors.New("there is nothing here"))
	}
}

// segments takes the path of a request to the API apart. A name may hold any character,
// also a slash, if it is escaped.
func segments(escaped string) ([]string, error) {
	parts := strings.Split(strings.TrimPrefix(escaped, apiPrefix), "/")
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// allow reports whether r's method is one of methods, and answers if it is not.
func allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	list := strings.Join(methods, ", ")
	w.Header().Set("Allow", list)
	reply(w, http.StatusMethodNotAllowed, failure{"only " + list + " is allowed here"})
	return false
}

// change carries out what is asked for, if the token is right and the request as simple
// as it should be. It may have the parameters named, which are true or false.
func (a *Admin) change(w http.ResponseWriter, r *http.Request, do func(ctx context.Context, parameter bool) error, parameters ...string) {
	if !allow(w, r, http.MethodPost) || !a.authorized(w, r) {
		return
	}
	if r.ContentLength != 0 {
		refuse(w, http.StatusBadRequest, errors.New("no body is expected"))
		return
	}
	parameter, err := onlyParameter(r.URL.RawQuery, parameters)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	until := time.Now().Add(changeTimeout)
	// The server's own deadline is for what is answered at once.
	_ = http.NewResponseController(w).SetWriteDeadline(until.Add(writeTimeout))
	ctx, cancel := context.WithDeadline(r.Context(), until)
	defer cancel()
	err = do(ctx, parameter)
	asked := a.opt.Log.With("request", r.URL.Path, "query", r.URL.RawQuery, "from", r.RemoteAddr)
	var p *problem
	switch {
	case err == nil:
		asked.Info("did what an operator asked for")
		reply(w, http.StatusOK, map[string]bool{"done": true})
	case errors.As(err, &p):
		asked.Warn("refused what an operator asked for", "cause", err)
		refuse(w, p.status, p)
	case ctx.Err() != nil:
		asked.Warn("what an operator asked for is not done yet", "cause", err)
		refuse(w, http.StatusGatewayTimeout, errors.New("it is not done yet, and goes on"))
	default:
		asked.Warn("could not do what an operator asked for", "cause", err)
		refuse(w, http.StatusInternalServerError, err)
	}
}

// onlyParameter is the one parameter that a query may have. Whatever else it has is an error:
// what was asked for with a typing error is not to be done without it.
func onlyParameter(query string, allowed []string) (set bool, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return false, err
	}
	for name, given := range values {
		if !slices.Contains(allowed, name) || len(given) != 1 || given[0] != "true" && given[0] != "false" {
			return false, errors.New("a parameter is unknown, given twice, or neither true nor false")
		}
		set = given[0] == "true"
	}
	return set, nil
}

// authorized reports whether r has the token, and answers if it has not.
func (a *Admin) authorized(w http.ResponseWriter, r *http.Request) bool {
	if a.token == nil {
		refuse(w, http.StatusForbidden, errors.New("this needs a token, and none is configured: set admin.token_file or admin.token_env"))
		return false
	}
	given := r.Header.Values("Authorization")
	if len(given) == 1 {
		scheme, token, _ := strings.Cut(given[0], " ")
		digest := sha256.Sum256([]byte(token))
		if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(digest[:], a.token[:]) == 1 {
			return true
		}
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	refuse(w, http.StatusUnauthorized, errors.New("this needs the token of admin.token_file or admin.token_env, as Authorization: Bearer TOKEN"))
	return false
}

// failure is the answer to what was not done.
type failure struct {
	Error string `json:"error"`
}

func refuse(w http.ResponseWriter, status int, err error) {
	reply(w, status, failure{err.Error()})
}

// reply writes one line of JSON. Who no longer reads it need not be told.
func reply(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
