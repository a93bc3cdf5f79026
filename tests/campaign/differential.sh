#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 50,000 random (tape, query) pairs: tape-find on raw, half and fully compacted tapes against
# the Python reference.
exec "$(dirname "$0")/../differential/random_tapes.py" --tape-find "$TAPE_BUILD/cli/tape-find" \
	--tape-record "$TAPE_BUILD/cli/tape-record" --tape-compact "$TAPE_BUILD/cli/tape-compact" \
	--pairs 50000 --per-tape 100 "$@"
