package local

import (
	"bytes"
	"strings"
	"testing"

	"ringmain/command"
)

func TestPasswordsAreRedactedWhereverTheyStand(t *testing.T) {
	for request, want := range map[string]string{
		"AUTH p":                       "AUTH (redacted)",
		"AUTH u p":                     "AUTH (redacted) (redacted)",
		"HELLO 3 AUTH u p SETNAME me":  "HELLO 3 AUTH (redacted) (redacted) SETNAME me",
		"HELLO 3 SETNAME me auth u p":  "HELLO 3 SETNAME me auth (redacted) (redacted)",
		"HELLO 3 AUTH u p AUTH v q":    "HELLO 3 AUTH (redacted) (redacted) AUTH (redacted) (redacted)",
		"HELLO 3 AUTH auth p AUTH v q": "HELLO 3 AUTH (redacted) (redacted) AUTH (redacted) (redacted)",
		"HELLO 3 AUTH\x00x u p":        "HELLO 3 AUTH\x00x (redacted) (redacted)",
		"HELLO 3 AUTH u":               "HELLO 3 AUTH (redacted)",
		"GET AUTH":                     "GET AUTH",
	} {
		var args [][]byte
		for _, word := range strings.Split(request, " ") {
			args = append(args, []byte(word))
		}
		if got := string(bytes.Join(Redacted(command.Lookup(args), args), []byte(" "))); got != want {
			t.Errorf("%q: %q, want %q", request, got, want)
		}
		if string(bytes.Join(args, []byte(" "))) != request {
			t.Errorf("%q has become %q", request, args)
		}
	}
}
