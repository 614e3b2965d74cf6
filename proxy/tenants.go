package proxy

import (
	"ringmain/command"
	"ringmain/proxy/local"
	"ringmain/proxy/tenant"
	"ringmain/proxy/users"
	"ringmain/resp"
)

// asTenant puts the user's prefix before the keys of a request, and has it taken away
// in the reply. It reports by how many bytes the request has grown; false if the request
// has been refused.
func (s *Session) asTenant(cmd *command.Command, r *resp.Request) (grown int, ok bool) {
	if cmd.Policy == command.Refused { // for everybody
		return 0, true
	}
	before := length(r.Args)
	var args [][]byte
	var reply tenant.Kind
	var text string
	if s.core.Contracts != nil && callsScript(cmd) {
		args, text = s.scriptAsTenant(cmd, r.Args)
	} else {
		args, reply, text = s.tenant.Request(&s.core.tenants, cmd, r.Args)
	}
	if text != "" {
		s.abort()
		s.fail(text)
		return 0, false
	}
	r.Args, s.editing = args, edits[reply]
	if grown = length(args) - before; grown > 0 {
		r.Raw = nil
	}
	return grown, true
}

// scriptAsTenant is asTenant for a command that calls a script. Tenants run none on servers, but
// an executor of contracts runs none either: it carries out those that it knows, on the keys
// that they are given and no others. text is that of an error, or "".
func (s *Session) scriptAsTenant(cmd *command.Command, args [][]byte) (out [][]byte, text string) {
	out, text = s.tenant.Script(&s.core.tenants, cmd, args)
	if text != "" {
		return out, text
	}
	// With one, underContract refuses the command or has it executed, and so does MULTI.
	if contract, _, _ := s.contractFor(cmd, out); contract == nil {
		text = tenant.Denied(cmd)
	}
	return out, text
}

// length is about how many bytes arguments take in a request.
func length(args [][]byte) int {
	n := 0
	for _, arg := range args {
		n += len(arg) + argumentOverhead
	}
	return n
}

// argumentOverhead is about what frames an argument.
const argumentOverhead = 8

// edits take the prefix away, by kind of reply. A session's tenant changes only when it
// awaits no reply.
var edits = func() (list [tenant.Kinds]edit) {
	for kind := tenant.AsIs + 1; int(kind) < tenant.Kinds; kind++ {
		list[kind] = func(s *Session, reply []byte) []byte { return s.tenant.Reply(kind, reply) }
	}
	return list
}()

// shownTo reports whether a user may know of the session's client: one with a key_prefix
// knows of its own clients alone. Any loop's user may ask.
func (s *Session) shownTo(u *users.User) bool { return u == nil || u.Tenant == nil || u == s.user }

// changeUser makes the client another user. Of what the client has on servers nothing
// stays that belongs to another tenant.
func (s *Session) changeUser(u *users.User) {
	before := s.tenant
	s.identify(u)
	if s.tenant != before {
		s.restart()
	}
}

// changesTenant reports whether a command may make the client another tenant, so that it
// has to wait for replies to come: their keys are still those of the present one.
func (s *Session) changesTenant(cmd *command.Command) bool {
	return s.tenant != nil && local.Authenticates(cmd)
}
