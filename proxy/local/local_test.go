package local

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/resp"
)

func TestEveryLocalCommandHasAnAnswer(t *testing.T) {
	for cmd := range command.All() {
		check(t, cmd)
		for sub := range cmd.Subcommands() {
			check(t, sub)
		}
	}
}

func check(t *testing.T, cmd *command.Command) {
	t.Helper()
	if local := cmd.Policy == command.Local; local != Known(cmd) {
		t.Errorf("%s: policy is local %v, has an answer %v", cmd.Name, local, Known(cmd))
	}
}

// answers are those of a proxy of 90,000 s.
func answers() *Answers {
	return &Answers{
		Version: "0", RedisVersion: func() string { return "7.2.4" }, Incarnation: strings.Repeat("ab", 20),
		Started: time.Unix(0, 0), Port: 6380, Clients: func() int { return 3 }, Memory: func() int { return 5 },
		Connections: func() int64 { return 7 }, Commands: func() uint64 { return 11 },
		Records:    NewRecords(0, 10*time.Millisecond, 128),
		Parameters: Parameters{"save": "", "appendonly": "no", "maxclients": "9"},
		Now:        func() time.Time { return time.Unix(90_000, 0) },
	}
}

// described is a client with a line of its own.
type described string

func (d described) AppendDescription(dst []byte) []byte { return append(dst, d...) }

func (described) LocalAddr() string { return "10.0.0.1:6380" }
func (described) Databases() int    { return 16 }

// ask gives the reply to a request of words.
func ask(t *testing.T, client *Client, words string) string {
	t.Helper()
	var args [][]byte
	for _, w := range strings.Fields(words) {
		args = append(args, []byte(w))
	}
	call := Call{Command: command.Lookup(args), Args: args, Client: client,
		Session: described("id=9")}
	if call.Command == nil || !call.Command.ArityOK(len(args)) {
		t.Fatalf("%q is no request", words)
	}
	answers().Answer(&call)
	return string(call.Out)
}

func TestHelloChangesTheProtocolOnlyWhenAllIsRight(t *testing.T) {
	client := &Client{ID: 9, Protocol: 2}
	for _, test := range []struct{ words, begins string }{
		{"HELLO 4", "-NOPROTO "},
		{"HELLO x", "-ERR Protocol version is not an integer"},
		{"HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'"},
		{"HELLO 3 AUTH joe pw", "-WRONGPASS "},
		{"HELLO 3 SETNAME a\x01b", "-ERR Client names cannot contain"},
		{"HELLO", "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:9\r\n"},
	} {
		if got := ask(t, client, test.words); !strings.HasPrefix(got, test.begins) || client.Protocol != 2 || client.Name != "" {
			t.Errorf("%s: %q, then protocol %d, name %q", test.words, got, client.Protocol, client.Name)
		}
	}
	got := ask(t, client, "HELLO 3 AUTH default pw SETNAME me")
	if !strings.HasPrefix(got, "%7\r\n") || client.Protocol != 3 || client.Name != "me" {
		t.Errorf("%q, then %+v", got, client)
	}
	if got := ask(t, client, "RESET"); got != "+RESET\r\n" || client.Protocol != 2 || client.Name != "" {
		t.Errorf("%q, then %+v", got, client)
	}
}

func TestAuthKnowsTheDefaultUserWithoutAPasswordOnly(t *testing.T) {
	for words, want := range map[string]string{
		"AUTH pw":           "-" + resp.TextNoPassword + "\r\n",
		"AUTH default pw":   "+OK\r\n",
		"AUTH joe pw":       "-" + resp.TextWrongPassword + "\r\n",
		"AUTH default pw x": "-" + resp.TextSyntax + "\r\n",
	} {
		if got := ask(t, &Client{Protocol: 2}, words); got != want {
			t.Errorf("%s: %q", words, got)
		}
	}
}

// viewOf is a view with the totals of one server.
func viewOf(own int, info string) *View {
	v := &View{Totals: NewTotals(own, 0), Counts: &Counts{Commands: make([]CommandCount, command.Len()+1), Errors: map[string]uint64{"ERR": 2, "WRONGTYPE": 1},
		Received: 100, Sent: 200, Blocked: 3, Tracking: 4},
		Servers: []ServerState{{Pool: "p", Name: "a", Address: "h:1", Version: "7.0.15", InFlight: 5}, {Index: 1, Pool: "p", Name: "b", Down: true}, {Index: 3, Pool: "q", Name: "c"}}}
	v.Counts.Commands[command.ByName([]byte("get")).ID()] = CommandCount{Calls: 2, Failed: 1, Rejected: 3, Spent: 5 * time.Microsecond}
	v.Totals.Add("a", [][]byte{redcon.AppendBulkString(nil, info)}, false)
	return v
}

