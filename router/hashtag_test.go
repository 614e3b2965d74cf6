package router

import "testing"

func TestHashTagIsWhatRedisClusterHashes(t *testing.T) {
	for _, c := range []struct{ tag, key, want string }{
		{"{}", "", ""},
		{"{}", "foo", "foo"},
		{"{}", "{user1000}.following", "user1000"},
		{"{}", "foo{}{bar}", "foo{}{bar}"},
		{"{}", "foo{{bar}}zap", "{bar"},
		{"{}", "foo{bar}{zap}", "bar"},
		{"{}", "foo{bar", "foo{bar"},
		{"{}", "foo}bar{", "foo}bar{"},
		{"{}", "a}b{c}d", "c"},
		{"{}", "{", "{"},
		{"{}", "{}", "{}"},
		{"{}", "{\x00}", "\x00"},
		{"", "foo{bar}", "foo{bar}"},
		{"$$", "a$b$c$d", "b"},
		{"$$", "a$$c", "a$$c"},
		{"[]", "x[y]{z}", "y"},
	} {
		tag, err := newHashTag(c.tag)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(tag.of([]byte(c.key))); got != c.want {
			t.Errorf("tag %q of %q is %q, want %q", c.tag, c.key, got, c.want)
		}
	}
}
