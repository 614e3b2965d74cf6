//go:build !linux

package integration

// cutOff reports what a write has met: that alone tells here.
func (f *flood) cutOff() bool {
	select {
	case <-f.done:
		f.cut = true
	default:
	}
	return f.cut
}
