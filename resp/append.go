package resp

import (
	"strconv"

	"github.com/tidwall/redcon"
)

// AppendCommand appends a request. Replies that RESP2 knows are appended with
// the functions of redcon: AppendArray, AppendBulk, AppendInt, AppendString,
// AppendError (which replaces ends of line by blanks, as Redis does), AppendOK.
func AppendCommand[T string | []byte](dst []byte, args ...T) []byte {
	dst = redcon.AppendArray(dst, len(args))
	for _, arg := range args {
		dst = appendHeader(dst, '$', len(arg))
		dst = append(dst, arg...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// AppendNull appends the null of the client's protocol, 2 or 3.
func AppendNull(dst []byte, protocol int) []byte {
	if protocol >= 3 {
		return append(dst, "_\r\n"...)
	}
	return redcon.AppendNull(dst)
}

// AppendNullArray appends the null that stands for an array, as EXEC's does.
func AppendNullArray(dst []byte, protocol int) []byte {
	if protocol >= 3 {
		return append(dst, "_\r\n"...)
	}
	return append(dst, "*-1\r\n"...)
}

// AppendMap appends the header of a map of so many pairs; before RESP3 that is
// an array of keys and values.
func AppendMap(dst []byte, protocol, pairs int) []byte {
	if protocol >= 3 {
		return appendHeader(dst, '%', pairs)
	}
	return redcon.AppendArray(dst, 2*pairs)
}

// AppendSet appends the header of a set; before RESP3 that is an array.
func AppendSet(dst []byte, protocol, elements int) []byte {
	if protocol >= 3 {
		return appendHeader(dst, '~', elements)
	}
	return redcon.AppendArray(dst, elements)
}

// AppendPush appends the header of an out-of-band message; before RESP3 that is
// an array.
func AppendPush(dst []byte, protocol, elements int) []byte {
	if protocol >= 3 {
		return appendHeader(dst, '>', elements)
	}
	return redcon.AppendArray(dst, elements)
}

// AppendVerbatim appends plain text for people to read, such as INFO's; before
// RESP3 that is a bulk string.
func AppendVerbatim(dst []byte, protocol int, text string) []byte {
	if protocol < 3 {
		return redcon.AppendBulkString(dst, text)
	}
	dst = appendHeader(dst, '=', len(verbatim)+len(text))
	dst = append(append(dst, verbatim...), text...)
	return append(dst, '\r', '\n')
}

// verbatim is the format that precedes the text of a verbatim string.
const verbatim = "txt:"

func appendHeader(dst []byte, kind byte, n int) []byte {
	dst = strconv.AppendInt(append(dst, kind), int64(n), 10)
	return append(dst, '\r', '\n')
}