func TestInfoDoesNotGiveAnEarlierVerdictForWhatConnectionsMeetNow(t *testing.T) {
	a := answers()
	a.Verdicts = func() []Verdict {
		return []Verdict{{Since: time.Unix(5, 0), Reason: "answers again"}, {Since: time.Unix(6, 0)}, {Reason: "of a slot without a server"}, {Down: true, State: "rerouted", Since: time.Unix(7, 0), Reason: "loads its data"}}
	}
	text := string(a.AppendInfo(nil, 2, []string{"servers"}, viewOf(0, "")))
	for _, want := range []string{"in_flight=5,since=5,reason=answers again\r\n", "name=b,pool=p,state=down,version=,address=,in_flight=0,reason=connections to it fail\r\n",
		"name=c,pool=q,state=rerouted,version=,address=,in_flight=0,since=7,reason=loads its data\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q: %q", want, text)
		}
	}
}

func TestInfoGivesTheSectionsAskedFor(t *testing.T) {
	v := viewOf(0, "used_memory:1000\r\nused_memory_rss:1500\r\nmaxmemory_policy:allkeys-lru\r\ndb0:keys=2,expires=0,avg_ttl=0\r\ndb3:keys=7,expires=1,avg_ttl=9\r\n")
	all := string(answers().AppendInfo(nil, 2, nil, v))
	for _, want := range []string{"# Server\r\nredis_version:7.2.4\r\n", "uptime_in_days:1\r\n",
		"\r\n\r\n# Clients\r\nconnected_clients:3\r\n", "blocked_clients:3\r\ntracking_clients:4\r\n", "\r\n\r\n# Replication\r\nrole:master\r\n",
		"used_memory:1000\r\nused_memory_human:1000B\r\n", "mem_fragmentation_ratio:1.50\r\n", "maxmemory_policy:allkeys-lru\r\n",
		"total_commands_processed:11\r\ntotal_net_input_bytes:100\r\ntotal_net_output_bytes:200\r\ntotal_error_replies:3\r\n",
		"total_connections_received:7\r\n", "# Keyspace\r\ndb0:keys=2,expires=0,avg_ttl=0\r\ndb3:keys=7,expires=1,avg_ttl=9\r\n",
		"# Pools\r\npool0:name=p,servers=2,up=1\r\npool1:name=q,servers=1,up=1\r\n",
		"server0:name=a,pool=p,state=up,version=7.0.15,address=h:1,in_flight=5\r\nserver1:name=b,pool=p,state=down,version=,address=,in_flight=0\r\n",
		"# Errorstats\r\nerrorstat_ERR:count=2\r\nerrorstat_WRONGTYPE:count=1\r\n"} {
		if !strings.Contains(all, want) {
			t.Errorf("INFO lacks %q: %q", want, all)
		}
	}
	const stats = "# Commandstats\r\ncmdstat_get:calls=2,usec=5,usec_per_call=2.50,rejected_calls=3,failed_calls=1\r\n"
	if strings.Contains(all, "Commandstats") {
		t.Error("the default has the commands")
	}
	for _, name := range []string{"all", "EVERYTHING", "commandstats"} {
		if text := string(answers().AppendInfo(nil, 2, []string{name}, v)); !strings.Contains(text, stats) {
			t.Errorf("INFO %s lacks the commands: %q", name, text)
		}
	}
	one := string(answers().AppendInfo(nil, 2, []string{"CLIENTS"}, v))
	if text := payload(t, one); text != "# Clients\r\nconnected_clients:3\r\ncluster_connections:0\r\nmaxclients:9\r\nblocked_clients:3\r\ntracking_clients:4\r\n" {
		t.Errorf("INFO clients is %q", text)
	}
	if text := payload(t, string(answers().AppendInfo(nil, 2, []string{"nothing"}, v))); text != "" {
		t.Errorf("an unknown section is %q", text)
	}
}

func TestAPoolsOwnDatabaseIsTheOnlyOneAndHasTheNumberZero(t *testing.T) {
	v := viewOf(3, "db0:keys=2,expires=0,avg_ttl=0\r\ndb3:keys=7,expires=1,avg_ttl=9\r\n")
	if text := payload(t, string(answers().AppendInfo(nil, 2, []string{"keyspace"}, v))); text != "# Keyspace\r\ndb0:keys=7,expires=1,avg_ttl=9\r\n" {
		t.Errorf("%q", text)
	}
}

