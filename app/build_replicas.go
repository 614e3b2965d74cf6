package app

import (
	"slices"

	"ringmain/config"
	"ringmain/router"
)

// addReplicas lists all servers: those of the snapshot, then the replicas of pools whose
// reads they answer.
func (a *App) addReplicas(s *servers) {
	s.all = slices.Clone(s.snapshot.Servers)
	for i, server := range s.snapshot.Servers {
		p := a.cfg.Pools[server.Pool]
		at := slices.IndexFunc(p.Nodes, func(n config.Node) bool { return n.Name == server.Name })
		if at < 0 || p.Reads == "primary" || len(p.Nodes[at].Replicas) == 0 {
			continue
		}
		if s.readers == nil {
			s.readers = make([][]int32, len(s.snapshot.Servers))
		}
		if p.Reads == "any" {
			s.readers[i] = append(s.readers[i], int32(i))
		}
		for k, address := range p.Nodes[at].Replicas {
			s.readers[i] = append(s.readers[i], int32(len(s.all)))
			s.all = append(s.all, router.Server{Pool: server.Pool, Name: p.Nodes[at].ReplicaName(k), Address: address})
		}
	}
}

// isReplica tells of a server, given by its index in all.
func (s *servers) isReplica(i int) bool { return i >= len(s.snapshot.Servers) }
