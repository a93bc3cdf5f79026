#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# campaign.sh [NAME...]: runs tests/campaign/*.sh and *.py in the order of their
# names (or those whose name holds a NAME), at release amounts. Each gets
# TAPE_BUILD, a build directory with tools and tests; exit 77 would be a skip,
# and here that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

export TAPE_BUILD=$PWD/build/campaign CAMPAIGN=release
scripts/setup.sh "$TAPE_BUILD" -Dtests=enabled -Dbench=true
ninja -j "${JOBS:-$(nproc)}" -C "$TAPE_BUILD" all meson-test-prereq >/dev/null

wanted()
{
	local script=$1 name
	shift
	[ $# -eq 0 ] && return 0
	for name in "$@"; do
		[[ $script == *"$name"* ]] && return 0
	done
	return 1
}

passed=0 failed=0
shopt -s nullglob
for script in tests/campaign/*.sh tests/campaign/*.py; do
	wanted "$(basename "$script")" "$@" || continue
	echo "== $script"
	start=$SECONDS status=0
	"$script" || status=$?
	case $status in
	0) passed=$((passed + 1)) ;;
	77) echo "FAILED $script: it was skipped" && failed=$((failed + 1)) ;;
	*) echo "FAILED $script: exit $status" && failed=$((failed + 1)) ;;
	esac
	echo "   $((SECONDS - start)) s"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
