package local

import (
	"fmt"
	"math"
	"strings"

	"ringmain/resp"
)

// The drawing of LOLWUT, in characters.
const (
	lolwutWidth  = 60
	lolwutHeight = 21
)

// lolwut is LOLWUT [VERSION version …]: a ring with points on it, and the version that
// clients may rely on.
func lolwut(a *Answers, c *Call) {
	if len(c.Args) > 2 && strings.EqualFold(string(c.Args[1]), "version") {
		if _, ok := resp.ParseInteger(c.Args[2]); !ok {
			c.fail(resp.TextNotInteger)
			return
		}
	}
	picture := make([][]byte, lolwutHeight)
	for y := range picture {
		picture[y] = []byte(strings.Repeat(" ", lolwutWidth))
	}
	draw := func(turn float64, ch byte) {
		x := lolwutWidth/2 + lolwutWidth*0.45*math.Sin(2*math.Pi*turn)
		y := lolwutHeight/2 - lolwutHeight*0.45*math.Cos(2*math.Pi*turn)
		picture[int(y+0.5)][int(x)] = ch
	}
	for i := range 360 {
		draw(float64(i)/360, '.')
	}
	seed := uint64(c.Client.ID)
	for i := range 24 { // each client's ring is its own
		seed = seed*6364136223846793005 + 1442695040888963407
		draw(float64(seed>>40)/(1<<24), "oO@"[i%3])
	}
	var out strings.Builder
	for _, line := range picture {
		out.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	fmt.Fprintf(&out, "\nRingmain %s\nRedis ver. %s\n", a.Version, a.RedisVersion())
	c.text(out.String())
}
