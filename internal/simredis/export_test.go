package simredis

// Loading are the commands by name, and whether each is executed while the data is
// being loaded.
func Loading() map[string]bool {
	all := map[string]bool{}
	for name, cmd := range commands {
		if cmd.sub == nil {
			all[name] = cmd.loading
		}
		for sub, cmd := range cmd.sub {
			all[name+"|"+sub] = cmd.loading
		}
	}
	return all
}
