#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every request for memory of a compaction, and of a search of a compacted tape, is refused.
set -eu
here=$(dirname "$0")/../recording
tools="--tape-record $TAPE_BUILD/cli/tape-record --tape-find $TAPE_BUILD/cli/tape-find"
exec "$here/no_memory.py" $tools --tape-info "$TAPE_BUILD/cli/tape-info" \
	--tape-compact "$TAPE_BUILD/cli/tape-compact" \
	--preload "$TAPE_BUILD/tests/recording/nomem.so" --lines 100 "$@"
