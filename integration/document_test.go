package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"ringmain/config"
	"ringmain/resp"
)

func TestTheDocumentOfLimitsNamesEverySettingWithItsDefaultAndEveryError(t *testing.T) {
	data, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	contains := func(want string) {
		if !strings.Contains(text, want) {
			t.Errorf("docs/limits.md does not say %q", want)
		}
	}
	d, p := config.Default(), config.DefaultPool()
	for prefix, settings := range map[string]any{"limits.": d.Limits, "timeouts.": d.Timeouts, "pools.*.timeouts.": p.Timeouts} {
		v := reflect.ValueOf(settings)
		for i := range v.NumField() {
			contains(fmt.Sprintf("| `%s%s` | %v", prefix, v.Type().Field(i).Tag.Get("yaml"), v.Field(i)))
		}
	}
	for _, e := range []string{resp.TextMaxClients, resp.TextDatabase, "Protocol error: request exceeds 67108864 bytes",
		"Protocol error: invalid multibulk length", "Protocol error: invalid bulk length", "too big inline request",
		"too big mbulk count string", "too big bulk count string"} {
		contains(e)
	}
}

// TestDocumentsNameOnlyMetricsThatThereAre looks at every metric and reason that a
// page names.
func TestDocumentsNameOnlyMetricsThatThereAre(t *testing.T) {
	known, err := os.ReadFile("../admin/testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	metric, label := regexp.MustCompile(`\bringmain_[a-z_]+`), regexp.MustCompile(`\b(?:reason|kind|result)="[a-z_]+"`)
	found := 0
	for _, page := range append(pages, "../README.md", "../ARCHITECTURE.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(metric.FindAllString(string(text), -1), label.FindAllString(string(text), -1)...) {
			found++
			if !strings.Contains(string(known), name) {
				t.Errorf("%s names %s, which is not there", page, name)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d names found", found)
	}
}

func TestTheDocumentOfFailoverHasAnExampleThatIsValidAndNamesLogLinesThatThereAre(t *testing.T) {
	data, err := os.ReadFile("../docs/failover.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	_, example, _ := strings.Cut(text, "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("there is no example")
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("docs/failover.md", []byte(strings.Replace(example, "/etc/ringmain/token", token, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Pools["main"].Reroutes() || len(c.Warnings) > 0 {
		t.Errorf("it does not reroute, or %v", c.Warnings)
	}
	_, lines, _ := strings.Cut(text, "- **The log**")
	lines, _, _ = strings.Cut(lines, "\n- **")
	code := sourceOf(t, "../topology/*.go")
	named := regexp.MustCompile("`([a-z][^`]*? [^`]*)`").FindAllStringSubmatch(strings.ReplaceAll(lines, "\n ", ""), -1)
	if len(named) < 4 {
		t.Errorf("only %d lines of the log are named", len(named))
	}
	for _, line := range named {
		if !strings.Contains(code, line[1]) {
			t.Errorf("there is no log line %q", line[1])
		}
	}
}

// sourceOf is the text of files.
func sourceOf(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}
