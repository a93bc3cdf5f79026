#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 20,000 damaged files: tape-find against the Python decoder.
exec "$(dirname "$0")/../differential/random_damage.py" --tape-find "$TAPE_BUILD/cli/tape-find" \
	--cases 20000 "$@"
