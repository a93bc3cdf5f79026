#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every call of a compaction fails, once and for ever, with ten errors.
exec "$(dirname "$0")/../compact/calls.py" --tools "$TAPE_BUILD/cli" --errors \
	ENOSPC,EIO,EDQUOT,EMFILE,ENOMEM,EINTR,EACCES,ESTALE,ENOLCK,EROFS "$@"
