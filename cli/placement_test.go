package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ringmain/app"
	"ringmain/config"
	"ringmain/router"
)

func TestTheConfigurationKnowsTheRoutersNames(t *testing.T) {
	if got, want := config.Distributions(), router.Distributions(); !slices.Equal(got, want) {
		t.Errorf("distributions are %q, the router's %q", got, want)
	}
	if got, want := config.Hashes(), router.Hashes(); !slices.Equal(got, want) {
		t.Errorf("hashes are %q, the router's %q", got, want)
	}
}

// What the configuration accepts the router accepts, at the bounds too; and what
// is beyond them both refuse.
func TestTheConfigurationAndTheRouterAgreeOnWeights(t *testing.T) {
	for _, test := range []struct {
		distribution string
		weights      []int
		valid        bool
	}{
		{"ring", []int{1, 100}, true}, {"ring", []int{101}, false}, {"ring", []int{0}, false},
		{"ring", slices.Repeat([]int{100}, 31), true}, {"ring", slices.Repeat([]int{100}, 32), false},
		{"ketama", []int{1, 1_000_000}, true}, {"ketama", []int{1_000_001}, false},
		{"modula", []int{1, 1_999_999}, true}, {"modula", []int{1, 2_000_000}, false},
		{"jump", []int{1, 1}, true}, {"jump", []int{1, 2}, false}, {"jump", []int{2, 2}, false},
		{"maglev", []int{1, 100}, true}, {"maglev", []int{101}, false},
		{"maglev", append(slices.Repeat([]int{100}, 65), 53), true}, {"maglev", append(slices.Repeat([]int{100}, 65), 54), false},
	} {
		cfg := config.Default()
		pool := config.DefaultPool()
		pool.Distribution = test.distribution
		for i, w := range test.weights {
			pool.Nodes = append(pool.Nodes, config.Node{Name: fmt.Sprint(i), Address: fmt.Sprintf("h%d:1", i), Weight: w})
		}
		cfg.Pools = map[string]*config.Pool{"main": pool}
		pools, _ := app.Placement(cfg)
		err := router.Check(pools[0])
		if invalid := cfg.Validate(); (invalid == nil) != test.valid || (err == nil) != test.valid {
			t.Errorf("%s, %d weights, %d and more: the configuration says %v, the router %v",
				test.distribution, len(test.weights), test.weights[0], invalid, err)
		}
	}
}

// Whatever the configuration accepts, the router does; what is drawn breaks a rule
// now and then.
func TestTheRouterTakesWhatTheConfigurationAccepts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(of []string) string { return of[rng.IntN(len(of))] }
	accepted, refused := 0, 0
	for n := range 2000 {
		cfg := config.Default()
		cfg.Pools = map[string]*config.Pool{}
		names := []string{"a", "b", "c"}[:1+rng.IntN(3)]
		for _, name := range names {
			p := config.DefaultPool()
			p.Distribution, p.Hash = pick(config.Distributions()), pick(config.Hashes())
			p.HashTag = pick([]string{"", "{}", "$$", "{", "é", "[]]"}[:3+rng.IntN(12)/9*3])
			for i := range 1 + rng.IntN(6) {
				p.Nodes = append(p.Nodes, config.Node{
					Name: fmt.Sprint(rng.IntN(1 + i*50)), Address: fmt.Sprintf("h%d:1", i), Weight: pickWeight(rng),
				})
			}
			cfg.Pools[name] = p
		}
		for range rng.IntN(4) {
			cfg.Routes = append(cfg.Routes, config.Route{Prefix: pick([]string{"", "", "x", "xy", "y:"}), Pool: pick(names)})
		}
		if cfg.Validate() != nil {
			refused++
			continue
		}
		accepted++
		pools, routes := app.Placement(cfg)
		var err error
		for _, p := range pools {
			err = errors.Join(err, router.Check(p))
		}
		if n%50 == 0 { // which takes long
			_, built := router.New(1, pools, routes)
			err = errors.Join(err, built)
		}
		if err != nil {
			t.Fatalf("accepted, but: %v\n%+v", err, pools)
		}
	}
	if accepted < 100 || refused < 100 {
		t.Errorf("%d accepted, %d refused: that says little", accepted, refused)
	}
}

// pickWeight is mostly 1, so that every distribution gets its share.
func pickWeight(rng *rand.Rand) int {
	if rng.IntN(10) > 0 {
		return 1
	}
	return rng.IntN(102)
}
