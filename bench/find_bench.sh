#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How long a whole tape-find takes on a raw tape, and rg on the same scopes as
# JSON lines, where rg can say the question.
#
#     find_bench.sh TAPE_FIND TAPE LINES
#
# LINES is what `tape-find TAPE -o jsonl` prints. Prints "find.NAME ms VALUE".
set -eu

find=$1 tape=$2 lines=$3
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tape-bench-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# ms NAME COMMAND...: once for the page cache, then once with the clock. What it
# answers is counted, so that a fast wrong answer shows.
ms() {
	name=$1
	shift
	"$@" >"$scratch/answer" || [ $? -eq 1 ]
	before=$(date +%s%N)
	"$@" >"$scratch/answer" || [ $? -eq 1 ]
	after=$(date +%s%N)
	printf 'find.%s\tms\t%s\n' "$name" "$(awk "BEGIN { printf \"%.2f\", $((after - before)) / 1000000 }")"
	printf 'find.%s.answers\tlines\t%s\n' "$name" "$(wc -l <"$scratch/answer")"
}

middle=$(sed -n '500000{s/^{"pos":"\([^"]*\)".*/\1/p;q}' "$lines")
if [ -z "$middle" ]; then # a smaller tape
	middle=$(tail -n 1 "$lines" | sed 's/^{"pos":"\([^"]*\)".*/\1/')
fi

ms label "$find" "$tape" checkpoint --keys _pos
ms label_lines "$find" "$tape" checkpoint -o jsonl
ms label_count "$find" "$tape" checkpoint --count
ms range_lines "$find" "$tape" T=299..301 -o jsonl
ms range_count "$find" "$tape" T=299..301 --count
ms position "$find" "$tape" "_pos=$middle" -o jsonl
if command -v rg >/dev/null; then
	ms rg_label_lines rg -F '"labels":["checkpoint"]' "$lines"
	ms rg_label_count rg -c -F '"labels":["checkpoint"]' "$lines"
	ms rg_position rg -F -m 1 "{\"pos\":\"$middle\"" "$lines"
fi
