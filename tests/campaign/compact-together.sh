#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Eight recorders, two compactors and four searches on one tape for ten minutes.
exec "$(dirname "$0")/../compact/together.py" --tools "$TAPE_BUILD/cli" --recorders 8 \
	--finders 4 --scopes 3000 --seconds 600 "$@"
