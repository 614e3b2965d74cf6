// Package foreign is the driver of ioloop for platforms other than Linux: every
// connection is a net.Conn, with or without TLS, that two goroutines drive.
//
// A reader hands each buffer that it has filled to the loop and waits until the loop
// is done with it; a writer is given what the loop has gathered, at most maxJob bytes
// at a time, and says when it is out. So at most one buffer is on its way in each
// direction, and what they tell the loop is bounded by the number of connections: it
// is never refused, unlike what is posted.
package foreign
