package integration

import "golang.org/x/sys/unix"

// cutOff reports whether the other side has reset the connection, without
// taking anything out of the buffers.
func (f *flood) cutOff() bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return f.cut
	}
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		f.cut = f.cut || err != nil || info.State == tcpClosed
	})
	return f.cut
}

// tcpClosed is the kernel's TCP_CLOSE.
const tcpClosed = 7
