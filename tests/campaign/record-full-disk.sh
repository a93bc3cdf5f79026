#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Recording on 200 disks that are too small.
set -eu
here=$(dirname "$0")/../recording
tools="--tape-record $TAPE_BUILD/cli/tape-record --tape-find $TAPE_BUILD/cli/tape-find"
exec "$here/full_disk.py" $tools --sizes 200 "$@"
