#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sweep of 5,000 scopes killed at 50 moments and started again; killed twice and three times,
# while it starts, and with sync=commit: the tape answers as if nothing had happened.
exec "$(dirname "$0")/../recording/sweep_kill.py" --chemostat "$TAPE_BUILD/examples/chemostat" \
	--tools "$TAPE_BUILD/cli" --runs 50 --steps 98 --kills 50 --again 20 --start 20 --sync 10 "$@"
