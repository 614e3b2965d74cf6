// Package difftest is a test kit for sending the same requests to two servers
// that speak Redis's protocol, and comparing what they reply. Its parser of
// replies is a second, independent one, so that a mistake in the program's own
// cannot hide a difference.
package difftest
