package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdminAddressesThatAreFreeAreAccepted(t *testing.T) {
	for _, admin := range []string{
		`{address: ""}`,
		`{address: "", probe_address: ":9380"}`,
		`{address: localhost:9380}`,
		`{address: "[::1]:9380", probe_address: 0.0.0.0:9380}`,
		`{address: 127.0.0.1:0, probe_address: 127.0.0.1:0}`,
		`{address: 127.1.2.3:6380}`,
		`{probe_address: 10.1.2.3:6380}`,
		`{probe_address: "[::1]:6380"}`,
		`{address: "[::1%lo]:9380"}`,
	} {
		mustParse(t, "admin: "+admin+"\npools: {main: {embedded: 1}}")
	}
}

func TestAnEmptyAdminAddressIsNotTheDefault(t *testing.T) {
	for text, want := range map[string]string{`""`: "", "": "127.0.0.1:9380", "127.0.0.1:1": "127.0.0.1:1"} {
		c := mustParse(t, "admin: {address: "+text+"}\npools: {main: {embedded: 1}}")
		if c.Admin.Address != want {
			t.Errorf("%s: got %q, want %q", text, c.Admin.Address, want)
		}
	}
}

func TestAUnixSocketCollidesWithNoPort(t *testing.T) {
	mustParse(t, "listeners: [{address: 'unix:/run/r.sock'}]\nadmin: {address: 127.0.0.1:0}\npools: {main: {embedded: 1}}")
}

func loadAdmin(t *testing.T, text string) (Admin, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadAdmin(name)
}

func TestAdminLoadsWhateverElseIsWrong(t *testing.T) {
	got, err := loadAdmin(t, "loops: x\nadmin: {probe_address: ':9381'}\npools: 3\nlisteners: [{address: 127.0.0.1:9381}]\n")
	if want := (Admin{Address: "127.0.0.1:9380", ProbeAddress: ":9381"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAdminDoesNotLoadIfItIsWrongItself(t *testing.T) {
	t.Setenv("RINGMAIN_TEST_SECRET", "hunter2")
	for text, want := range map[string]string{
		"loops: 1\nadmin: {address: 10.0.0.1:1}":             "config.yaml:2: admin.address: ",
		"admin: {addres: x}":                                 "config.yaml:1:9: admin.addres: unknown key",
		"admin: {address: '${RINGMAIN_TEST_SECRET}'}":        "config.yaml:1: admin.address: ",
		"admin: {address: '${RINGMAIN_TEST_NONE}'}":          "config.yaml:1:18: admin.address: ",
		"admin: {address: 127.0.0.1:1}\nadmin: {address: x}": "is given twice",
		"admin: [": "config.yaml:",
		"- admin":  "config.yaml:1",
	} {
		if _, err := loadAdmin(t, text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestTheTokenComesFromAFileOrTheEnvironment(t *testing.T) {
	t.Setenv("RINGMAIN_TEST_SECRET", "hunter2")
	for _, text := range []string{"admin: {token_env: RINGMAIN_TEST_SECRET}", "admin: {token_file: testdata/secrets/token}"} {
		c := mustParse(t, text+"\npools: {main: {embedded: 1}}")
		if got := c.Admin.Token.Reveal(); got != "hunter2" || c.Admin.TokenFile+c.Admin.TokenEnv != "" {
			t.Errorf("%s: got %q, %+v", text, got, c.Admin)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: resolved it is not valid: %v", text, err)
		}
	}
	admin, err := loadAdmin(t, "admin: {token_env: RINGMAIN_TEST_SECRET}\nloops: x\n")
	if err != nil || admin.Token.Reveal() != "" {
		t.Errorf("%+v, %v", admin, err)
	}
	if err := admin.ReadToken(); err != nil || admin.Token.Reveal() != "hunter2" {
		t.Errorf("%+v, %v", admin, err)
	}
	admin = Admin{TokenFile: "testdata/secrets/none"}
	if err := admin.ReadToken(); err == nil || !strings.HasPrefix(err.Error(), "admin.token_file: ") {
		t.Errorf("got %v", err)
	}
}
