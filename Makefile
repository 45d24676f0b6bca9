# Short names for everyday work; CMakePresets.json and tools/ hold the details.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
built = mkdir -p build; cmake --preset $(1) > build/$(1).log || { cat build/$(1).log; exit 1; }; \
    cmake --build --preset $(1)
benches = $(patsubst %_bench.c,%,$(notdir $(wildcard bench/*/*_bench.c)))
with_files = churn search # run by name, with ARGS

all: ## build with sanitizers, into build/dev
	@$(call built,dev)
test: all ## build and run the unit tests
	@ctest --preset dev
quick: ## what to run before each commit: build, unit tests, checks
	@./test --quick
tidy: all ## all checks, and no warning from gcc or clang
	@$(call built,clang)
	@tools/tidy build/dev
fuzz: ## fuzz each target, or TARGET=json alone, for FUZZ_SECONDS
	@$(call built,fuzz)
	@set -e; for name in $(or $(TARGET),$(patsubst fuzz/fuzz_%.c,%,$(wildcard fuzz/fuzz_*.c))); do \
	    tools/fuzz $$name $(FUZZ_SECONDS); done
bench: ## run the benchmarks, or BENCH=search ARGS="..." alone, from a release build
	@$(call built,release) $(if $(benches),--target benches)
	@set -e; for name in $(or $(BENCH),$(filter-out $(with_files),$(benches))); do \
	    build/release/$${name}_bench $(ARGS); done
release: ## the binary that users run: build/release/sluice
	@$(call built,release)
tsan: ## run the tests labelled threads under ThreadSanitizer
	@$(call built,tsan)
	@ctest --preset tsan -L threads
coverage: ## lines the unit tests reach (needs gcovr: tools/packages coverage)
	@$(call built,coverage)
	@ctest --preset coverage -LE tidy > build/coverage.log || { cat build/coverage.log; exit 1; }
	@gcovr -r . --filter src/ --exclude '.*_test\.c' build/coverage
format: ## rewrite the C files as clang-format 14 wants them
	@tools/check-format -i
install: release ## install the binary into DESTDIR/PREFIX
	install -D -m 755 build/release/sluice $(DESTDIR)$(PREFIX)/bin/sluice
clean: ## drop everything that was built
	@rm -rf build
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: all test quick tidy fuzz bench release tsan coverage format install clean help
