package resp

import (
	"bytes"
	"strings"

	"github.com/tidwall/redcon"
)

// Texts of errors in Redis's own words, for redcon.AppendError.
const (
	TextSyntax          = "ERR syntax error"
	TextNotInteger      = "ERR value is not an integer or out of range"
	TextIntRange        = "ERR value is out of range, value must between -2147483648 and 2147483647"
	TextDatabase        = "ERR DB index is out of range"
	TextMaxClients      = "ERR max number of clients reached"
	TextClientName      = "ERR Client names cannot contain spaces, newlines or special characters."
	TextCrossSlot       = "CROSSSLOT Keys in request don't hash to the same slot"
	TextWrongType       = "WRONGTYPE Operation against a key holding the wrong kind of value"
	TextExecAborted     = "EXECABORT Transaction discarded because of previous errors."
	TextNoProtocol      = "NOPROTO unsupported protocol version"
	TextProtocolVersion = "ERR Protocol version is not an integer or out of range"
	TextNoAuth          = "NOAUTH Authentication required."
	TextNoAuthHello     = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
	TextWrongPassword   = "WRONGPASS invalid username-password pair or user is disabled."
	TextNoPassword      = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
)

// quotedBytes is how much of what a client sent Redis repeats in an error.
const quotedBytes = 128

// AppendProtocolError appends the reply to a ProtocolError.
func AppendProtocolError(dst []byte, err error) []byte {
	return redcon.AppendError(dst, "ERR "+err.Error())
}

// AppendUnknownCommand appends the error for a request whose command does not
// exist. args[0] is the command's name; there must be one.
func AppendUnknownCommand(dst []byte, args [][]byte) []byte {
	dst = append(dst, "-ERR unknown command '"...)
	dst = appendQuoted(dst, args[0], quotedBytes)
	dst = append(dst, "', with args beginning with: "...)
	from := len(dst)
	for _, arg := range args[1:] {
		room := quotedBytes - (len(dst) - from)
		if room <= 0 {
			break
		}
		dst = append(dst, '\'')
		dst = appendQuoted(dst, arg, room)
		dst = append(dst, "' "...)
	}
	return append(dst, '\r', '\n')
}

// AppendUnknownSubcommand appends the error for a subcommand that command does
// not have.
func AppendUnknownSubcommand(dst []byte, command string, sub []byte) []byte {
	return AppendQuotedError(dst, "ERR unknown subcommand '", sub, "'. Try "+strings.ToUpper(command)+" HELP.")
}

// SubcommandSyntax is the text of the error for a subcommand, as the client wrote it,
// whose options are wrong in number or kind.
func SubcommandSyntax(command string, sub []byte) string {
	said := string(appendQuoted(nil, sub, quotedBytes))
	return "ERR unknown subcommand or wrong number of arguments for '" + said + "'. Try " + strings.ToUpper(command) + " HELP."
}

// AppendQuotedError appends an error that repeats what a client has sent.
func AppendQuotedError(dst []byte, before string, said []byte, behind string) []byte {
	dst = append(append(dst, '-'), before...)
	dst = appendQuoted(dst, said, quotedBytes)
	return append(append(dst, behind...), '\r', '\n')
}

// TextWrongArity is the error that AppendWrongArity appends.
func TextWrongArity(name string) string {
	return "ERR wrong number of arguments for '" + name + "' command"
}

// AppendWrongArity appends the error for a wrong number of arguments. name is
// the command in lower case, as "get" or "config|get".
func AppendWrongArity(dst []byte, name string) []byte {
	return redcon.AppendError(dst, TextWrongArity(name))
}

// AppendHelloOption appends the error for an option that HELLO does not have,
// or that lacks its arguments.
func AppendHelloOption(dst, option []byte) []byte {
	dst = append(dst, "-ERR Syntax error in HELLO option '"...)
	dst = appendQuoted(dst, option, len(option))
	return append(dst, "'\r\n"...)
}

// appendQuoted appends up to room bytes of what a client sent, up to the first
// NUL as C does, with blanks for ends of line.
func appendQuoted(dst, text []byte, room int) []byte {
	text = text[:min(len(text), room)]
	if nul := bytes.IndexByte(text, 0); nul >= 0 {
		text = text[:nul]
	}
	for _, c := range text {
		if c == '\r' || c == '\n' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
