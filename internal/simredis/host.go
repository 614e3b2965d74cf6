package simredis

import "ringmain/ioloop/sim"

// Host is a model server on a host of its own in a simulated world. The host is
// named by its address.
type Host struct {
	*Server
	// Loop is the server's process: Pause, Resume and partitions are its.
	Loop    *sim.Loop
	address string
}

// Start runs an empty server at address, host:port.
func Start(w *sim.World, address string, options Options) *Host {
	loop := w.NewLoop(address)
	h := &Host{Server: New(loop, options), Loop: loop, address: address}
	w.Listen(address, loop, h.Accept)
	return h
}

// Address is where it listens.
func (h *Host) Address() string { return h.address }

// Crash is the death of the process; its data stays readable until Restart. It
// may be called from OnExecute and AfterExecute.
func (h *Host) Crash() {
	h.forgetClients()
	h.Loop.Crash()
}

// Restart starts the process again, after a Crash if it still runs, with the
// data of a snapshot.
func (h *Host) Restart(from Snapshot) {
	h.Crash()
	h.Server.Restart(from)
	h.Loop.World().Listen(h.address, h.Loop, h.Accept)
}
