# SPDX-License-Identifier: Apache-2.0
# A thin front: Meson builds, scripts/ does the rest. "make help" says what there is.

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
RELEASE = build/release
BENCH = build/bench

.DEFAULT_GOAL = build
.PHONY: build demo test bench campaign deps deps-build deps-test deps-bench install \
	asan tsan gcc clang fuzz fmt clean help

build: deps-build ## the libraries, tools and examples, in build/release
	@scripts/setup.sh $(RELEASE) --prefix $(PREFIX) -Dbuildtype=release -Dtests=disabled -Dbench=false
	@ninja --quiet -j $(JOBS) -C $(RELEASE)

demo: build ## record a sweep of a chemostat, ask it six questions, compact it, ask again
	@examples/demo.sh $(RELEASE)

test: deps-test ## everything CI runs: gcc, clang with sanitizers, checks of the tree
	@scripts/run-tests.sh

gcc clang: deps-test ## the whole test suite built by gcc or by clang
	@scripts/run-tests.sh $@

asan: deps-test ## the test suite under ASan and UBSan
	@scripts/run-tests.sh asan

tsan: deps-test ## the tests of threads under TSan
	@scripts/run-tests.sh tsan

bench: deps-bench ## what recording and finding cost, beside other ways
	@scripts/setup.sh $(BENCH) -Dtests=disabled -Dbench=true -Dbuildtype=release
	@ninja --quiet -j $(JOBS) -C $(BENCH) all
	@bench/run.sh $(BENCH)

campaign: deps-test deps-bench ## the long tests: kills, faults, flipped bits, large tapes
	@scripts/campaign.sh

fuzz: deps-test ## libFuzzer targets, each for FUZZ_SECONDS (60)
	@scripts/fuzz.sh

deps: deps-build deps-test deps-bench ## install the Debian packages that are missing

deps-build deps-test deps-bench: deps-%:
	@scripts/deps.sh $*

install: build ## into PREFIX (/usr/local), below DESTDIR if that is set
	@meson install --no-rebuild -C $(RELEASE)
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig

fmt: deps-test ## lay out all C files as .clang-format says
	@git ls-files '*.[ch]' | xargs clang-format -i

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z ]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
