#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The shared libraries have sonames and export tape_* under a public version node and
# everything else, for each other only, under a node TAPE_PRIVATE_N. BUILD=build/gcc or another.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/gcc}
failed=0 seen=0

say()
{
	echo "$*"
	failed=1
}

for library in "$build"/search/libtapesearch.so "$build"/librecord/librecord.so \
	"$build"/compactor/libtapecompact.so; do
	[ -e "$library" ] || { say "$library was not built"; continue; }
	seen=$((seen + 1))
	readelf -d "$library" | grep -q 'SONAME.*\.so\.0\]' || say "$library: its soname is not .so.0"
	# Names of exported things, with their version: "name@@NODE".
	exported=$(nm -D --defined-only --with-symbol-versions "$library" | awk '$2 != "A" { print $3 }')
	grep -q '^tape_' <<<"$exported" || say "$library exports no tape_ function"
	bad=$(grep -vE '@@?TAPE_PRIVATE_[0-9]+$' <<<"$exported" | grep -vE '^tape_[a-z0-9_]*@@TAPE_[0-9]+$' || true)
	[ -z "$bad" ] || say "$library exports: $bad"
done
[ "$seen" -gt 0 ] || exit 1
exit $failed
