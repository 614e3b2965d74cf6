package integration

import (
	"testing"
)

// blockingScenes are played on Ringmain and on one Redis.
var blockingScenes = map[string]string{
	"an element that is there": `
		a RPUSH l~ x y z
		a BLPOP nosuch~ l~ 0
		a BRPOP l~ 0
		a BLMOVE l~ m~ LEFT RIGHT 0
		a BRPOPLPUSH m~ l~ 0
		a BLMPOP 0 2 nosuch~ l~ LEFT COUNT 5
		a ZADD z~ 1 a 2 b 3 c
		a BZPOPMIN z~ 0
		a BZPOPMAX nosuch~ z~ 0
		a BZMPOP 0 1 z~ MIN
		A ZADD z~ 1 a 2 b
		A BZPOPMIN z~ 0
		A BZMPOP 0 1 z~ MAX`,
	"an element that comes": `
		a> BLPOP k~ l~ 0
		blocked 1
		b RPUSH l~ x
		a<
		a> BLMOVE l~ m~ LEFT LEFT 0
		blocked 1
		b RPUSH l~ y z
		a<
		b LRANGE m~ 0 -1
		a> BZPOPMAX z~ 0
		blocked 1
		b ZADD z~ 1.5 m
		a<
		A> BLMPOP 0 1 k~ RIGHT COUNT 2
		blocked 1
		b RPUSH k~ 1 2 3
		A<`,
	"time passes": `
		a BLPOP l~ 0.01
		A BLPOP l~ 0.01
		a BLMOVE l~ m~ LEFT LEFT 0.01
		a BZPOPMIN z~ 0.01
		a XREAD BLOCK 10 STREAMS s~ $
		A XREAD BLOCK 10 STREAMS s~ $
		a BRPOPLPUSH l~ m~ 0.01
		a BLMPOP 0.01 1 l~ LEFT`,
	"wrong": `
		a BLPOP l~ x
		a BLPOP l~ -1
		a BLPOP l~ 1e400
		a BLMPOP x 1 l~ LEFT
		a BLMPOP 0 0 l~ LEFT
		a BLMPOP 0 2 l~ LEFT
		a SET s~ v
		a BLPOP s~ 0
		a XREAD BLOCK x STREAMS s~ $
		a XREAD BLOCK -1 STREAMS s~ $
		a WAIT x 0
		a WAIT 0 -1
		a BLPOP l~`,
	"those who wait are served in order": `
		a> BLPOP l~ 0
		blocked 1
		b> BLPOP l~ 0
		blocked 2
		c RPUSH l~ 1 2 3
		a<
		b<
		c LRANGE l~ 0 -1`,
	"commands behind wait": `
		a> BLPOP l~ 0
		a> SET k~ a
		a> GET k~
		blocked 1
		b SET k~ b
		b GET k~
		b RPUSH l~ x
		a< 3
		b GET k~`,
	"two in a row": `
		a> BLPOP l~ 0
		a> BLPOP m~ 0
		a> PING
		blocked 1
		b RPUSH m~ x
		b RPUSH l~ y
		a< 3`,
	"streams": `
		a XADD s~ 1-1 f v
		a XREAD BLOCK 0 STREAMS s~ 0
		a> XREAD COUNT 2 BLOCK 0 STREAMS s~ t~ $ $
		blocked 1
		b XADD t~ 2-1 g w
		a<
		b XGROUP CREATE s~ grp $
		A> XREADGROUP GROUP grp me BLOCK 0 STREAMS s~ >
		blocked 1
		b XADD s~ 3-1 h x
		A<`,
	"one that leaves takes nothing": `
		a> BLPOP l~ 0
		blocked 1
		hangs a
		blocked 0
		b RPUSH l~ x
		b LRANGE l~ 0 -1`,
	"the wrong type wakes nobody": `
		a> BLPOP l~ 0
		blocked 1
		b SET l~ x
		b DEL l~
		b RPUSH l~ y
		a<`,
	"WAIT without replicas": `
		a SET k~ 1
		a WAIT 0 0
		a WAIT 1 10
		a WAIT 0 1000`,
}

func TestBlockingCommandsReplyAsThoseOfRedis(t *testing.T) {
	st := newStage(t, 3, loops(2))
	for name, scene := range blockingScenes {
		st.play(t, name, scene)
	}
}
