package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"ringmain/config"
)

var probeCommand = Command{
	Name: "probe", Arguments: "live|ready [--config FILE | --address HOST:PORT]",
	Summary: "Ask a running Ringmain how it is",
	Details: `The exit code is 0 if it lives, or takes clients; else 1, and the standard error
output says why. It is asked at admin.probe_address or, without one, at admin.address,
of the configuration, of which nothing else needs to be valid.`,
}

const (
	probeTimeout = 2 * time.Second
	// maxReason is how much of an answer is shown; it may be another program's.
	maxReason = 200
)

// probe asks a running Ringmain whether it lives, or takes clients.
func probe(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := NewFlags(probeCommand, stdout, stderr)
	file := flags.Config()
	address := flags.String("address", "", "ask at `HOST:PORT` rather than where the configuration says")
	rest, code, done := flags.Parse(args)
	switch {
	case done:
		return code
	case len(rest) == 0:
		return flags.Wrong("whether it is live, or ready?")
	case rest[0] != "live" && rest[0] != "ready":
		return flags.Wrong("unknown probe %q; there are live and ready", rest[0])
	case len(rest) > 1:
		return flags.Wrong("unexpected argument %q", rest[1])
	}
	at, err := *address, error(nil)
	if at == "" {
		if at, err = probeAddress(*file); err != nil {
			return flags.Failed(err)
		}
	}
	if err := askProbe(ctx, at, "/"+rest[0]+"z"); err != nil {
		return flags.Failed(fmt.Errorf("%s: %w", at, err))
	}
	fmt.Fprintln(stdout, "ok")
	return ExitOK
}

// probeAddress is where the configuration has probes answered, as this machine
// reaches it.
func probeAddress(file string) (string, error) {
	admin, err := config.LoadAdmin(file)
	if err != nil {
		return "", err
	}
	at := admin.ProbeAddress
	if at == "" {
		at = admin.Address
	}
	if at == "" {
		return "", fmt.Errorf("%s has neither admin.probe_address nor admin.address: give --address", file)
	}
	return reachable(file, at, "give --address")
}

// reachable is an address of the configuration as this machine reaches it. remedy is what
// to do where that is not known.
func reachable(file, at, remedy string) (string, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return "", err
	}
	if port == "0" {
		return "", fmt.Errorf("%s leaves the port to the system (%s): %s", file, at, remedy)
	}
	if host == "localhost" { // which an image without /etc/hosts cannot look up
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil // all interfaces, when dialled, mean this machine
}

// askProbe returns nil if what is asked for at an address is answered with 200.
func askProbe(ctx context.Context, address, path string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	response, err := clientFor(address).Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", probeTimeout)
	}
	if err != nil {
		return errors.Unwrap(err) // without the URL, whose host is not the address
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return answered(response)
}

// clientFor speaks HTTP to the one address, whatever the URL says.
func clientFor(address string) *http.Client {
	var dialer net.Dialer
	return &http.Client{
		// Not the default one, which may go by a proxy of the environment.
		Transport: &http.Transport{
			DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, address)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answered is the error of an answer that is none of the expected, which may be another
// program's.
func answered(response *http.Response) error {
	why, _ := io.ReadAll(io.LimitReader(response.Body, maxReason))
	return fmt.Errorf("%d %s: %s", response.StatusCode, http.StatusText(response.StatusCode), escape(bytes.TrimSpace(why)))
}
