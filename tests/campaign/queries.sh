#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The queries on the whole demo tape: at least 100,000 scopes.
exec "$(dirname "$0")/../queries/test_queries.py" --tape-find "$TAPE_BUILD/cli/tape-find" \
	--tape-compact "$TAPE_BUILD/cli/tape-compact" \
	--chemostat "$TAPE_BUILD/examples/chemostat" --runs 54 --steps 2000 "$@"
