#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How long compacting a tape with blobs takes and what is left of it, beside
# borg and tar with zstd over the same blobs as files.
#
#     blob_bench.sh TAPE_COMPACT DIR
#
# DIR is what blob_generate made. The page cache is warm and nothing is dirty
# when a clock starts. tape-compact's time has its verification, its syncs and
# the removal of what it replaced in it. Prints "blob.NAME UNIT VALUE".
set -eu

compact=$1 dir=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/tape-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
export BORG_BASE_DIR="$work/borg" BORG_RELOCATED_REPO_ACCESS_IS_OK=yes

bytes() {
	find "$1" -type f -printf '%s\n' | awk -v name="$2" '
		{ sum += $1 }
		END { printf "blob.%s_size\tMB\t%.2f\n", name, sum / 1e6 }'
}

# ms NAME COMMAND...
ms() {
	name=$1
	shift
	sync
	before=$(date +%s%N)
	"$@"
	after=$(date +%s%N)
	printf 'blob.%s\tms\t%s\n' "$name" "$(awk "BEGIN { printf \"%.1f\", $((after - before)) / 1000000 }")"
}

tar_zstd() {
	tar -C "$dir" -cf - files | zstd -q -3 --long >"$work/tar.zst"
}

cp -a "$dir/tape" "$work/tape"
find "$work/tape" "$dir/files" -type f -exec cat {} + >/dev/null

ms compact "$compact" -q "$work/tape"
bytes "$work/tape" compact
rm -rf "$work/tape"
if command -v borg >/dev/null; then
	borg init -e none "$work/repository"
	ms borg borg create -C zstd,3 "$work/repository::all" "$dir/files"
	bytes "$work/repository" borg
	rm -rf "$work/repository"
fi
ms tar_zstd tar_zstd
bytes "$work/tar.zst" tar_zstd
