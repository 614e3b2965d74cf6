package integration

import (
	"fmt"
	"os"
	"reflect"
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