func TestATenantIsToldNothingOfOthers(t *testing.T) {
	v := viewOf(0, "db0:keys=2,expires=0,avg_ttl=0\r\n")
	text := string(answers().AppendInfo(nil, 2, InfoOfTenant([]string{"everything"}), v))
	for _, secret := range []string{"db0:", "name=", "cmdstat", "errorstat", "used_memory"} {
		if strings.Contains(text, secret) {
			t.Errorf("it has %s: %q", secret, text)
		}
	}
}

func TestOnlySectionsWithSumsNeedTheServersOrTheLoops(t *testing.T) {
	for words, want := range map[string][2]bool{"": {true, true}, "server cluster": {}, "clients": {false, true}, "KEYSPACE": {true, false},
		"all": {true, true}, "nothing": {}, "commandstats": {false, true}} {
		if ofServers, ofLoops := InfoNeeds(strings.Fields(words)); ofServers != want[0] || ofLoops != want[1] {
			t.Errorf("INFO %s: servers %v, loops %v", words, ofServers, ofLoops)
		}
	}
}

func TestTotalsBearWithAnythingAServerSays(t *testing.T) {
	totals := NewTotals(0, 0)
	for _, text := range []string{"used_memory:99999999999999999999\r\n", "used_memory:-5\r\n", "used_memory:9223372036854775807\r\n",
		"used_memory:9223372036854775807\r\n", "db0:\r\n", "db0:keys\r\n", "db0:keys=x,=,,expires=1,avg_ttl=9223372036854775807\r\n", ":\r\n", "\r\n",
		"db:keys=1\r\n", "db-1:keys=1\r\n", "dbx:keys=1\r\n", "maxmemory_policy:a\r\n", "maxmemory_policy:b\r\n", "maxmemory_policy:b\r\n"} {
		totals.Add("a", [][]byte{redcon.AppendBulkString(nil, text)}, false)
	}
	totals.Add("b", nil, false)
	totals.Add("c", [][]byte{[]byte(":1\r\n")}, false)
	k := totals.keyspaces[0]
	if totals.sums["used_memory"] != 1<<63-1 || len(totals.keyspaces) != 1 || k.keys != 0 || k.expires != 1 || k.averageTTL() <= 0 ||
		len(totals.missing) != 2 || totals.agreed("maxmemory_policy") != "mixed" {
		t.Errorf("%+v", totals)
	}
	for i := range 2 * maxDatabases {
		totals.Add("a", [][]byte{redcon.AppendBulkString(nil, "db"+strconv.Itoa(i)+":keys=1\r\n")}, false)
	}
	if len(totals.keyspaces) != maxDatabases {
		t.Errorf("%d databases are kept", len(totals.keyspaces))
	}
}

func payload(t *testing.T, reply string) string {
	t.Helper()
	n, r := redcon.ReadNextRESP([]byte(reply))
	if n != len(reply) {
		t.Fatalf("%q is not one reply", reply)
	}
	return string(r.Data)
}

