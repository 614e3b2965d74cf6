package deploy

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads the compose file as `docker compose` does: against the schema of
// compose files, and with every reference resolved.
func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose/compose.yaml"}, cli.WithWorkingDirectory("compose"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// composed is the service that runs Ringmain. alter changes the text of what it
// mounts.
func composed(t *testing.T, p *types.Project, alter func(string) string) workload {
	t.Helper()
	s, err := p.GetService("ringmain")
	if err != nil {
		t.Fatal(err)
	}
	entry := mustImage(t).config.Config
	w := workload{
		args: entry.Cmd, env: map[string]string{}, files: map[string]string{},
		readOnly: s.ReadOnly, memory: int64(s.MemLimit), stop: 10 * time.Second,
	}
	if len(s.Command) > 0 {
		w.args = s.Command
	}
	if s.StopGracePeriod != nil {
		w.stop = time.Duration(*s.StopGracePeriod)
	}
	uid, gid, _ := strings.Cut(s.User, ":")
	w.uid, w.gid = number(t, uid), number(t, gid)
	for name, value := range s.Environment {
		w.env[name] = *value
	}
	for _, c := range s.Configs {
		w.files[c.Target] = alter(read(t, p.Configs[c.Source].File))
	}
	return w
}

func number(t *testing.T, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func TestTheComposeFileRunsRingmainInFrontOfThreeServersThatOnlyItReaches(t *testing.T) {
	p := compose(t)
	s := p.Services["ringmain"]
	for _, variable := range []string{"REDIS_A", "REDIS_B", "REDIS_C"} {
		name, port, _ := strings.Cut(*s.Environment[variable], ":")
		server, err := p.GetService(name)
		if err != nil || port != "6379" {
			t.Errorf("%s is %s: %v", variable, *s.Environment[variable], err)
		}
		if len(server.Ports) > 0 || len(server.Networks) != 1 || !p.Networks["servers"].Internal {
			t.Errorf("others reach %s", name)
		}
		if server.HealthCheck == nil {
			t.Errorf("nobody asks %s how it is", name)
		}
	}
	if len(p.Services) != 4 {
		t.Errorf("there are %d services", len(p.Services))
	}
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" || port.Published != strconv.Itoa(int(port.Target)) {
			t.Errorf("port %d is published on %s:%s", port.Target, port.HostIP, port.Published)
		}
	}
	if s.Image != mustDefaultImage(t) {
		t.Errorf("its image is %q, which `make image` does not make", s.Image)
	}
	if !s.ReadOnly || strings.Join(s.CapDrop, "") != "ALL" || len(s.CapAdd) > 0 ||
		strings.Join(s.SecurityOpt, "") != "no-new-privileges:true" {
		t.Errorf("it has rights that it does not need: %v %v %v %v", s.ReadOnly, s.CapDrop, s.CapAdd, s.SecurityOpt)
	}
}

// mustDefaultImage is the name that `make image` gives by default.
func mustDefaultImage(t *testing.T) string {
	t.Helper()
	_, after, _ := strings.Cut(read(t, root, "scripts", "image.sh"), "IMAGE:-")
	name, _, ok := strings.Cut(after, "}")
	if !ok {
		t.Fatal("scripts/image.sh does not name the image")
	}
	return name
}

func TestComposeLeavesRingmainTheTimeAndTheMemoryThatItIsConfiguredFor(t *testing.T) {
	w := composed(t, compose(t), asShipped)
	w.checkTimes(t)
	if _, ok := w.files["/etc/ringmain/config.yaml"]; !ok {
		t.Errorf("it mounts %v", w.files)
	}
	if filepath.Base(compose(t).Configs["ringmain"].File) != "ringmain.yaml" {
		t.Error("its configuration is elsewhere")
	}
}
