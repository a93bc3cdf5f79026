#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make.sh TOOLS DIR: makes the compacted golden tapes below DIR from raw ones of
# tests/data/v1. What they must print is what the Python decoder prints of those.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
raw=$here/../v1/good-every-record.tape
tools=$1 dir=$2
mkdir -p "$dir"

compact()
{
	"$tools/tape-compact" "$1" -q -j1
	rm -f "$1/compact.lock"
}

# Sessions but the first are put aside, and come back when it is compacted.
first()
{
	cp -r "$raw" "$1"
	mkdir "$1.aside"
	for session in $(ls "$1/sessions" | tail -n +2); do
		mv "$1/sessions/$session" "$1.aside/"
	done
	compact "$1"
	mkdir -p "$1/sessions"
	mv "$1.aside"/* "$1/sessions/"
	rmdir "$1.aside"
}

cp -r "$raw" "$dir/good-compacted.tape"
compact "$dir/good-compacted.tape"
first "$dir/good-half-compacted.tape"
first "$dir/good-two-generations.tape"
compact "$dir/good-two-generations.tape"
for name in good-compacted good-half-compacted good-two-generations; do
	cp "$here/../v1/good-every-record.jsonl" "$dir/$name.jsonl"
	find "$dir/$name.tape" -type d -empty -delete
done