func TestConfigGetMatchesPatterns(t *testing.T) {
	client := &Client{Protocol: 2}
	for words, want := range map[string]string{
		"CONFIG GET save":            "*2\r\n$4\r\nsave\r\n$0\r\n\r\n",
		"CONFIG GET APPEND*":         "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n",
		"CONFIG GET nothing":         "*0\r\n",
		"CONFIG GET [s]a?e":          "*2\r\n$4\r\nsave\r\n$0\r\n\r\n",
		"CONFIG GET [^s]ave":         "*0\r\n",
		"CONFIG GET [":               "*0\r\n",
		"CONFIG GET save appendonly": "*4\r\n$10\r\nappendonly\r\n$2\r\nno\r\n$4\r\nsave\r\n$0\r\n\r\n",
	} {
		if got := ask(t, client, words); got != want {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
}

func TestCommandInfoOfAnUnknownNameIsNull(t *testing.T) {
	if got := ask(t, &Client{Protocol: 2}, "COMMAND INFO nosuch"); got != "*1\r\n$-1\r\n" {
		t.Errorf("%q", got)
	}
	if got := ask(t, &Client{Protocol: 3}, "COMMAND DOCS nosuch"); got != "%0\r\n" {
		t.Errorf("%q", got)
	}
}

func TestTheClientFilterIsRedis(t *testing.T) {
	for words, want := range map[string]string{
		"": "1 2", "TYPE normal": "1 2", "TYPE pubsub": "", "ID 2 5": "2",
		"TYPE x": "ERR Unknown client type 'x'", "ID": resp.TextSyntax, "ID x": "ERR Invalid client ID", "NAME x": resp.TextSyntax,
	} {
		var args [][]byte
		for _, w := range strings.Fields(words) {
			args = append(args, []byte(w))
		}
		f, got := ParseClientFilter(args)
		if f != nil {
			for _, id := range []int64{1, 2} {
				if f.Takes(&Client{ID: id}, NormalClient, "10.0.0.9:1", "10.0.0.1:6380") {
					got += " " + strconv.Itoa(int(id))
				}
			}
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("CLIENT LIST %s: %q", words, got)
		}
	}
}

func TestClientKillTakesThoseWhomAllFiltersName(t *testing.T) {
	for words, want := range map[string]string{
		"addr:2": "2", "addr:9": "", "ID 1": "", "ID 2": "2", "ID 1 SKIPME no": "1", "TYPE normal": "2 3", "TYPE PUBSUB SKIPME no": "",
		"TYPE x": "ERR Unknown client type 'x'", "ADDR addr:3": "3", "ADDR addr:3 ID 2": "", "LADDR here SKIPME no": "1 2 3", "LADDR there": "",
		"USER default": "2 3", "USER nosuch": "ERR No such user 'nosuch'", "SKIPME yes": "2 3", "SKIPME no SKIPME yes": "2 3", "SKIPME maybe": resp.TextSyntax, "ID": "", "ID 2 TYPE": resp.TextSyntax,
		"ID 0": "ERR client-id should be greater than 0", "NAME x": resp.TextSyntax,
	} {
		args := [][]byte{[]byte("CLIENT"), []byte("KILL")}
		for _, w := range strings.Fields(words) {
			args = append(args, []byte(w))
		}
		f, got := ParseKill(args, 1, func(user string) bool { return user == "default" })
		if f != nil {
			for _, id := range []int64{1, 2, 3} {
				if f.Takes(&Client{ID: id}, NormalClient, "addr:"+strconv.Itoa(int(id)), "here") {
					got += " " + strconv.Itoa(int(id))
				}
			}
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("CLIENT KILL %s: %q, want %q", words, got, want)
		}
	}
}

func TestSetInfoTakesTheLibraryOnly(t *testing.T) {
	client := &Client{Protocol: 2}
	for words, want := range map[string]string{
		"CLIENT SETINFO LIB-NAME x": "+OK\r\n",
		"CLIENT SETINFO lib-ver 1":  "+OK\r\n",
		"CLIENT SETINFO other 1":    "-ERR Unrecognized option 'other'\r\n",
	} {
		if got := ask(t, client, words); got != want {
			t.Errorf("%s: %q", words, got)
		}
	}
	if client.LibName != "x" || client.LibVer != "1" {
		t.Errorf("%+v", client)
	}
}

func TestNamesAndPatternsInOneRequestAreBounded(t *testing.T) {
	client := &Client{Protocol: 2}
	for _, command := range []string{"COMMAND INFO", "COMMAND DOCS", "CONFIG GET"} {
		if got := ask(t, client, command+strings.Repeat(" x", maxNames)); !strings.HasPrefix(got, "-ERR too many names") {
			t.Errorf("%s: %.60q", command, got)
		}
	}
	if got := ask(t, client, "CONFIG GET "+strings.Repeat("*", maxPattern)); got == "*0\r\n" {
		t.Errorf("%q", got)
	}
	if got := ask(t, client, "CONFIG GET "+strings.Repeat("*", maxPattern+1)); got != "*0\r\n" {
		t.Errorf("%q", got)
	}
}

func TestTheAddressOfTheOneNodeIsTheOneThatTheClientHasConnectedTo(t *testing.T) {
	id := strings.Repeat("ab", 20)
	for words, want := range map[string]string{
		"CLUSTER SLOTS": "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$8\r\n10.0.0.1\r\n:6380\r\n$40\r\n" + id + "\r\n*0\r\n",
		"CLUSTER NODES": "$101\r\n" + id + " 10.0.0.1:6380@16380 myself,master - 0 0 0 connected 0-16383\n\r\n",
	} {
		if got := ask(t, &Client{Protocol: 2}, words); got != want {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
}
