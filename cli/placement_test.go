package cli

import (
	"fmt"
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
