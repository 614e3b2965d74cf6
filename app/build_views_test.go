package app

import (
	"testing"

	"ringmain/proxy"
	"ringmain/topology"
)

func TestTheLoopsAndTheControllerMeanTheSameMarker(t *testing.T) {
	if proxy.Marker != topology.MarkerKey {
		t.Errorf("flushes keep %q, the controller writes %q", proxy.Marker, topology.MarkerKey)
	}
}
