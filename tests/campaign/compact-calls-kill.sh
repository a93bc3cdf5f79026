#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL before every call of a compaction, in three states of a tape.
exec "$(dirname "$0")/../compact/calls.py" --tools "$TAPE_BUILD/cli" --kill "$@"
