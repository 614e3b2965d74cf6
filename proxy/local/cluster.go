package local

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"ringmain/resp"
	"ringmain/router/keyhash"
)

// To cluster clients the proxy is a cluster of one node, which has all slots: they
// send everything here. The node's id is the incarnation, its address the one that
// the client has connected to.

// slots is how many a Redis Cluster has.
const slots = 16384

// lookThemselves are the libraries, by the name they give with CLIENT SETINFO, that ask
// every server whether it belongs to a cluster, and that as clients of one refuse to
// send what a single server would do: commands on keys of several slots, SELECT.
// To them the proxy is a single server.
var lookThemselves = map[string]bool{"rueidis": true, "SE.Redis": true}

const textNoCluster = "ERR This instance has cluster support disabled"

// ofCluster is an answer as a node of a cluster.
func ofCluster(f function) function {
	return func(a *Answers, c *Call) {
		if lookThemselves[c.Client.LibName] {
			c.fail(textNoCluster)
			return
		}
		f(a, c)
	}
}

// address is where the client has reached the proxy: the host is empty, and the port
// 0, on a Unix socket.
func (c *Call) address() (host string, port int) {
	host, digits, err := net.SplitHostPort(c.Session.LocalAddr())
	if err != nil {
		return "", 0
	}
	port, _ = strconv.Atoi(digits)
	return host, port
}

func clusterInfo(_ *Answers, c *Call) {
	c.text(fmt.Sprintf("cluster_state:ok\r\ncluster_slots_assigned:%[1]d\r\ncluster_slots_ok:%[1]d\r\n"+
		"cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:1\r\ncluster_size:1\r\n"+
		"cluster_current_epoch:0\r\ncluster_my_epoch:0\r\ncluster_stats_messages_sent:0\r\n"+
		"cluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n", slots))
}

// busPort is what Redis adds to a node's port for the connections among nodes.
const busPort = 10000

func clusterNodes(a *Answers, c *Call) {
	host, port := c.address()
	c.text(fmt.Sprintf("%s %s:%d@%d myself,master - 0 0 0 connected 0-%d\n", a.Incarnation, host, port, port+busPort, slots-1))
}

func clusterSlots(a *Answers, c *Call) {
	host, port := c.address()
	c.array(1)
	c.array(3)
	c.integer(0)
	c.integer(slots - 1)
	c.array(4)
	c.bulk(host)
	c.integer(int64(port))
	c.bulk(a.Incarnation)
	c.mapping(0)
}

func clusterShards(a *Answers, c *Call) {
	host, port := c.address()
	c.array(1)
	c.mapping(2)
	c.bulk("slots")
	c.array(2)
	c.integer(0)
	c.integer(slots - 1)
	c.bulk("nodes")
	c.array(1)
	c.mapping(7)
	c.bulk("id")
	c.bulk(a.Incarnation)
	c.bulk("port")
	c.integer(int64(port))
	c.bulk("ip")
	c.bulk(host)
	c.bulk("endpoint")
	c.bulk(host)
	c.bulk("role")
	c.bulk("master")
	c.bulk("replication-offset")
	c.integer(0)
	c.bulk("health")
	c.bulk("online")
}

// clusterID is CLUSTER MYID, and MYSHARDID: the one node is its own shard.
func clusterID(a *Answers, c *Call) { c.bulk(a.Incarnation) }

// clusterLinks lists the connections to other nodes.
func clusterLinks(_ *Answers, c *Call) { c.array(0) }

// clusterReplicas is CLUSTER REPLICAS and SLAVES.
func clusterReplicas(a *Answers, c *Call) {
	if c.knowsNode(a) {
		c.array(0)
	}
}

func clusterFailures(a *Answers, c *Call) {
	if c.knowsNode(a) {
		c.integer(0)
	}
}

// knowsNode reports whether the node that a request is about is the one there is; if
// not, it is answered.
func (c *Call) knowsNode(a *Answers) bool {
	if string(c.Args[2]) == a.Incarnation {
		return true
	}
	c.Out = resp.AppendQuotedError(c.Out, "ERR Unknown node ", c.Args[2], "")
	return false
}

func clusterKeySlot(_ *Answers, c *Call) { c.integer(int64(slotOf(c.Args[2]))) }

// slotOf is the slot of a key: of what stands between the first { and the next } alone,
// if there is anything.
func slotOf(key []byte) int {
	hashed := string(key)
	if _, tag, ok := strings.Cut(hashed, "{"); ok {
		if tag, _, ok := strings.Cut(tag, "}"); ok && tag != "" {
			hashed = tag
		}
	}
	return int(keyhash.CRC16([]byte(hashed))) % slots
}

// clusterMode is READONLY, READWRITE and ASKING, for which there is nothing to do: all
// slots are here.
func clusterMode(_ *Answers, c *Call) { c.ok() }
