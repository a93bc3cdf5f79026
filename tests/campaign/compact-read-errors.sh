#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every call of a search of a compacted tape fails, once and for ever, with ten errors.
set -eu
here=$(dirname "$0")/../recording
tools="--tape-record $TAPE_BUILD/cli/tape-record --tape-find $TAPE_BUILD/cli/tape-find"
exec "$here/system_calls.py" $tools --tape-info "$TAPE_BUILD/cli/tape-info" --read --lines 80 \
	--tape-compact "$TAPE_BUILD/cli/tape-compact" \
	--errors ENOSPC,EIO,EDQUOT,EMFILE,ENOMEM,EINTR,EACCES,ESTALE,ENOLCK,EROFS "$@"
