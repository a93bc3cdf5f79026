#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All benchmarks in one go: each runs five times in turn, the table shows the
# median. README.md says what is measured and how to read the lines.
#
#     run.sh BUILD_DIR [ROWS [RUNS [BLOBS]]]
set -eu

build=$1 rows=${2:-1000000} runs=${3:-5} blobs=${4:-4000}
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

# The tape of the first run, compacted, in a database, and as JSON lines; they are
# asked in every run.
prepare_packed() {
	mkdir "$work/packed" "$work/blobs"
	cp -a "$work/now/compacted" "$work/packed/tape"
	"$build/cli/tape-find" "$work/packed/tape" -o jsonl |
		python3 "$here/packed_sqlite.py" "$work/packed"
	printf 'compact.json\tMB\t%s\n' "$(zstd -q -9 -c "$work/packed/scopes.jsonl" | wc -c | awk '{ print $1 / 1e6 }')"
	printf 'compact.sqlite\tMB\t%s\n' "$(stat -c %s "$work/packed/scopes.db" | awk '{ print $1 / 1e6 }')"
	"$build/bench/blob_generate" "$work/blobs" "$blobs"
}

run=1
while [ "$run" -le "$runs" ]; do
	echo "run $run of $runs" >&2
	rm -rf "$work/now"
	mkdir "$work/now"
	"$build/bench/record_bench" "$work/now" "$rows" >>"$raw"
	[ ! -x "$build/bench/locals_bench" ] || "$build/bench/locals_bench" "$work/now" "$rows" >>"$raw"
	record_lines "$work/now/lines" >>"$raw"
	"$build/cli/tape-find" "$work/now/exact" -o jsonl >"$work/now/found"
	"$build/bench/cache_bench" "$work/now/cache" >>"$raw"
	"$build/cli/tape-compact" -q "$work/now/cache/tape"
	"$build/bench/cache_bench" "$work/now/cache" 20000 compacted >>"$raw"
	sh "$here/find_bench.sh" "$build/cli/tape-find" "$work/now/exact" "$work/now/found" >>"$raw"
	for dedup in off subset; do
		before=$(date +%s%N)
		"$build/cli/tape-find" "$work/now/nested_$dedup" -o jsonl >/dev/null
		printf 'find.nested_%s\tms\t%s\n' "$dedup" $((($(date +%s%N) - before) / 1000000)) >>"$raw"
	done
	"$here/compact_bench.sh" "$build/cli/tape-compact" "$work/now/exact" "$work/now/compacted" >>"$raw"
	[ "$run" -gt 1 ] || prepare_packed >>"$raw"
	"$here/packed_find.sh" "$build" "$work/packed/tape" "$work/packed" >>"$raw"
	"$here/blob_bench.sh" "$build/cli/tape-compact" "$work/blobs" >>"$raw"
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

awk -F '\t' -v rows="$rows" -f "$here/table.awk" "$work/medians.tsv"
