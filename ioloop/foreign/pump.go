package foreign

import (
	"crypto/tls"
	"net"
	"sync"

	"ringmain/ioloop"
)

const (
	// smallRead is what the reader of an idle connection waits with, bigRead what it
	// reads into after it was filled.
	smallRead = 512
	bigRead   = 16 << 10
	// maxJob is how many chunks of output a writer is given at a time.
	maxJob = 16
)

// bigBuffers are of bigRead bytes. Readers of all loops share them.
var bigBuffers = sync.Pool{New: func() any { return new([bigRead]byte) }}

// read reads until the connection ends, on a goroutine of its own. What it has read is
// the loop's until that says so.
func (c *conn) read() {
	small := make([]byte, smallRead)
	for big := false; ; {
		buf := small
		var pooled *[bigRead]byte
		if big {
			pooled = bigBuffers.Get().(*[bigRead]byte)
			buf = pooled[:]
		}
		n, err := c.net.Read(buf)
		c.l.tell(func() { c.received(buf[:n], err) })
		if err != nil {
			return // the last buffer is the garbage collector's
		}
		select {
		case <-c.more:
		case <-c.gone:
			return
		}
		if pooled != nil {
			bigBuffers.Put(pooled)
		}
		big = n == len(buf)
	}
}

// job is what a writer is to do: write, or end the stream.
type job struct {
	chunks net.Buffers
	end    bool
}

// write does jobs until there are no more, on a goroutine of its own. The chunks are
// its own to read until it has told of their end.
func (c *conn) write() {
	for j := range c.jobs {
		var err error
		if j.end {
			err = endStream(c.net)
		} else {
			err = writeAll(c.net, j.chunks)
		}
		c.l.tell(func() { c.wrote(j.end, err) })
		if err != nil {
			return
		}
	}
}

func writeAll(c net.Conn, chunks net.Buffers) error {
	if _, secure := c.(*tls.Conn); !secure {
		_, err := chunks.WriteTo(c) // in one call, where the system has it
		return err
	}
	for _, b := range chunks {
		if _, err := c.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// endStream shuts writing down: TLS's, then that of the connection below.
func endStream(c net.Conn) error {
	if secure, ok := c.(*tls.Conn); ok {
		if err := secure.CloseWrite(); err != nil {
			return err
		}
	}
	if half, ok := socketOf(c).(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// flush gives output to the writer, unless that has some.
func (c *conn) flush() {
	if c.state >= lingering {
		return
	}
	switch {
	case c.sending > 0:
	case c.out.Size() > 0:
		chunks := c.out.Chunks(make([][]byte, maxJob))
		for _, b := range chunks {
			c.sending += len(b)
		}
		c.jobs <- job{chunks: chunks}
	case c.state == flushing:
		c.state = lingering
		c.timer = c.l.After(lingerTime, func() { c.die(nil) })
		c.jobs <- job{end: true}
	}
}

// wrote notes that the writer has done what it was given.
func (c *conn) wrote(end bool, err error) {
	switch {
	case c.state >= dead:
		return
	case end:
		c.shut = true
		if err != nil {
			c.die(nil) // all replies are out
		}
		c.endLinger()
		return
	case err != nil:
		c.die(err)
		return
	}
	c.out.Drop(&c.l.buffers, c.sending)
	c.sending = 0
	if c.above && c.out.Size() <= ioloop.LowWater {
		c.l.drained = append(c.l.drained, c)
	}
	if c.out.Size() > 0 || c.state == flushing {
		c.markDirty()
	}
}

// endLinger ends a connection that both sides have ended.
func (c *conn) endLinger() {
	if c.state == lingering && c.shut && c.eof {
		c.die(nil)
	}
}
