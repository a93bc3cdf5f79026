#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL before every call of a recording, in three shapes.
set -eu
here=$(dirname "$0")/../recording
tools="--tape-record $TAPE_BUILD/cli/tape-record --tape-find $TAPE_BUILD/cli/tape-find"
for sync in commit none 5; do
	"$here/system_calls.py" $tools --kill --sync $sync --lines 80 "$@"
done
