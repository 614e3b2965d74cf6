package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"ringmain/admin"
	"ringmain/config"
	"ringmain/internal/redistest"
)

// withAdmin has Ringmain speak HTTP on a free port.
func withAdmin(c *config.Config) { c.Admin.Address = "127.0.0.1:0" }

// get asks Ringmain over HTTP.
func (r *ringmain) get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	response, err := http.Get("http://" + r.admin[0] + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// series are all that /metrics gives: values by name and labels. Histograms count
// with their number of observations.
func (r *ringmain) series(t testing.TB) map[string]float64 {
	t.Helper()
	status, body := r.get(t, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d %s", status, body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all[name+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func TestMetricsTellWhatHasHappened(t *testing.T) {
	list := startRedis(t, 2)
	r := start(t, servers(list...), loops(2), withAdmin)
	w := dial(t, r.Addr())
	for i := range 20 {
		w.do("SET", fmt.Sprint("key", i), "v")
	}
	w.do("INCR", "key1")
	w.do("NOSUCH")
	w.do("SWAPDB", "0", "1")
	w.do("MGET", "key1", "key2", "key3", "key4")
	dial(t, r.Addr()).send("*1\r\nx\r\n") // no request
	want := map[string]float64{
		"ringmain_clients_connected{}":                          1,
		"ringmain_clients_accepted_total{}":                     2,
		"ringmain_clients_cut_total{reason=protocol}":           1,
		"ringmain_commands_total{family=string,result=ok}":      21,
		"ringmain_commands_total{family=string,result=error}":   1,
		"ringmain_commands_total{family=unknown,result=error}":  2,
		"ringmain_commands_total{family=server,result=refused}": 1,
		"ringmain_command_duration_seconds{family=string}":      22,
	}
	var got map[string]float64
	eventually(t, "the counters have come up", func() bool {
		got = r.series(t)
		return got["ringmain_clients_connected{}"] == 1 && got["ringmain_clients_cut_total{reason=protocol}"] == 1
	})
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	up := func(node string) float64 { return r.series(t)["ringmain_server_up{node="+node+",pool=main}"] }
	if up("a") != 1 || up("b") != 1 {
		t.Errorf("up: a %v, b %v", up("a"), up("b"))
	}
	list[0].Kill()
	eventually(t, "the server counts as down", func() bool {
		w.do("MGET", "key1", "key2", "key3", "key4")
		return up("a") == 0
	})
	if up("b") != 1 {
		t.Error("the other server is down, too")
	}
	got = r.series(t)
	if got["ringmain_server_errors_total{kind=lost,node=a,pool=main}"] == 0 || got["ringmain_commands_total{family=string,result=clusterdown}"] == 0 {
		t.Errorf("nothing is counted of the loss: %v", got)
	}
}

func TestTheNumberOfSeriesDoesNotDependOnClients(t *testing.T) {
	r := start(t, servers(startRedis(t, 2)...), withAdmin)
	w := dial(t, r.Addr())
	w.do("SET", "k", "v")
	before := len(r.series(t))
	const different = 10_000
	for i := 0; i < different; i += 100 {
		batch := ""
		for n := i; n < i+100; n++ {
			batch += array(fmt.Sprint("COMMAND", n)) + array("SET", fmt.Sprint("key", n), "v") + array("CLIENT", "SETNAME", fmt.Sprint("name", n))
		}
		w.send(batch)
		w.replies(300)
	}
	after := r.series(t)
	if len(after) != before {
		t.Errorf("%d series, %d before", len(after), before)
	}
	if n := after["ringmain_commands_total{family=unknown,result=error}"]; n != different {
		t.Errorf("%v unknown commands are counted", n)
	}
}

// TestWithAllServersDownTheProxyIsReadyAndItsLogStaysClear takes everything away
// that Ringmain stands in front of: an application goes on without its cache, and
// must not be taken out of service for it.
func TestWithAllServersDownTheProxyIsReadyAndItsLogStaysClear(t *testing.T) {
	list := startRedis(t, 3)
	r := start(t, servers(list...), loops(2), withAdmin)
	w := dial(t, r.Addr())
	expect(t, "SET", w.do("SET", "k", "v"), "+OK\r\n")
	for _, s := range list {
		s.Kill()
	}
	for i := range 2000 {
		if got := w.do("GET", fmt.Sprint("key", i)); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
			t.Fatalf("GET: %q", got)
		}
	}
	for _, path := range []string{"/readyz", "/livez"} {
		if status, body := r.get(t, path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	eventually(t, "the log names each server", func() bool {
		return r.log.contains("level=WARN", "node=a") && r.log.contains("level=WARN", "node=b") && r.log.contains("level=WARN", "node=c")
	})
	if lines := strings.Count(r.log.String(), "\n"); lines > 30 {
		t.Errorf("the log has %d lines", lines)
	}
}

func TestProbesSayThatTheProxyIsDraining(t *testing.T) {
	server := redistest.Start(t)
	r := startFrom(t, fmt.Sprintf(`
listeners: [{address: '127.0.0.1:0'}]
admin: {address: '127.0.0.1:0', probe_address: '127.0.0.1:0'}
drain: {delay: 1m}
pools: {main: {nodes: ['%s']}}
`, server.Addr()))
	if status, _ := r.get(t, "/readyz"); status != http.StatusOK {
		t.Errorf("at first: %d", status)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.drain()
	}()
	eventually(t, "it is not ready any more", func() bool {
		status, _ := r.get(t, "/readyz")
		return status == http.StatusServiceUnavailable
	})
	w := dial(t, r.Addr()) // during drain.delay clients are served
	expect(t, "PING", w.do("PING"), "+PONG\r\n")
	if status, _ := r.get(t, "/livez"); status != http.StatusOK {
		t.Errorf("liveness: %d", status)
	}
	r.stop()
	<-stopped
}

// askFor asks Ringmain to change something, with a token.
func (r *ringmain) askFor(t testing.TB, path, token string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+r.admin[0]+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func TestOperatorsAreToldHowTheServersAre(t *testing.T) {
	st := newStage(t, 2, withAdmin, healthChecks(50*time.Millisecond))
	var got struct{ Pools []admin.PoolState }
	read := func() []admin.ServerState {
		status, body := st.proxy.get(t, "/api/pools")
		if err := json.Unmarshal([]byte(body), &got); status != http.StatusOK || err != nil || len(got.Pools) != 1 || len(got.Pools[0].Servers) != 2 {
			t.Fatalf("%d %s, %v", status, body, err)
		}
		return got.Pools[0].Servers
	}
	for i, s := range read() {
		if got.Pools[0].OnNodeDown != "fail" || s.Node != string(rune('a'+i)) || s.State != "up" || s.Falls != 0 {
			t.Errorf("%+v", got)
		}
	}
	before := time.Now()
	st.servers[1].Kill()
	eventually(t, "b is down", func() bool { return read()[1].State == "down" })
	if b := got.Pools[0].Servers[1]; b.Falls != 1 || b.Reason == "" || b.Since.Before(before.Truncate(0)) || got.Pools[0].Servers[0].State != "up" {
		t.Errorf("%+v", got)
	}
}

func TestAPoolThatFailsIsNeitherDrainedNorAdopted(t *testing.T) {
	st := newStage(t, 2, withAdmin, func(c *config.Config) { c.Admin.Token = config.NewSecret("right") })
	for _, c := range []struct {
		path, token string
		status      int
		text        string
	}{
		{"/api/pools/main/nodes/a/drain", "right", 409, `pool \"main\" fails, it does not reroute`},
		{"/api/pools/main/nodes/a/undrain", "right", 409, `pool \"main\" fails, it does not reroute`},
		{"/api/pools/main/adopt?empty=true", "right", 409, `pool \"main\" fails, it does not reroute`},
		{"/api/pools/other/adopt", "right", 404, `there is no pool \"other\"`},
		{"/api/pools/main/nodes/a/drain", "wrong", 401, "token"},
	} {
		if status, body := st.proxy.askFor(t, c.path, c.token); status != c.status || !strings.Contains(body, c.text) {
			t.Errorf("%s: %d %s", c.path, status, body)
		}
	}
	key := st.keyOn(t, 0)
	expect(t, "GET", dial(t, st.proxy.addr).do("GET", key), "$1\r\nv\r\n")
	if log := st.proxy.log.String(); strings.Contains(log, "right") || strings.Contains(log, "wrong") {
		t.Errorf("a token is in the log:\n%s", log)
	}
}
