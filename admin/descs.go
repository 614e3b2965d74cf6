package admin

import "github.com/prometheus/client_golang/prometheus"

// descriptions are the program's own metrics. Their names are an interface.
type descriptions struct {
	all []*prometheus.Desc

	build *prometheus.Desc

	connected, accepted, refused, cut, clientReceived, clientSent, authFailures *prometheus.Desc

	commands, commandDuration *prometheus.Desc

	up, inFlight, queued, leases, serverErrors, reconnects, serverReceived, serverSent, serverDuration *prometheus.Desc

	loopUp, iterations, posted, lag *prometheus.Desc

	buffers, bufferLimit *prometheus.Desc

	quorumState, quorumCalls, quorumInFlight, quorumJumps, quorumRepairs *prometheus.Desc

	lockAcquisitions, lockSplits, lockExtended, lockReleased, lockWaiting *prometheus.Desc

	counterCommands, counterRounds, counterConflicts, counterFailures, counterWaiting *prometheus.Desc
}

var descs = describe()

func describe() *descriptions {
	d := &descriptions{}
	d.build = d.add("build_info", "Is 1; the labels tell what runs.", "version", "goversion")

	d.connected = d.add("clients_connected", "Clients that are connected.")
	d.accepted = d.add("clients_accepted_total", "Clients that have connected, including those that were refused.")
	d.refused = d.add("clients_refused_total", "Clients that were not let in, by reason.", "reason")
	d.cut = d.add("clients_cut_total", "Clients that were cut off, by reason.", "reason")
	d.clientReceived = d.add("client_received_bytes_total", "Bytes that clients have sent.")
	d.clientSent = d.add("client_sent_bytes_total", "Bytes of replies to clients, sent or waiting to be.")

	d.authFailures = d.add("auth_failures_total", "Wrong passwords that clients gave, and names of no user.")

	d.commands = d.add("commands_total", "Commands that were executed or refused, also where no reply was wanted, by family and result. "+
		"clusterdown was not executed, uncertain may have been, refused are not supported.", "family", "result")
	d.commandDuration = d.add("command_duration_seconds",
		"Time from a command's being passed on to its whole reply, by family.", "family")

	d.up = d.add("server_up", "Is 0 while commands for the server fail at once, in one loop at least; else 1.", "pool", "node")
	d.inFlight = d.add("server_requests_in_flight", "Requests that await their replies.", "pool", "node")
	d.queued = d.add("server_queue_bytes", "Bytes of requests that wait to be sent.", "pool", "node")
	d.leases = d.add("server_leases", "Connections that clients have for themselves: they wait, watch keys or have them tracked.", "pool", "node")
	d.serverErrors = d.add("server_errors_total", "What went wrong with the server, by kind.", "pool", "node", "kind")
	d.reconnects = d.add("server_reconnects_total", "Connections that were set up in place of lost ones.", "pool", "node")
	d.serverReceived = d.add("server_received_bytes_total", "Bytes that the server has sent.", "pool", "node")
	d.serverSent = d.add("server_sent_bytes_total", "Bytes of requests to the server, sent or waiting to be.", "pool", "node")
	d.serverDuration = d.add("server_request_duration_seconds",
		"Time from a request's being sent to its reply's having come.", "pool", "node")

	d.loopUp = d.add("loop_up", "Is 1 if the event loop has answered within a second; else what is told of it is older.", "loop")
	d.iterations = d.add("loop_iterations_total", "Turns of the event loop.", "loop")
	d.posted = d.add("loop_posted_calls", "Calls from elsewhere that wait for the event loop.", "loop")
	d.lag = d.add("loop_lag_seconds", "Time that a call from elsewhere waits for the event loop; one is measured each second.", "loop")

	d.buffers = d.add("buffer_bytes", "Bytes that the buffers of all connections hold.")
	d.bufferLimit = d.add("buffer_limit_bytes", "Bytes that they may hold (limits.memory).")

	d.quorumState = d.add("quorum_server_state", "Is 1 for the state that the server of a quorum is in, else 0: votes, quarantine (no vote on locks), "+
		"repair, barred (it is not what it must be), down.", "quorum", "node", "state")
	d.quorumCalls = d.add("quorum_calls_total", "Scripts for the server of a quorum, by outcome. not_done was not executed, unknown may have been.",
		"quorum", "node", "outcome")
	d.quorumInFlight = d.add("quorum_calls_in_flight", "Scripts that await their answers.", "quorum", "node")
	d.quorumJumps = d.add("quorum_clock_jumps_total", "Jumps of the server's clock.", "quorum", "node")
	d.quorumRepairs = d.add("quorum_repairs_total", "Servers of the quorum that were filled again.", "quorum")

	d.lockAcquisitions = d.add("lock_acquisitions_total", "Locks that were asked for, by result. failed found no majority, or not in time.", "quorum", "result")
	d.lockSplits = d.add("lock_split_votes_total", "Votes on a lock that gave nobody a majority.", "quorum")
	d.lockExtended = d.add("lock_extensions_total", "Locks that were extended.", "quorum")
	d.lockReleased = d.add("lock_releases_total", "Locks that were released.", "quorum")
	d.lockWaiting = d.add("lock_clients_waiting", "Clients that wait for a lock (RINGMAIN.LOCK with WAIT).", "quorum")
	d.counterCommands = d.add("counter_commands_total", "Commands on one counter each, and numbers of locks.", "quorum")
	d.counterRounds = d.add("counter_rounds_total", "Rounds of questions to the servers; one carries all commands on a counter that wait.", "quorum")
	d.counterConflicts = d.add("counter_conflicts_total", "Rounds in which another proxy was ahead.", "quorum")
	d.counterFailures = d.add("counter_failures_total", "Commands on counters that failed, by result: noquorum was not carried out, uncertain may have been.",
		"quorum", "result")
	d.counterWaiting = d.add("counter_commands_waiting", "Commands on counters that have no reply yet.", "quorum")
	return d
}

func (d *descriptions) add(name, help string, labels ...string) *prometheus.Desc {
	one := prometheus.NewDesc("ringmain_"+name, help, labels, nil)
	d.all = append(d.all, one)
	return one
}
