#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 8 processes fill and read one cache of 100,000 keys for 60 s, killed at random and started
# again, withdraw results and store others, while a compactor runs.
set -eu
here=$(dirname "$0")/../recording
cli=$TAPE_BUILD/cli
exec "$here/cache_many.py" --worker "$TAPE_BUILD/tests/recording/cache_worker" \
	--tape-compact "$cli/tape-compact" --tape-check "$cli/tape-check" --tape-find "$cli/tape-find" \
	--tape-info "$cli/tape-info" --processes 8 --keys 100000 --seconds 60 "$@"
