#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh build|test|bench...: installs the Debian packages of these groups that are missing.
# shellcheck disable=SC2086 # lists of packages are meant to be split
set -eu

build="gcc libc6-dev meson ninja-build pkg-config python3
	libxxhash-dev libpcre2-dev libyajl-dev libzstd-dev liblmdb-dev libdw-dev libglpk-dev"
test="$build g++ clang libclang-rt-14-dev clang-format check xxhash strace mandoc
	gfortran libomp-dev openmpi-bin libopenmpi-dev"
bench="$build libsqlite3-dev sqlite3 ripgrep zstd borgbackup"

wanted=
for group in "$@"; do
	case $group in
	build) wanted="$wanted $build" ;;
	test) wanted="$wanted $test" ;;
	bench) wanted="$wanted $bench" ;;
	*)
		echo "deps.sh: no group '$group'; there are: build test bench" >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null; then
	echo "deps: not Debian, nothing installed; the build needs what these packages hold:" $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	case "$state: $missing " in
	installed:* | *" $package "*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps: these packages are missing, and there is no sudo to install them with." >&2
		echo "As root: apt-get install$missing" >&2
		exit 1
	fi
	as_root=sudo
fi

echo "deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# sudo may drop the environment: env sets it behind it.
{
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
		$as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get install -q -y --no-install-recommends $missing
} >"$log" 2>&1 || {
	cat "$log" >&2
	echo "deps: apt-get failed; the packages wanted are:$missing" >&2
	exit 1
}
