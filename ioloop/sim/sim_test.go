package sim_test

import (
	"fmt"
	"os"
	"testing"

	"ringmain/ioloop/looptest"
	"ringmain/ioloop/sim"
)

// seeds is how many worlds a test tries.
func seeds(quick, torture int) int {
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		return torture
	}
	return quick
}

func TestDriverConforms(t *testing.T) {
	for seed := range seeds(3, 30) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			looptest.Run(t, &harness{w: sim.New(uint64(seed))})
		})
	}
}
