package deploy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"ringmain/internal/redistest"
)

func TestTheImageOfTheComposeFileServesAndAnswersItsHealthChecks(t *testing.T) {
	ports := newPorts(t)
	servers, env := startRedis(t)
	project := compose(t)
	w := composed(t, project, ports.in)
	w.env = env
	tree := plant(t, w)
	c := run(t, tree, w, w.args...)
	c.eventually(t, "it is ready", gross, func() error { return get(ports.addr("9381"), "/readyz", nil) })
	c.checkIsolation(t, w)
	serves(t, ports.addr("6380"), servers)

	shipped := mustImage(t).config.Config.Healthcheck
	for name, test := range map[string][]string{
		"image": shipped.Test, "compose": project.Services["ringmain"].HealthCheck.Test,
	} {
		if len(test) < 2 || test[0] != "CMD" || test[1] != "/ringmain" {
			t.Fatalf("the health check of the %s is %q, which the image cannot run", name, test)
		}
		if code := run(t, tree, w, test[2:]...).wait(t, shipped.Timeout); code != 0 {
			t.Errorf("the health check of the %s fails with %d", name, code)
		}
	}
	ends(t, c, w)
	if code := run(t, tree, w, shipped.Test[2:]...).wait(t, shipped.Timeout); code != 1 {
		t.Errorf("the health check of a process that is gone ends with %d, want 1", code)
	}
}

func TestTheSidecarOfTheManifestsServesTheApplicationAndAnswersItsProbes(t *testing.T) {
	ports := newPorts(t)
	c := kubernetes(t, ports.in)
	w := c.workload(t)
	servers, env := startRedis(t, "requirepass", c.secret.StringData["redis-password"])
	w.env = env
	process := run(t, plant(t, w), w, w.args...)
	for name, p := range probes(c.sidecar(t)) {
		within := time.Duration(p.InitialDelaySeconds+p.PeriodSeconds*p.FailureThreshold) * time.Second
		process.eventually(t, name+" probe", max(within, gross), func() error { return ask(p, ports) })
	}
	process.checkIsolation(t, w)
	serves(t, ports.addr("6380"), servers)
	if out := process.said(); strings.Contains(out, `"level":"WARN"`) || strings.Contains(out, `"level":"ERROR"`) {
		t.Errorf("it complains:\n%s", out)
	}

	// The application of the manifests counts for ever: its first words will do.
	box := c.deployment.Spec.Template.Spec.Containers[0]
	ctx, cancel := context.WithTimeout(t.Context(), gross)
	defer cancel()
	application := exec.CommandContext(ctx, box.Command[0], slices.Concat(box.Command[1:], box.Args)...)
	out, err := application.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := application.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "1\n" {
		t.Errorf("the application says %q (%v)", line, err)
	}
	cancel()
	_ = application.Wait() // killed
	ends(t, process, w)
}

func TestTheProgramLearnsOfTheContainersMemory(t *testing.T) {
	ports := newPorts(t)
	w := composed(t, compose(t), ports.in)
	_, w.env = startRedis(t)
	w.files["/proc/self/cgroup"] = "0::/\n"
	w.files["/sys/fs/cgroup/memory.max"] = fmt.Sprintln(w.memory)
	c := run(t, plant(t, w), w, w.args...)
	c.eventually(t, "the metrics are served", gross, func() error {
		return get(ports.addr("9381"), "/metrics", func(body string) error {
			for line := range strings.Lines(body) {
				var got float64
				if _, err := fmt.Sscanf(line, "go_gc_gomemlimit_bytes %g", &got); err == nil {
					if want := float64(w.memory - w.memory/10); got != want {
						t.Errorf("the limit of Go's memory is %.0f, want %.0f", got, want)
					}
					return nil
				}
			}
			return fmt.Errorf("no go_gc_gomemlimit_bytes in\n%s", body)
		})
	})
}

// serves has a real redis-cli use the program at addr, and finds what it wrote on
// the servers.
func serves(t *testing.T, addr string, servers []*redistest.Server) {
	t.Helper()
	host, port, _ := strings.Cut(addr, ":")
	cli := func(args ...string) string {
		out, err := command(t, nil, "redis-cli", append([]string{"-h", host, "-p", port}, args...)...)
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(out)
	}
	const keys = 30
	for i := range keys {
		key := fmt.Sprintf("key:%d", i)
		if got := cli("SET", key, "value of "+key); got != "OK" {
			t.Fatalf("SET %s: %s", key, got)
		}
		if got := cli("GET", key); got != "value of "+key {
			t.Fatalf("GET %s: %s", key, got)
		}
	}
	if got := cli("DBSIZE"); got != fmt.Sprint(keys) {
		t.Errorf("DBSIZE: %s, want %d", got, keys)
	}
	for _, s := range servers {
		n, err := s.Client().DBSize(t.Context()).Result()
		if err != nil || n == 0 || n == keys {
			t.Errorf("server %s has %d of %d keys (%v)", s.Addr(), n, keys, err)
		}
	}
}

// ends asks the program to stop, as a container runtime does.
func ends(t *testing.T, c *contained, w workload) {
	t.Helper()
	if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := c.wait(t, w.stop); code != 0 {
		t.Errorf("after SIGTERM it ends with %d, want 0", code)
	}
}

// ask carries out a probe of the kubelet.
func ask(p *corev1.Probe, ports *renumber) error {
	return get(ports.addr("9381"), p.HTTPGet.Path, nil)
}

// get fails unless the answer is 200 and its body satisfies check.
func get(addr, path string, check func(string) error) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + addr + path)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	if check == nil {
		return nil
	}
	return check(string(body))
}
