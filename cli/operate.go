package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"ringmain/config"
)

var (
	drainCommand = Command{
		Name: "drain", Arguments: "NODE [--config FILE]",
		Summary: "Take a server out of a pool that reroutes, for planned work on it",
		Details: `NODE is a node's name or, where pools have nodes of the same name, POOL/NODE. Commands
under way end first; then the node's keys live on the other servers, where they begin
anew. No command fails. When this has returned, the server may be stopped.` + operatorDetails,
	}
	undrainCommand = Command{
		Name: "undrain", Arguments: "NODE [--config FILE]",
		Summary: "Take a drained server back",
		Details: `NODE is as for drain. What is old is deleted from the server first: keys that were
written elsewhere meanwhile or, if not all of them are known, all that it holds.` + operatorDetails,
	}
	adoptCommand = Command{
		Name: "adopt", Arguments: "POOL [--empty] [--config FILE]",
		Summary: "Let a pool that reroutes use servers with data of unknown origin",
		Details: `A pool that reroutes uses servers that hold data, but not its marks, only after this.
Without --empty the data is used as it is: make sure that it is right, and that each key
is where the pool looks for it (ringmain explain). With --empty the servers are emptied.` + operatorDetails,
	}
)

const operatorDetails = `

The running Ringmain is asked at admin.address of the configuration, with the token of
admin.token_file or admin.token_env.`

const (
	// maxAnswer bounds what is read of an answer, which tells of each server.
	maxAnswer = 4 << 20
	// maxRefusal is how much is shown of why something was not done.
	maxRefusal = 1000
	// changeTimeout is longer than the running Ringmain takes to answer.
	changeTimeout = 3 * time.Minute
)

// drain takes a server out.
func drain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return onNode(ctx, NewFlags(drainCommand, stdout, stderr), args, "drained: its keys live on the other servers")
}

// undrain takes a server back.
func undrain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return onNode(ctx, NewFlags(undrainCommand, stdout, stderr), args, "back: its keys live there again")
}

// onNode has what a command is called done to a node. done is how it is then.
func onNode(ctx context.Context, flags *Flags, args []string, done string) int {
	return operate(flags, args, "node", func(o *operator, name string) (string, error) {
		pool, node, err := o.find(ctx, name)
		if err != nil {
			return "", err
		}
		path := "/api/pools/" + url.PathEscape(pool) + "/nodes/" + url.PathEscape(node) + "/" + flags.command.Name
		return fmt.Sprintf("%s/%s is %s", pool, node, done), o.ask(ctx, http.MethodPost, path, nil)
	})
}

// adopt has a pool use servers with data.
func adopt(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := NewFlags(adoptCommand, stdout, stderr)
	empty := flags.Bool("empty", false, "delete all that these servers hold")
	return operate(flags, args, "pool", func(o *operator, pool string) (string, error) {
		path := fmt.Sprintf("/api/pools/%s/adopt?empty=%v", url.PathEscape(pool), *empty)
		return fmt.Sprintf("pool %s is adopted", pool), o.ask(ctx, http.MethodPost, path, nil)
	})
}

// operate reads the flags of a command on one thing, which its argument names, and has
// do ask the running Ringmain and tell what is done then.
func operate(flags *Flags, args []string, thing string, do func(o *operator, name string) (done string, err error)) int {
	file := flags.Config()
	rest, code, over := flags.Parse(args)
	switch {
	case over:
		return code
	case len(rest) == 0:
		return flags.Wrong("which %s?", thing)
	case len(rest) > 1:
		return flags.Wrong("unexpected argument %q", rest[1])
	}
	o, err := operatorOf(*file)
	if err != nil {
		return flags.Failed(err)
	}
	done, err := do(o, rest[0])
	if err != nil {
		return flags.Failed(err)
	}
	fmt.Fprintln(flags.stdout, done)
	return ExitOK
}

// operatorOf asks the Ringmain that runs with the configuration in file, of which nothing
// but admin needs to be valid.
func operatorOf(file string) (*operator, error) {
	admin, err := config.LoadAdmin(file)
	if err == nil {
		err = admin.ReadToken()
	}
	if err != nil {
		return nil, err
	}
	if admin.Address == "" {
		return nil, fmt.Errorf("%s has no admin.address, where a running Ringmain could be asked", file)
	}
	if admin.Token.Reveal() == "" {
		return nil, fmt.Errorf("%s has no token: set admin.token_file or admin.token_env, and start Ringmain anew", file)
	}
	at, err := reachable(file, admin.Address, "give admin.address a port")
	if err != nil {
		return nil, err
	}
	return &operator{at, admin.Token.Reveal()}, nil
}

// operator asks a running Ringmain at an address, with a token.
type operator struct{ address, token string }

// find is the pool and the name of the node that is called NODE or POOL/NODE.
func (o *operator) find(ctx context.Context, name string) (pool, node string, err error) {
	var known struct {
		Pools []struct {
			Name    string
			Servers []struct{ Node string }
		}
	}
	if err := o.ask(ctx, http.MethodGet, "/api/pools", &known); err != nil {
		return "", "", err
	}
	var pools []string
	for _, p := range known.Pools {
		for _, s := range p.Servers {
			if p.Name+"/"+s.Node == name {
				return p.Name, s.Node, nil
			}
			if s.Node == name {
				pools = append(pools, p.Name)
			}
		}
	}
	switch len(pools) {
	case 0:
		return "", "", fmt.Errorf("there is no node %q", name)
	case 1:
		return pools[0], name, nil
	}
	return "", "", fmt.Errorf("several pools have a node %q: say %s", name, strings.Join(pools, "/"+name+" or ")+"/"+name)
}

// ask sends a request, and reads the answer into v, if that is not nil.
func (o *operator) ask(ctx context.Context, method, path string, v any) error {
	limited, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, method, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	if method != http.MethodGet { // for which nobody needs it
		request.Header.Set("Authorization", "Bearer "+o.token)
	}
	response, err := clientFor(o.address).Do(request)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; what has begun goes on")
	case limited.Err() != nil:
		return fmt.Errorf("%s: no answer within %v", o.address, changeTimeout)
	case err != nil:
		return fmt.Errorf("no Ringmain answers at admin.address: %w", errors.Unwrap(err)) // without the URL, whose host is not the address
	}
	defer func() { _ = response.Body.Close() }()
	body := io.LimitReader(response.Body, maxAnswer)
	if response.StatusCode != http.StatusOK {
		return o.refusal(response.StatusCode, body)
	}
	if v == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("%s: what answers there is no Ringmain", o.address)
	}
	return nil
}

// refusal is what an answer says is wrong.
func (o *operator) refusal(status int, body io.Reader) error {
	var answer struct{ Error string }
	err := json.NewDecoder(body).Decode(&answer)
	switch {
	case err != nil || answer.Error == "":
		return fmt.Errorf("%s: %d %s: what answers there is no Ringmain, or an older one", o.address, status, http.StatusText(status))
	case status == http.StatusUnauthorized:
		return errors.New("the token is not the one that the running Ringmain was started with")
	case status == http.StatusForbidden:
		return errors.New("the running Ringmain was started without a token: start it anew")
	}
	shown := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, answer.Error)
	return errors.New(strings.ToValidUTF8(shown[:min(len(shown), maxRefusal)], ""))
}
