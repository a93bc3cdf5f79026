#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All benchmarks in one go: each runs five times in turn, the table shows the
# median. README.md says what is measured and how to read the lines.
#
#     run.sh BUILD_DIR [ROWS [RUNS]]
set -eu

build=$1 rows=${2:-1000000} runs=${3:-5}
here=$(dirname "$0")
work=$(mktemp -d "${TMPDIR:-/tmp}/tape-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
raw=$work/raw.tsv

# Nanoseconds to MB/s of the file that was read.
rate() {
	printf '%s\tMB/s\t%s\n' "$1" "$(awk "BEGIN { printf \"%.1f\", $(stat -c %s "$2") * 1000 / $3 }")"
}

record_lines() {
	before=$(date +%s%N)
	"$build/cli/tape-record" "$work/now/piped" --label-key label <"$1"
	after=$(date +%s%N)
	rate record.tape_record "$1" $((after - before))
}

run=1
while [ "$run" -le "$runs" ]; do
	echo "run $run of $runs" >&2
	rm -rf "$work/now"
	mkdir "$work/now"
	"$build/bench/record_bench" "$work/now" "$rows" >>"$raw"
	record_lines "$work/now/lines" >>"$raw"
	"$build/cli/tape-find" "$work/now/exact" -o jsonl >"$work/now/found"
	sh "$here/find_bench.sh" "$build/cli/tape-find" "$work/now/exact" "$work/now/found" >>"$raw"
	run=$((run + 1))
done

# NAME UNIT VALUE, many times over -> NAME UNIT MEDIAN LEAST MOST
sort -t '	' -k1,1 -k3,3g "$raw" | awk -F '\t' '
	function flush() {
		if (n) printf "%s\t%s\t%s\t%s\t%s\n", name, unit, v[int((n + 1) / 2)], v[1], v[n]
	}
	$1 != name { flush(); n = 0; name = $1; unit = $2 }
	{ v[++n] = $3 }
	END { flush() }' >"$work/medians.tsv"

awk -F '\t' -f "$here/table.awk" "$work/medians.tsv"
