#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 1,000,000 random bits of a tape of 100 MiB.
set -eu
exec "$(dirname "$0")/../damage/flips.sh" "$TAPE_BUILD/tests/damage/flips" 100 1000000 "$@"
