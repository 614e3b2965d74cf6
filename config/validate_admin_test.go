package config

import "testing"

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
