#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# large.sh PROGRAM SCOPES MIB: runs it on a tape that goes away again.
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/tape-large-XXXXXX")
trap 'rm -rf "$dir"' EXIT
free_kb=$(df -Pk "$dir" | awk 'NR == 2 { print $4 }')
# A scope takes about 100 bytes.
need_kb=$(($3 * 1024 + $2 / 8 + 100000))
if [ "$free_kb" -lt "$need_kb" ]; then
	echo "skipped: $need_kb KiB are needed below $dir, $free_kb are free (TMPDIR names another place)"
	exit 77
fi
"$1" "$2" "$3" "$dir/run.tape"
