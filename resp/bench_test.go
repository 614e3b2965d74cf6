package resp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// roomy are the limits of a test that is not about limits.
var roomy = Limits{Request: 64 << 20, Arguments: 1 << 20, Bulk: MaxBulk, Inline: MaxInline}

func BenchmarkNext(b *testing.B) {
	value := strings.Repeat("v", 64)
	for _, bm := range []struct{ name, request string }{
		{"GET", "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000012345\r\n"},
		{"SET", "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000012345\r\n$64\r\n" + value + "\r\n"},
		{"MGET10", string(AppendCommand(nil, strings.Fields("MGET "+strings.Repeat("key:000000012345 ", 10))...))},
		{"inline", "SET key:000000012345 value\r\n"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			in := []byte(bm.request)
			var p Parser
			var r Request
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if n, err := p.Next(in, &roomy, &r); n != len(in) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkNextInPieces(b *testing.B) {
	in := AppendCommand(nil, "SET", "key", strings.Repeat("v", 1<<20))
	var p Parser
	var r Request
	b.ReportAllocs()
	for b.Loop() {
		for end := 16 << 10; ; end += 16 << 10 {
			n, err := p.Next(in[:min(end, len(in))], &roomy, &r)
			if err != nil {
				b.Fatal(err)
			}
			if n > 0 {
				break
			}
		}
	}
}

func BenchmarkScan(b *testing.B) {
	value := fmt.Sprintf("$64\r\n%s\r\n", strings.Repeat("v", 64))
	for _, bm := range []struct{ name, reply string }{
		{"OK", "+OK\r\n"},
		{"integer", ":12345\r\n"},
		{"nil", "$-1\r\n"},
		{"bulk64", value},
		{"MGET10", "*10\r\n" + strings.Repeat(value, 10)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			in := bytes.Repeat([]byte(bm.reply), 2)
			var f Framer
			b.ReportAllocs()
			b.SetBytes(int64(len(bm.reply)))
			for b.Loop() {
				if n, done, err := f.Scan(in); n != len(bm.reply) || !done || err != nil {
					b.Fatal(n, done, err)
				}
			}
		})
	}
}
