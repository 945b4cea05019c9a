# What can be done here; `make help` lists it. Every target does its own
# set-up: Go and a C compiler (for the race detector) are all that is needed.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules
.DEFAULT_GOAL := help

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
BIN         := $(CURDIR)/bin
TESTBED     := cd testbed && export GOWORK=off &&
HARNESS     := $(BIN)/harness -bin $(BIN) -subjects testbed
MIMICS      := $(BIN)/mimics -bin $(BIN) -subjects testbed
HANG        := $(BIN)/hang -bin $(BIN) -subjects testbed
CRASHES     := $(BIN)/crashes -bin $(BIN)
BENCHSTAT   := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
FUZZTIME    ?= 10s

# Modules of the workspace that require the root one, and maybe each other.
BESIDE      := cmd etcd grpc

# Each section says how long those before it took.
START   := $(shell date +%s)
section = @printf '\n== %s (%d s after the start)\n' "$(1)" $$(( $$(date +%s) - $(START) ))

.PHONY: help build rig demo test quick vet fuzz testbed mimics crashes controls kernels soak bench buildcost tidy oops cputime pauses arm64 clean observe-table observe-healthy observe-unchanged

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 20

build: ## build bin/lifesign
	@mkdir -p $(BIN)
	go build -o $(BIN)/lifesign ./cmd/lifesign

# The rig is the testbed's own programs: the load and what judges lifesign.
rig: build
	go build -o $(BIN)/crashserver ./examples/crashes
	$(TESTBED) go build -o $(BIN)/ ./crashes ./natsload ./hungfs ./cutproxy ./harness ./mimics ./kernels ./natsbench ./workbench ./hookbench ./hang ./hang/programs/gohang

demo: rig ## find the deadlock of nats-server 2.12.1 under load, in about a minute
	$(HARNESS) -demo

# The scripts of the command and the builds of weave run whole programs' analyses,
# which the race detector makes five times as long: a quarter of an hour that tells
# nothing of either, for both are tested with it below what they call.
test: vet rig ## every test of every module, and one real deadlock end to end
	$(call section,tests of the root module)
	go test -race ./...
	$(call section,tests of the tool module)
	cd cmd && go test -race $$(go list ./... | grep -v '/cmd/lifesign$$\|/cmd/weave$$')
	cd cmd && go test -timeout 30m ./lifesign ./weave
	$(call section,tests of the etcd module)
	cd etcd && go test -race ./...
	$(call section,tests of the gRPC module)
	cd grpc && go test -race ./...
	$(call section,tests of the testbed)
	$(TESTBED) go test -race ./...
	$(call section,real faults end to end)
	$(HARNESS) -short
	$(call section,what mimics find for real)
	$(MIMICS) -short -parallel 3
	$(call section,hung threads for real)
	$(HANG) -short
	$(call section,seventeen ways to crash)
	$(CRASHES) -short
	$(call section,done)

quick: ## the tests without the race detector and without NATS
	go test ./...
	for m in $(BESIDE); do (cd $$m && go test ./...); done
	$(TESTBED) go test ./...

vet: ## gofmt, go vet and staticcheck, every module
	$(call section,gofmt)
	@test -z "$$(gofmt -l $$(git ls-files '*.go' | grep -v testdata/) | tee /dev/stderr)"
	$(call section,go vet and staticcheck)
	go vet ./...
	go run $(STATICCHECK) ./...
	for m in $(BESIDE); do (cd $$m && go vet ./... && go run $(STATICCHECK) ./...); done
	$(TESTBED) go vet ./... && go run $(STATICCHECK) ./...

fuzz: ## every fuzz target for FUZZTIME (10s)
	.ci/fuzz $(FUZZTIME)

testbed: rig ## real programs with real faults, their mended twins, stops and starvation
	$(HARNESS)

crashes: rig ## seventeen ways to crash, bare, guarded and under lifesign run; and ten thousand crashes in C of each kind
	$(CRASHES)
	$(call section,a game with a thousand players)
	go run ./examples/game measure
	$(call section,crashes in C)
	go test -count 1 -v -timeout 1h -run ManyCrashes ./guard/cguard -crashes 10000
	go test -count 1 -v -timeout 1h -race -run ManyCrashes ./guard/cguard -crashes 10000

mimics: rig ## what mimic checkers find, and who else does: disks and networks that go wrong in every way, mimics on and off
	$(MIMICS) -unnoticed
	$(MIMICS) $(MIMICKED)

kills: ## a supervisor killed 600 times, as it starts, stops, restarts and adopts a program
	cd cmd && go test -count=1 -timeout 60m -run TestKilledAtAnyMoment -v ./supervise -rounds 600

controls: rig ## real systems without a fault under full load, stopped, starved and collecting: 10 minutes each
	$(HARNESS) -controls 10m

kernels: rig ## Go's own blocking kernels, plain and rooted, beside goleak, go-deadlock and the leak profile
	$(BIN)/kernels -bin $(BIN) -program testbed/kernels/program

observe-table: rig ## what lifesign says of threads that are hung in every way, for real: 20 runs each, with and without load
	$(HANG) $(OBSERVE)

