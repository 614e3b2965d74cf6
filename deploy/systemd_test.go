package deploy

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"

	"ringmain/config"
)

// systemd are the settings of the unit, by section and name.
func systemd(t *testing.T) map[string][]string {
	t.Helper()
	options, err := unit.DeserializeOptions(strings.NewReader(read(t, "systemd", "ringmain.service")))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string][]string{}
	for _, o := range options {
		name := o.Section + "." + o.Name
		settings[name] = append(settings[name], o.Value)
	}
	return settings
}

func TestTheSystemdUnitRunsTheProgramWithoutRightsAndWaitsForItsEnd(t *testing.T) {
	settings := systemd(t)
	for name, want := range map[string]string{
		"Service.Type": "notify", "Service.NotifyAccess": "main", "Service.Restart": "on-failure",
		"Service.ExecStart":   "/usr/local/bin/ringmain serve --config /etc/ringmain/config.yaml",
		"Service.DynamicUser": "yes", "Service.NoNewPrivileges": "yes", "Service.ProtectSystem": "strict",
		"Service.PrivateTmp": "yes", "Service.CapabilityBoundingSet": "", "Service.RuntimeDirectory": "ringmain",
		"Service.RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "Install.WantedBy": "multi-user.target",
	} {
		if got, ok := settings[name]; !ok || len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, values := range settings {
		if len(values) > 1 && name != "Service.SystemCallFilter" {
			t.Errorf("%s stands there %d times", name, len(values))
		}
	}
	stop, err := time.ParseDuration(strings.Join(settings["Service.TimeoutStopSec"], ""))
	if d := config.Default().Drain; err != nil || stop < time.Duration(d.Delay+d.Timeout)+5*time.Second {
		t.Errorf("it is killed %v after SIGTERM (%v), and takes up to %v by default", stop, err, d.Delay+d.Timeout)
	}
}

func TestSystemdUnderstandsEveryLineOfTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("systemd-analyze not found: run `make deps`")
	}
	// It looks for the program too.
	text := strings.ReplaceAll(read(t, "systemd", "ringmain.service"), "/usr/local/bin/ringmain", "/bin/true")
	file := filepath.Join(t.TempDir(), "ringmain.service")
	write(t, file, text)
	out, err := command(t, nil, analyze, "verify", "--man=no", file)
	if err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
}
