package redistest

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"ringmain/resp"
)

// Clock is that of a server as those see it who ask it through a relay. Its methods may be
// called concurrently.
type Clock struct{ ahead atomic.Int64 } // nanoseconds

// Clock has every reply to connections made from now on tell another time once it is set:
// TIME's own, and scripts' that contain what TIME returned. A time is two elements in a
// row, a string or integer of seconds that lies within a year of now and one of microseconds.
func (r *Relay) Clock() *Clock {
	c := &Clock{}
	r.Filter(ToClient, func(*Link) Filter { return c.shift })
	return c
}

// shortened takes so many milliseconds off what every key has left to live.
const shortened = `for _, key in ipairs(redis.call('KEYS', '*')) do
	local left = redis.call('PTTL', key)
	if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end
end`

// Step sets the clock of the relay's server s forward, or back if by is negative: from now
// on the relay tells another time, and keys live shorter, as they do at a server whose
// clock is set. by is in whole milliseconds.
func (c *Clock) Step(s *Server, by time.Duration) error {
	// In this order nobody sees a key expire early and the old time.
	c.ahead.Add(int64(by))
	_, err := s.Do("EVAL", shortened, 0, by.Milliseconds())
	if err != nil {
		return fmt.Errorf("stepping the clock of %s: %w", s.Addr(), err)
	}
	return nil
}

// shift is the Filter.
func (c *Clock) shift(message []byte) []byte {
	ahead := time.Duration(c.ahead.Load())
	if ahead == 0 || len(message) == 0 || message[0] != '*' {
		return message
	}
	return shiftTimes(nil, message, ahead)
}

// shiftTimes appends a reply with the times in it shifted.
func shiftTimes(dst, reply []byte, by time.Duration) []byte {
	n, rest, ok := resp.ArrayHeader(reply)
	if !ok {
		return append(dst, reply...)
	}
	dst = append(dst, reply[:len(reply)-len(rest)]...)
	for n > 0 {
		first, behind, err := resp.Element(rest)
		if err != nil {
			return append(dst, rest...)
		}
		if n > 1 {
			if second, after, err := resp.Element(behind); err == nil {
				if t, ok := timeOf(first, second); ok {
					t = t.Add(by)
					dst = appendLike(dst, first, t.Unix())
					dst = appendLike(dst, second, int64(t.Nanosecond()/1000))
					rest, n = after, n-2
					continue
				}
			}
		}
		dst = shiftTimes(dst, first, by)
		rest, n = behind, n-1
	}
	return dst
}

const year = 365 * 24 * time.Hour

// timeOf is the time that two elements are.
func timeOf(seconds, micros []byte) (time.Time, bool) {
	s, ok1 := number(seconds)
	m, ok2 := number(micros)
	t := time.Unix(s, m*1000)
	return t, ok1 && ok2 && m >= 0 && m < 1e6 && time.Since(t).Abs() < year
}

func number(element []byte) (int64, bool) {
	if text, ok := resp.Bulk(element); ok {
		return resp.ParseInteger(text)
	}
	return resp.Integer(element)
}

// appendLike appends a number as an element of the same type.
func appendLike(dst, element []byte, v int64) []byte {
	digits := strconv.FormatInt(v, 10)
	if element[0] == '$' {
		return fmt.Appendf(dst, "$%d\r\n%s\r\n", len(digits), digits)
	}
	return append(fmt.Append(append(dst, element[0]), digits), "\r\n"...)
}