observe-healthy: rig ## etcd, PostgreSQL, nginx, redis and a compiler, watched for 10 minutes: nothing is stuck
	.ci/need nginx:nginx-light redis-server:redis-server pgbench:postgresql
	$(HANG) -healthy $(OBSERVE)

observe-unchanged: rig ## that watching changes nothing of what blocking calls return
	.ci/need strace:strace
	$(HANG) -unchanged

soak: rig ## the mended twin under load for an hour, and the stops and starvation again and again
	$(HARNESS) -soak 1h

bench: rig ## what the hooks cost: in nanoseconds, and for NATS
	$(call section,hooks beside plain code)
	go test -c -o $(BIN)/hook.test ./hook
	for i in $$(seq 60); do $(BIN)/hook.test -test.run '^$$' -test.bench . -test.benchtime 1ms -test.count 2; done | $(BIN)/hookbench
	$(call section,crashes contained: a unit beside a bare recover and a call of C beside a bare one)
	go test -c -o $(BIN)/unit.test ./guard/unit
	go test -c -o $(BIN)/cguard.test ./guard/cguard
	for i in $$(seq 60); do for p in unit cguard; do $(BIN)/$$p.test -test.run '^$$' -test.bench 'Unit|Call|Crash' -test.benchtime 1ms -test.count 2; done; done | $(BIN)/hookbench -crashes
	$(call section,NATS woven against plain)
	$(BIN)/natsbench -bin $(BIN) -subjects testbed
	$(call section,programs that are their own load: plain, woven with mimics off, and on)
	$(BIN)/workbench -bin $(BIN) -subjects testbed
	go run $(BENCHSTAT) $(BIN)/plain.txt $(BIN)/off.txt $(BIN)/woven.txt

buildcost: build ## what weaving adds to the time of a build, cold and after a change
	.ci/buildcost $(BIN)/lifesign

# The versions that modules of the workspace require of each other are those beside
# them, which the workspace knows and `go mod tidy` does not: a copy of go.mod tells it.
tidy: ## go mod tidy, every module
	go mod tidy
	@mkdir -p $(BIN)
	for m in $(BESIDE); do \
		cp $$m/go.mod $(BIN)/tidy.mod; \
		cp $$m/go.sum $(BIN)/tidy.sum; \
		go mod edit -replace=github.com/lifesign-go/lifesign=.. $(BIN)/tidy.mod; \
		for o in $(BESIDE); do go mod edit -replace=github.com/lifesign-go/lifesign/$$o=../$$o $(BIN)/tidy.mod; done; \
		(cd $$m && GOWORK=off go mod tidy -modfile=$(BIN)/tidy.mod); \
		go mod edit -dropreplace=github.com/lifesign-go/lifesign $(BIN)/tidy.mod; \
		for o in $(BESIDE); do go mod edit -dropreplace=github.com/lifesign-go/lifesign/$$o $(BIN)/tidy.mod; done; \
		cp $(BIN)/tidy.mod $$m/go.mod; \
		cp $(BIN)/tidy.sum $$m/go.sum; \
	done
	for m in testbed testbed/*/ testbed/kernels/program; do if [ -f $$m/go.mod ]; then (cd $$m && GOWORK=off go mod tidy); fi; done

pauses: ## pauses of every kind made for real, a hundred times each: 95 named right and none wrong (Linux, root; not in CI)
	@mkdir -p $(BIN)
	go test -c -o $(BIN)/pause.test ./pause
	$(BIN)/pause.test -test.run RealPauses -test.v -test.timeout 3h -rounds 100 $(PAUSES)
	$(BIN)/pause.test -test.run '^$$' -test.bench . -test.benchtime 1x

oops: ## real kernel oopses in a virtual machine: lifesign inside must tell in 100 ms (Debian, root; not in CI)
	@mkdir -p $(BIN)
	testbed/oops/run $(BIN)

arm64: ## the hooks' tests for linux/arm64, and those of crashes in C, in an emulator (Debian: qemu-user)
	.ci/need aarch64-linux-gnu-gcc:crossbuild-essential-arm64 qemu-aarch64:qemu-user
	@mkdir -p $(BIN)
	CGO_ENABLED=0 GOARCH=arm64 go test -c -o $(BIN)/hook.arm64 ./hook
	cd hook && qemu-aarch64 $(BIN)/hook.arm64 -test.v | tail -n 3
	CGO_ENABLED=1 CC=aarch64-linux-gnu-gcc GOARCH=arm64 go test -c -o $(BIN)/cguard.arm64 ./guard/cguard
	cd guard/cguard && qemu-aarch64 -L /usr/aarch64-linux-gnu $(BIN)/cguard.arm64 -test.v -test.run 'Available|Kind|Within|Panics' | grep -v '^=== ' | tail -n 20

cputime: ## lifesign cpu on a real kernel with the fault of those before 4.3, and without (Debian, root; not in CI)
	@mkdir -p $(BIN)
	testbed/cputime/run $(BIN)

clean: ## remove what was built
	rm -rf bin
