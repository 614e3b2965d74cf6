package lock

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
	"ringmain/quorum"
)

// TestTheModelDoesWhatTheScriptsDo has random scripts executed by a real server and by the
// model, and compares what they answer and what they leave.
func TestTheModelDoesWhatTheScriptsDo(t *testing.T) {
	server := redistest.Start(t)
	conn, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil { // for all of it, on a busy machine
		t.Fatal(err)
	}
	real := func(args ...any) any {
		t.Helper()
		reply, err := conn.Do(args...)
		if err != nil {
			t.Fatal(args, err)
		}
		return reply
	}
	w := &world{}
	began, wall := time.Now(), time.Duration(time.Now().UnixNano())
	model := newModel(newMachine(w, 1, wall), 0)
	set := func(key, value string, lease time.Duration) {
		if lease > 0 {
			real("SET", key, value, "PX", millis(lease))
			model.set(key, value, lease)
			return
		}
		real("SET", key, value)
		model.keys[key] = entry{value: value}
	}
	set(quorum.IdentityKey, "me", 0)
	set(quorum.SettingsKey, "hash", 0)

	random := rand.New(rand.NewPCG(7, 7))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	op := func() string { return strings.Repeat(pick("a", "b", "c"), 16) }
	grant := func() string { return strings.Repeat(pick("0", "1", "2"), 16) }
	// Leases differ by far more than the time that the test takes.
	lease := func() string { return pick("1000000", "2000000", "3000000") }
	tail := func(n int) (all []string) {
		for range random.IntN(n) {
			all = append(all, pick("", op(), op()))
		}
		return all
	}
	companionOf := func() string { return fmt.Sprintf("%s %s %08x", grant(), op(), random.IntN(200)) }
	outcomes := map[string]int{}
	for i := range 6000 {
		w.now = time.Since(began)
		switch random.IntN(40) {
		case 0:
			real("DEL", "k1", companionPrefix+"k1")
			delete(model.keys, "k1")
			delete(model.keys, companionPrefix+"k1")
		case 1: // a companion is missing
			real("DEL", companionPrefix+"k2")
			delete(model.keys, companionPrefix+"k2")
		case 2:
			set("k2", pick("t", "u"), time.Duration(random.IntN(2))*2000*time.Second) // by another hand
		case 3:
			set(quorum.QuarantineKey, "1", 1000*time.Second)
		case 4, 5, 6, 7:
			real("DEL", quorum.QuarantineKey)
			delete(model.keys, quorum.QuarantineKey)
		}
		script := Scripts[random.IntN(len(Scripts))]
		keys := [][]string{{"k1"}, {"k2"}, {"k1", "k2"}, {"k2", "k1"}}[random.IntN(4)]
		token := pick("t", "u")
		var args []string
		switch script {
		case acquireScript:
			args = []string{token, lease(), companionOf()}
		case acquireOrExtendScript:
			token += pick("", "", "+", "-")
			args = append([]string{token, lease(), companionOf(), pick("1", strconv.Itoa(len(token)+1))}, tail(4)...)
		case extendScript:
			args = append([]string{token, lease(), op(), "0000007b", pick("", "11111111")}, tail(4)...)
		case releaseScript:
			args = append([]string{pick(token, token, ""), pick("", "", grant())}, tail(4)...)
		case fenceScript:
			keys = keys[:1]
			args = append([]string{token, strconv.Itoa(1 + random.IntN(50)), pick("", grant())}, tail(4)...)
		case scanScript:
			keys, args = nil, []string{"0", companionPrefix}
		}
		words := []string{"EVAL", script.Text, ""}
		words = append(words, scriptKeys(keys)...)
		words = append(words, quorum.IdentityKey, quorum.SettingsKey)
		if script.Kind == quorum.Vote {
			words = append(words, quorum.QuarantineKey)
		}
		words[2] = strconv.Itoa(len(words) - 3)
		words = append(append(words, args...), pick("me", "me", "me", "me", "you"), pick("hash", "hash", "hash", "dash"))
		var request []any
		for _, word := range words {
			request = append(request, word)
		}
		want, got := flat(real(request...)), strings.Split(model.execute(words), "\r\n")
		if script == scanScript { // in any order: the number is compared
			want, got = append(want[:7:7], strconv.Itoa(len(want))), append(got[:7:7], strconv.Itoa(len(got)))
		}
		if !alike(want, got, script.Kind) {
			t.Fatalf("step %d, %s %q %q: Redis answers %q, the model %q", i, script.Name, keys, args, want, got)
		}
		outcomes[script.Name+" "+got[min(len(got)-1, map[bool]int{true: 7, false: 3}[script.Kind == quorum.Vote])]]++
		for _, k := range scriptKeys([]string{"k1", "k2"}) {
			has, _ := real("GET", k).(string)
			is, _ := model.get(k)
			left, also := real("PTTL", k).(int64), model.pttl(k)
			if has != is || left-also > 1000 || also-left > 1000 {
				t.Fatalf("step %d, %s %q %q: Redis has %q for %d ms in %s, the model %q for %d ms", i, script.Name, keys, args, has, left, k, is, also)
			}
		}
	}
	if len(outcomes) < 15 {
		t.Errorf("few outcomes were seen: %v", outcomes)
	}
}

// flat is a reply as the lines that it was sent in.
func flat(reply any) (lines []string) {
	var add func(v any)
	add = func(v any) {
		switch v := v.(type) {
		case nil:
			lines = append(lines, "$-1")
		case int64:
			lines = append(lines, fmt.Sprintf(":%d", v))
		case string:
			lines = append(lines, fmt.Sprintf("$%d", len(v)), v)
		case []any:
			lines = append(lines, fmt.Sprintf("*%d", len(v)))
			for _, element := range v {
				add(element)
			}
		default:
			lines = append(lines, fmt.Sprint(v))
		}
	}
	add(reply)
	return append(lines, "")
}

// alike compares lines; the server's time may differ, and what is left of a TTL by a second.
func alike(a, b []string, kind quorum.Kind) bool {
	if len(a) != len(b) {
		return false
	}
	last := 0 // line of the time
	switch {
	case kind == quorum.Vote && a[2] == "ok":
		last = 6
	case kind == quorum.Vote:
		last = 8
	}
	for i := range a {
		if a[i] == b[i] || i >= 3 && i <= last {
			continue
		}
		n, err := strconv.Atoi(strings.TrimPrefix(a[i], ":"))
		m, err2 := strconv.Atoi(strings.TrimPrefix(b[i], ":"))
		if err != nil || err2 != nil || n < 1000 || n-m > 1000 || m-n > 1000 {
			return false
		}
	}
	return true
}
