#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How long whole processes take to answer from a compacted tape, from an indexed
# SQLite database of the same scopes, and rg from the same scopes as JSON lines.
#
#     packed_find.sh BUILD_DIR TAPE DIR
#
# DIR is what packed_sqlite.py made. Prints "packed.NAME ms VALUE" and how many
# lines were answered.
# shellcheck disable=SC2154 # what the questions name
set -eu

find=$1/cli/tape-find points=$1/bench/point_bench tape=$2 dir=$3
lines=$dir/scopes.jsonl db=$dir/scopes.db
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tape-bench-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
# Made by packed_sqlite.py.
# shellcheck disable=SC1091
. "$dir/questions"
session=$("$find" "$tape" --limit 1 --keys _pos) && session=${session%:*}

# ms NAME COMMAND...: once for the page cache, then the best of so many that a
# process that takes a millisecond is not measured by one of them.
ms() {
	name=$1
	shift
	best=
	for _ in 1 2 3 4 5; do
		before=$(date +%s%N)
		"$@" >"$scratch/answer" || [ $? -eq 1 ]
		took=$(($(date +%s%N) - before))
		[ -n "$best" ] && [ "$best" -le "$took" ] || best=$took
	done
	printf 'packed.%s\tms\t%s\n' "$name" "$(awk "BEGIN { printf \"%.2f\", $best / 1000000 }")"
	printf 'packed.%s.answers\tlines\t%s\n' "$name" "$(wc -l <"$scratch/answer")"
}

sql() {
	name=$1
	shift
	ms "sqlite_$name" sqlite3 -readonly "$db" "$@"
}

ms label "$find" "$tape" checkpoint --keys _pos
sql label "SELECT id FROM scopes WHERE label = 'checkpoint'"
ms range "$find" "$tape" "rho=$rho_from..$rho_to" --keys _pos
sql range "SELECT id FROM scopes WHERE rho BETWEEN $rho_from AND $rho_to ORDER BY id"
ms value_range "$find" "$tape" iter=7 "u=$u_from..$u_to" --keys _pos
sql value_range "SELECT id FROM scopes WHERE iter = 7 AND u BETWEEN $u_from AND $u_to ORDER BY id"
ms span "$find" "$tape" "_time=$time_from..$time_to" --keys _pos
sql span "SELECT id FROM scopes WHERE time BETWEEN $ns_from AND $ns_to ORDER BY id"
ms position "$find" "$tape" "_pos=$session:$id"
sql position "SELECT * FROM scopes WHERE id = $id"
ms hash_once "$find" "$tape" "_hash=$hash_once"
sql hash_once "SELECT * FROM scopes WHERE hash = x'$hash_once'"
ms hash "$find" "$tape" "_hash=$hash"
sql hash "SELECT * FROM scopes WHERE hash = x'$hash'"
if command -v rg >/dev/null; then
	# The lines have no position; their times differ.
	ms rg_label rg -F '"labels":["checkpoint"]' "$lines"
	ms rg_position rg -F -m 1 "\"time\":\"$time\"" "$lines"
fi
sqlite3 -readonly "$db" "SELECT '$session:' || id FROM scopes WHERE id % 997 = 0" >"$scratch/positions"
sqlite3 -readonly "$db" "SELECT lower(hex(hash)) FROM scopes WHERE id % 997 = 0" >"$scratch/hashes"
"$points" "$tape" position _pos= "$scratch/positions"
"$points" "$tape" hash _hash= "$scratch/hashes"
