#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh [TARGET...]: builds the libFuzzer targets and runs each for FUZZ_SECONDS (60)
# over a growing copy of its corpus in build/fuzz-corpus. What breaks one is left in
# build/: put it into tests/fuzz/corpus/TARGET, under a name that says what it is.
set -euo pipefail
cd "$(dirname "$0")/.."

CC=clang scripts/setup.sh build/fuzz -Dfuzz=true -Dtests=enabled -Dbench=false \
	-Dexamples=false -Db_lundef=false -Db_sanitize=address,undefined \
	-Dc_args=-fsanitize=fuzzer-no-link
ninja -C build/fuzz >build/fuzz.build.log || {
	cat build/fuzz.build.log
	exit 1
}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

targets=("$@")
if [ $# -eq 0 ]; then
	for corpus in tests/fuzz/corpus/*/; do targets+=("$(basename "$corpus")"); done
fi
failed=0
for target in "${targets[@]}"; do
	echo "== $target"
	grown=build/fuzz-corpus/$target
	mkdir -p "$grown"
	"build/fuzz/tests/fuzz/fuzz_$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 \
		-rss_limit_mb=1024 -max_len=8192 -artifact_prefix="build/$target-" \
		-print_final_stats=1 "$grown" "tests/fuzz/corpus/$target" >"build/$target.fuzz.log" 2>&1 || failed=1
	grep -E 'stat::number_of_executed|stat::peak_rss|ERROR|SUMMARY|Test unit written' "build/$target.fuzz.log" || true
done
exit $failed
