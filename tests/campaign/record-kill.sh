#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 200 runs of tape-record --ack, killed at moments spread over the time of a whole one.
set -eu
here=$(dirname "$0")/../recording
tools="--tape-record $TAPE_BUILD/cli/tape-record --tape-find $TAPE_BUILD/cli/tape-find"
exec "$here/kill_runs.py" $tools --runs 200 --lines 100000 "$@"
