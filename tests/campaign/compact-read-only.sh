#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A compacted tape on a read-only mount, read by another user.
exec "$(dirname "$0")/../compact/read_only.py" --tools "$TAPE_BUILD/cli" --scopes 100000 "$@"
