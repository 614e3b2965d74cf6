package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Imported is another program's configuration made into one of ours.
type Imported struct {
	// YAML is the configuration; Parse accepts it. A password that the other
	// file held is in it.
	YAML []byte
	// Config is what Parse makes of it.
	Config *Config
	// Notes say what is different from before, or has no counterpart, with its
	// place in the other file, in that file's order.
	Notes []Fault
}

// LoadNutcracker is ImportNutcracker for the file at path. The error is Faults, or
// one of the file system when the file cannot be read.
func LoadNutcracker(path string) (*Imported, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ImportNutcracker(path, data)
}

// ImportNutcracker makes a configuration of one of twemproxy 0.5.0: each of its
// pools becomes a listener with a pool of its own, which places every key on the
// same server. name stands for the file in messages. The error is Faults, with
// places in that file: what twemproxy would refuse, and what Ringmain does not
// have.
func ImportNutcracker(name string, data []byte) (*Imported, error) {
	i := &nutcrackerImport{decoder: newDecoder()}
	i.literal = true
	body, fault := syntaxTree(data)
	switch {
	case fault != nil:
		i.faults = append(i.faults, *fault)
	case body == nil:
		i.faults = append(i.faults, Fault{Message: "has no pools"})
	default:
		i.decode(body, reflect.ValueOf(&i.pools).Elem(), "")
	}
	i.convert()
	result := &Imported{}
	if len(i.faults) == 0 {
		result = i.finish(name)
	}
	for _, list := range [][]Fault{i.faults, i.notes} {
		for n := range list {
			list[n].File = name
		}
	}
	if err := i.faults.orNil(); err != nil {
		return nil, err
	}
	result.Notes = i.notes
	return result, nil
}

// nutcrackerPool is a pool of twemproxy: its keys, all that there are.
type nutcrackerPool struct {
	Listen             string   `yaml:"listen"`
	ClientConnections  int      `yaml:"client_connections"`
	Hash               string   `yaml:"hash"`
	HashTag            string   `yaml:"hash_tag"`
	Distribution       string   `yaml:"distribution"`
	Timeout            int      `yaml:"timeout"`
	Backlog            int      `yaml:"backlog"`
	Preconnect         bool     `yaml:"preconnect"`
	Redis              bool     `yaml:"redis"`
	RedisAuth          Secret   `yaml:"redis_auth"`
	RedisDB            int      `yaml:"redis_db"`
	ServerConnections  int      `yaml:"server_connections"`
	AutoEjectHosts     bool     `yaml:"auto_eject_hosts"`
	ServerRetryTimeout int      `yaml:"server_retry_timeout"`
	ServerFailureLimit int      `yaml:"server_failure_limit"`
	TCPKeepalive       bool     `yaml:"tcpkeepalive"`
	ReusePort          bool     `yaml:"reuseport"`
	Servers            []string `yaml:"servers"`
}

// setDefaults are twemproxy's own, as far as they decide something here.
func (p *nutcrackerPool) setDefaults() {
	*p = nutcrackerPool{Hash: "fnv1a_64", Distribution: "ketama"}
}

// nutcrackerImport is an import under way.
type nutcrackerImport struct {
	*decoder
	pools map[string]*nutcrackerPool
	names []string // of the pools in the file's order
	// ours has the name of each pool in the configuration.
	ours map[string]string
	cfg  *Config
	// notes are what the operator should know.
	notes []Fault
}

// given reports whether the pool says anything for a key.
func (i *nutcrackerImport) given(pool, key string) bool {
	_, ok := i.lines[join(pool, key)]
	return ok
}

func (i *nutcrackerImport) wrong(path, format string, args ...any) {
	if !i.unread(path) {
		i.faults = append(i.faults, Fault{Path: path, Line: i.lineOf(path), Message: fmt.Sprintf(format, args...)})
	}
}

func (i *nutcrackerImport) note(path, format string, args ...any) {
	i.notes = append(i.notes, Fault{Path: path, Line: i.lineOf(path), Message: fmt.Sprintf(format, args...)})
}

// finish writes the configuration and reads it back. What Parse says of it is
// said of the places that it comes from.
func (i *nutcrackerImport) finish(name string) *Imported {
	c, err := Parse(name, i.write(name))
	if faults, ok := err.(Faults); ok {
		for _, f := range faults {
			i.wrong(i.source(f.Path), "%s", i.inTheirWords(f.Message))
		}
		return nil
	}
	for _, w := range c.Warnings {
		i.note(i.source(w.Path), "%s", w.Message)
	}
	sortFaults(i.notes)
	return &Imported{YAML: i.write(name), Config: c}
}

// inTheirWords replaces the places in a message by those in the other file.
func (i *nutcrackerImport) inTheirWords(message string) string {
	for theirs, ours := range i.ours {
		message = strings.ReplaceAll(message, "pools."+ours+".nodes[", join("", theirs)+".servers[")
	}
	for n, theirs := range i.names {
		message = strings.ReplaceAll(message, fmt.Sprintf("listeners[%d]", n), join("", theirs)+".listen")
	}
	return message
}

// source is where in the other file a value of the configuration comes from.
func (i *nutcrackerImport) source(path string) string {
	var n int
	if _, err := fmt.Sscanf(path, "listeners[%d]", &n); err == nil && n < len(i.names) {
		return join("", i.names[n]) + ".listen"
	}
	for theirs, ours := range i.ours {
		rest, found := strings.CutPrefix(path, "pools."+ours+".")
		if !found {
			continue
		}
		key, _, _ := strings.Cut(rest, ".")
		switch key {
		case "hash", "hash_tag", "distribution":
		case "database":
			key = "redis_db"
		case "timeouts":
			key = "timeout"
		case "auth":
			key = "redis_auth"
		default: // nodes[2]
			key = strings.Replace(key, "nodes", "servers", 1)
		}
		return join("", theirs) + "." + key
	}
	return ""
}
