package scripts

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// fingerprint is the digest of a text's normal form.
func fingerprint(src string) (string, error) {
	tokens, err := tokenise(src)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(normal(tokens)))
	return hex.EncodeToString(sum[:16]), nil
}

// normal is a script's normal form, one token a line. Two texts with the same normal form
// do the same:
//   - there are no comments, blanks or semicolons;
//   - strings have one kind of quotes;
//   - the command in a redis.call, and the options of SET, are in upper case;
//   - server, Valkey's name, is redis, and pcall is call;
//   - a condition has no brackets around it;
//   - locals are called by the order in which they appear, by names that no variable can
//     have. A name that is local anywhere is renamed everywhere, one to one, so that texts
//     that differ in which variable they mean differ here.
//
// It is compared, never executed. That pcall and call differ where a command fails does
// not matter to a text that is carried out by what it means.
func normal(tokens []token) string {
	locals := localNames(tokens)
	dropped := conditionBrackets(tokens)
	numbers := make(map[string]string, len(locals))
	var out strings.Builder
	for i, t := range tokens {
		if dropped[i] || t.is(";") {
			continue
		}
		switch field := i > 0 && (tokens[i-1].is(".") || tokens[i-1].is(":")); {
		case t.kind == text:
			out.WriteString(strconv.Quote(argument(tokens, locals, i)))
		case t.kind != name:
			out.WriteString(t.text)
		case field && t.text == "pcall" && i > 1 && isRedis(tokens, locals, i-2):
			out.WriteString("call")
		case field:
			out.WriteString(t.text)
		case locals[t.text]:
			if numbers[t.text] == "" {
				numbers[t.text] = "%" + strconv.Itoa(len(numbers)+1)
			}
			out.WriteString(numbers[t.text])
		case isRedis(tokens, locals, i):
			out.WriteString("redis")
		default:
			out.WriteString(t.text)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// isRedis reports whether token i names Redis's own table.
func isRedis(tokens []token, locals map[string]bool, i int) bool {
	t := tokens[i]
	return t.kind == name && (t.text == "redis" || t.text == "server") && !locals[t.text] &&
		i+1 < len(tokens) && tokens[i+1].is(".") && (i == 0 || !tokens[i-1].is(".") && !tokens[i-1].is(":"))
}

// options are words of SET.
var options = map[string]bool{"NX": true, "XX": true, "PX": true, "EX": true, "PXAT": true, "EXAT": true}

// argument is the string at i, in upper case where its case does not matter to Redis.
func argument(tokens []token, locals map[string]bool, i int) string {
	s := tokens[i].text
	upper := strings.ToUpper(s)
	command := i >= 4 && isRedis(tokens, locals, i-4) && tokens[i-3].is(".") &&
		(tokens[i-2].is("call") || tokens[i-2].is("pcall")) && tokens[i-1].is("(")
	if command || options[upper] && i > 0 && tokens[i-1].is(",") {
		return upper
	}
	return s
}

// localNames are the names that a script declares: of locals, of loops' variables, of
// functions' parameters.
func localNames(tokens []token) map[string]bool {
	locals := map[string]bool{}
	for i := 0; i < len(tokens); i++ {
		switch t := tokens[i]; {
		case t.kind != name:
		case t.text == "local" && i+1 < len(tokens) && tokens[i+1].is("function"):
			nameList(tokens[i+2:], locals)
		case t.text == "local" || t.text == "for":
			nameList(tokens[i+1:], locals)
		case t.text == "function":
			for i+1 < len(tokens) && (tokens[i+1].kind == name || tokens[i+1].is(".") || tokens[i+1].is(":")) {
				i++
			}
			if i+1 < len(tokens) && tokens[i+1].is("(") {
				nameList(tokens[i+2:], locals)
			}
		}
	}
	return locals
}

// keywords are no names of variables: with one in a variable's place a text is not Lua.
var keywords = map[string]bool{
	"and": true, "break": true, "do": true, "else": true, "elseif": true, "end": true, "false": true,
	"for": true, "function": true, "if": true, "in": true, "local": true, "nil": true, "not": true, "or": true,
	"repeat": true, "return": true, "then": true, "true": true, "until": true, "while": true,
}

// nameList adds the names of a list at the beginning of tokens.
func nameList(tokens []token, names map[string]bool) {
	for i := 0; i < len(tokens) && tokens[i].kind == name && !keywords[tokens[i].text]; i += 2 {
		names[tokens[i].text] = true
		if i+1 == len(tokens) || !tokens[i+1].is(",") {
			return
		}
	}
}

// conditionBrackets finds the round brackets around whole conditions.
func conditionBrackets(tokens []token) map[int]bool {
	closing := map[int]int{}
	var open []int
	for i, t := range tokens {
		switch {
		case t.is("("):
			open = append(open, i)
		case t.is(")") && len(open) > 0:
			closing[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	brackets := map[int]bool{}
	for i, t := range tokens {
		if !t.is("if") && !t.is("elseif") {
			continue
		}
		from := i + 1
		to, ok := closing[from]
		if !ok || to+1 == len(tokens) || !tokens[to+1].is("then") {
			continue
		}
		for ok {
			brackets[from], brackets[to] = true, true
			inner, isBracket := closing[from+1]
			from, to, ok = from+1, to-1, isBracket && inner == to-1
		}
	}
	return brackets
}
