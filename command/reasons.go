package command

import "strings"

// Why commands are refused. Each reads well after "command 'x' is not supported: ".
// Those that end in "yet" are planned.
const (
	// A container's arity refuses it first.
	needSubcommand = "it needs a subcommand"

	noImport         = "data is imported into servers past the proxy"
	noRewrite        = "the configuration file is left to people"
	noCommandLog     = "SLOWLOG tells of slow commands; large ones are not logged"
	debugsScripts    = "a server that debugs a script serves nobody else"
	scriptsDiffer    = "a server has only those scripts that were needed there"
	debugsServers    = "it is for testing Redis itself, and could harm servers that others share"
	stopsServer      = "it would stop a server that others share"
	changesPrimary   = "it would change which server is the primary, which is not up to clients"
	changesModules   = "modules are loaded on each server, past the proxy"
	movesKeys        = "it would move keys to where the proxy does not look for them"
	notAtOnce        = "the servers cannot swap databases at one moment"
	oneNode          = "clients see a CLUSTER of one node here, which keeps all slots"
	noKeysBySlot     = "servers do not know which keys a slot has"
	savesItself      = "each server saves its data on its own"
	usersElsewhere   = "users are not managed through the proxy"
	forReplicas      = "it is part of the replication of a single server"
	noHotkeys        = "the proxy does not watch which keys are used most yet"
	noMaintenance    = "the proxy does not announce maintenance"
	noCapabilities   = "the proxy makes no use of what a client is capable of"
	noSearch         = "an index covers the keys of a single server only"
	noLabels         = "it asks for labels, over the time series of a single server only"
	oneServersMemory = "it is about the memory of a single server"
)

// Planned reports whether a refused command is to be supported later.
func (c *Command) Planned() bool { return c.Policy == Refused && strings.HasSuffix(c.Reason, " yet") }
