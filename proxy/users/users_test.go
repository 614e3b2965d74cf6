package users

import (
	"bytes"
	"fmt"
	"testing"

	"ringmain/command"
)

func twoUsers() *Set {
	s := New()
	s.Add(User{Name: "ann", Access: command.AccessRead, KeyPrefix: "a:"}, "secret")
	s.Add(User{Name: Default, Access: command.AccessAdmin}, "other")
	return s
}

func TestOnlyTheRightPasswordOfTheRightUserIsTaken(t *testing.T) {
	s := twoUsers()
	for _, c := range []struct {
		name, password string
		ok             bool
	}{
		{"ann", "secret", true}, {"default", "other", true},
		{"ann", "other", false}, {"default", "secret", false}, {"ann", "", false}, {"ann", "secret\x00", false},
		{"ann", "Secret", false}, {"Ann", "secret", false}, {"", "secret", false}, {"", "", false}, {"nobody", "secret", false},
	} {
		u := s.Authenticate([]byte(c.name), []byte(c.password))
		if (u != nil) != c.ok || c.ok && u.Name != c.name {
			t.Errorf("%q with %q: %v", c.name, c.password, u)
		}
	}
}

func TestNothingOfAPasswordIsKept(t *testing.T) {
	s := twoUsers()
	if text := fmt.Sprintf("%+v %+v", s, s.byName["ann"]); bytes.Contains([]byte(text), []byte("secret")) {
		t.Errorf("it is there: %s", text)
	}
	if s.byName["ann"].digest == twoUsers().byName["ann"].digest {
		t.Error("two sets have the same digest of a password: the key is not random")
	}
}
