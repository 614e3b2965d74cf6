# Everything needs Go; `make deps` installs the rest on Debian and its relatives.

GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10m
TESTTIMEOUT ?= 20m

.DEFAULT_GOAL := build
.PHONY: help build image deps test lint torture fuzz bench bench-quick bench-tls bench-quorum bench-ab

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 14

build: ## the static binary ./ringmain
	@GO="$(GO)" scripts/build.sh ringmain

image: ## the container image, into the archive ringmain.tar: make image IMAGE=registry.example/ringmain:1.0
	@scripts/deps.sh image
	@GO="$(GO)" IMAGE="$(IMAGE)" scripts/image.sh ringmain.tar

deps: ## what the tests need from the system: redis, twemproxy, gcc, buildah, …
	@scripts/deps.sh

test: deps ## all tests under the race detector (`make lint` vets)
	CGO_ENABLED=1 $(GO) test -race -vet=off -timeout $(TESTTIMEOUT) ./...
	$(GO) test -vet=off -tags foreign -timeout $(TESTTIMEOUT) -run 'TLS|Pipeline|Drain' ./integration # the loop of other platforms
	$(GO) test -vet=off -timeout $(TESTTIMEOUT) ./proxy/simtest # all seeds; the detector slows a simulated world eightfold

lint: ## gofmt, go vet (for macOS and Windows too), staticcheck
	@scripts/gofmt.sh
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

torture: deps ## the tests with their large budgets, then fuzzing: FUZZTIME=10m for each target
	RINGMAIN_TORTURE=1 CGO_ENABLED=1 $(GO) test -race -vet=off -count=1 -timeout 3h ./...
	RINGMAIN_TORTURE=1 $(GO) test -vet=off -count=1 -timeout 3h ./proxy/simtest ./lock
	@$(MAKE) fuzz

fuzz: ## fuzzes every target for FUZZTIME
	@GO="$(GO)" scripts/fuzz.sh $(FUZZTIME)

bench: deps ## side by side with twemproxy, under half an hour, into bench/results
	$(GO) run ./bench $(BENCHFLAGS)

bench-quick: deps ## the same, under two minutes
	$(GO) run ./bench -quick $(BENCHFLAGS)

bench-tls: deps ## clients with TLS against clients without, and against twemproxy behind stunnel
	$(GO) run ./bench -tls $(BENCHFLAGS)

bench-quorum: deps ## locks and counters against plain INCR, redsync and etcd, under ten minutes
	$(GO) run ./bench -quorum $(BENCHFLAGS)

bench-ab: deps ## this tree against an older one: make bench-ab BASE=<revision>
	@GO="$(GO)" scripts/bench-ab.sh "$(BASE)" $(BENCHFLAGS)
