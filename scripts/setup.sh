#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# setup.sh BUILDDIR [MESON OPTIONS]: a build directory with these options, made or changed.
set -eu
cd "$(dirname "$0")/.."
dir=$1
shift
if [ -f "$dir/build.ninja" ]; then
	# The same again costs a second and no rebuild; silent unless it fails.
	[ "$(cat "$dir/.options" 2>/dev/null)" = "$*" ] && exit 0
	meson configure "$dir" "$@"
else
	rm -rf "$dir"
	mkdir -p "$dir"
	meson setup "$dir" "$@" >"$dir.setup.log" 2>&1 || {
		cat "$dir.setup.log" >&2
		exit 1
	}
fi
printf '%s\n' "$*" >"$dir/.options"
