#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tape-compact killed at 200 moments of its first run on 1,000,000 scopes with blobs, of a
# later run, and of a merge of generations.
exec "$(dirname "$0")/../compact/interrupted.py" --tools "$TAPE_BUILD/cli" --kills 200 \
	--scopes 800000 "$@"
