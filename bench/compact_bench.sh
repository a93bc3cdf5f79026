#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How long compacting a tape of scopes takes, and what is left of it.
#
#     compact_bench.sh TAPE_COMPACT TAPE COMPACTED
#
# TAPE stays as it is: its copy COMPACTED is compacted, in a warm page cache and
# with nothing dirty. Prints "compact.NAME UNIT VALUE".
set -eu

compact=$1 tape=$2 copy=$3
rm -rf "$copy"
cp -a "$tape" "$copy"
find "$copy" -type f -exec cat {} + >/dev/null
sync

before=$(date +%s%N)
"$compact" -q "$copy"
after=$(date +%s%N)
printf 'compact.time\tms\t%s\n' "$(awk "BEGIN { printf \"%.1f\", $((after - before)) / 1000000 }")"

megabytes() {
	find "$copy/gen" -type f -name "$2" -printf '%s\n' | awk -v name="$1" '
		{ sum += $1 }
		END { printf "compact.%s\tMB\t%.2f\n", name, sum / 1e6 }'
}
megabytes packs '[sb]*.pack'
megabytes with_index '*'
