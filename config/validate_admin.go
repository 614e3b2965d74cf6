package config

import "fmt"

// admin checks the addresses that speak HTTP.
func (v *validator) admin(c *Config) {
	a, given := v.httpAddress("admin.address", c.Admin.Address)
	if given && !a.local() {
		v.fault("admin.address", "%q is open to other machines, and nobody is asked who they are: use a loopback address; "+
			"admin.probe_address may be any", clip(c.Admin.Address))
	}
	if c.Admin.source().given() > 1 {
		v.fault("admin", "token_file and token_env exclude each other")
	}
	probe, probed := v.httpAddress("admin.probe_address", c.Admin.ProbeAddress)
	if given && probed && a.collides(probe) {
		v.fault("admin.probe_address", "takes the port of admin.address %q; choose another one", clip(c.Admin.Address))
	}
	for i, l := range c.Listeners[:min(len(c.Listeners), maxListeners)] {
		at, err := splitAddress(l.Address)
		if err != nil {
			continue
		}
		// The listener is at fault: admin.address may not even be in the file.
		path := fmt.Sprintf("listeners[%d].address", i)
		switch {
		case given && at.collides(a):
			v.fault(path, "takes the port of admin.address %q; choose another one for either", clip(c.Admin.Address))
		case probed && at.collides(probe):
			v.fault(path, "takes the port of admin.probe_address %q; choose another one for either", clip(c.Admin.ProbeAddress))
		}
	}
}

// httpAddress takes an address apart. It reports false where there is none, or
// none that is valid.
func (v *validator) httpAddress(path, text string) (address, bool) {
	if text == "" {
		return address{}, false
	}
	a, err := splitAddress(text)
	if err == nil && a.path == "" && (a.ip.IsValid() || a.host == "" || a.host == "localhost") {
		return a, true
	}
	v.fault(path, `must be an IP address or localhost, with a port, such as 127.0.0.1:9380, or "" for none, is %q`, clip(text))
	return address{}, false
}
