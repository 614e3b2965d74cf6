package app

import (
	"context"
	"testing"

	"ringmain/proxy"
	"ringmain/router"
	"ringmain/topology"
)

func TestTheLoopsAndTheControllerMeanTheSameMarker(t *testing.T) {
	if proxy.Marker != topology.MarkerKey {
		t.Errorf("flushes keep %q, the controller writes %q", proxy.Marker, topology.MarkerKey)
	}
}

func TestNoViewIsServedOnceLoopsAreNotAwaitedAnyMore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := &view{app: &App{}, ctx: ctx, served: make(chan struct{})}
	v.Fall(0, "does not answer")
	v.Serve(router.View{}, nil)
	select {
	case <-v.served:
		t.Error("it is served")
	default:
	}
}
