#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The queries on the whole demo tape and on a tape of all record kinds, in every form.
set -eu
here=$(dirname "$0")/..
exec "$here/compact/identity.py" --tools "$TAPE_BUILD/cli" --chemostat \
	"$TAPE_BUILD/examples/chemostat" --lines 20000 --runs 54 --steps 2000 \
	--golden "$here"/data/v1/good-every-record.tape "$@"
