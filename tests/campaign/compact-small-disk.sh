#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compactions on 300 disks that have too little room.
exec "$(dirname "$0")/../compact/small_disk.py" --tools "$TAPE_BUILD/cli" --sizes 65 \
	--scopes 3000 "$@"
