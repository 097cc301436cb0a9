# The front door: every target works from a fresh clone and twice in a row.
# The work is CMake's (CMakePresets.json) and that of the scripts in .ci.

PRESET        ?= release
PREFIX        ?= /usr/local
FUZZ_SECONDS  ?= 30
BENCH_SECONDS ?= 5
BENCH_ROUNDS  ?= 3
JOBS          ?= $(shell nproc)

BUILD      = build/$(PRESET)
CONFIGURE  = cmake --preset $(PRESET) --log-level=NOTICE
RELEASE    = $(MAKE) --no-print-directory build PRESET=release

export FUZZ_SECONDS BENCH_SECONDS BENCH_ROUNDS JOBS

.DEFAULT_GOAL = build
.PHONY: build demo test bench bench-instructions fuzz check docs format install package clean help

build: ## (or just make) build what is shipped, into build/release/bin
	@.ci/setup build
	@$(CONFIGURE) $(if $(wildcard $(BUILD)/CMakeCache.txt),,-DCCB_TESTS=OFF)
	@cmake --build $(BUILD) -j $(JOBS)

demo: ## stage and run real apps on this machine, from nothing, step by step
	@.ci/setup build run
	@$(RELEASE)
	@examples/demo build/release

test: ## run all tests; PRESET=sanitize|thread|debug for other builds
	@.ci/setup build test
	@$(CONFIGURE) -DCCB_TESTS=ON
	@cmake --build $(BUILD) -j $(JOBS)
	@.ci/test $(BUILD)

check: ## static checks: layout, banned functions, layering, cppcheck, ...
	@.ci/setup check
	@.ci/check

fuzz: ## run each fuzz target for FUZZ_SECONDS=30
	@.ci/setup build test fuzz
	@.ci/fuzz

bench: ## measure against nginx and curl; BENCH_SECONDS=5 BENCH_ROUNDS=3 BULK_APPS=...
	@.ci/setup build bench
	@$(RELEASE)
	@cmake --build build/release --target ccb-recipe-cost \
	    ccb-isolation-cost
	@tests/bench/run.sh build/release
	@tests/bench/files.sh build/release
	@tests/bench/bulk.sh build/release

bench-instructions: ## instructions per request, counted by callgrind
	@.ci/setup build bench
	@$(RELEASE)
	@tests/bench/instructions.sh build/release

docs: ## write flags.md, metrics.md and plugins/reference.md anew from the code
	@$(RELEASE)
	@docs/make-flags build/release/bin >docs/flags.md.new
	@mv docs/flags.md.new docs/flags.md
	@docs/make-metrics build/release/bin >docs/metrics.md.new
	@mv docs/metrics.md.new docs/metrics.md
	@docs/make-plugin-reference . >docs/plugins/reference.md.new
	@mv docs/plugins/reference.md.new docs/plugins/reference.md

format: ## lay out all C files by .clang-format
	@.ci/setup check
	@.ci/format

install: ## install the release build; PREFIX=/usr/local DESTDIR=
	@.ci/setup build
	@cmake --preset release --log-level=NOTICE -DCCB_TESTS=OFF \
	    -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	@cmake --build build/release -j $(JOBS)
	@DESTDIR=$(DESTDIR) cmake --install build/release

package: ## write Debian packages into build/package/packages
	@.ci/setup build package
	@cmake --preset release --log-level=NOTICE -B build/package \
	    -DCCB_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr
	@cmake --build build/package -j $(JOBS)
	@cd build/package && cpack
	@ls build/package/packages/*.deb

clean: ## remove all that was built
	rm -rf build

help: ## this text
	@sed -n "s/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p" Makefile | \
	    awk -F"\t" '{ printf "make %-20s %s\n", $$1, $$2 }'
