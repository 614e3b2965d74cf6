package local

import (
	"strconv"
	"time"

	"ringmain/command"
)

// redacted stands for what nobody is shown, as in Redis.
var redacted = []byte("(redacted)")

// Redacted are the arguments of a request without the secrets among them: args itself
// if there are none.
func Redacted(cmd *command.Command, args [][]byte) [][]byte {
	hide := func(from, to int) [][]byte {
		shown := append([][]byte{}, args...)
		for i := from; i < min(to, len(args)); i++ {
			shown[i] = redacted
		}
		return shown
	}
	switch {
	case cmd == nil:
		return args
	case cmd.ID() == authID:
		return hide(1, len(args))
	case cmd.ID() == helloID:
		for i := 2; i < len(args); i++ {
			if command.IsWord(args[i], "auth") {
				args = hide(i+1, i+3)
				i += 2
			}
		}
	case secret[cmd.ID()]:
		return hide(2, len(args))
	}
	return args
}

// secret are the commands whose arguments may hold passwords.
var secret = idsOf("acl|setuser", "migrate", "config|set")

// AppendMonitorLine appends what MONITOR shows of a command: when, in which database
// and for whom it was executed, and its arguments.
func AppendMonitorLine(dst []byte, at time.Time, database int, client string, args [][]byte) []byte {
	dst = strconv.AppendInt(append(dst, '+'), at.Unix(), 10)
	micros := at.Nanosecond() / 1000
	dst = append(dst, '.')
	for unit := 100_000; unit > 0; unit /= 10 {
		dst = append(dst, '0'+byte(micros/unit%10))
	}
	dst = strconv.AppendInt(append(dst, " ["...), int64(database), 10)
	dst = append(append(append(dst, ' '), client...), ']')
	for _, arg := range args {
		dst = appendRepr(append(dst, ' '), arg)
	}
	return append(dst, '\r', '\n')
}

// escapes are those that have a letter.
var escapes = [256]byte{'\\': '\\', '"': '"', '\n': 'n', '\r': 'r', '\t': 't', '\a': 'a', '\b': 'b'}

// appendRepr appends text in quotes, with escapes for what cannot be printed.
func appendRepr(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		switch letter := escapes[c]; {
		case letter != 0:
			dst = append(dst, '\\', letter)
		case c < ' ' || c > '~':
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
