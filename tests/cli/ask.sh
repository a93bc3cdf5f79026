#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ask.sh TAPE QUERY...: what tape-find says, to the tape and to a compacted copy of it
# (made at the first question): a difference is the answer.
set -u
tape=$1
packed=${tape%.tape}.packed
shift
if [ ! -d "$packed" ]; then
	cp -r "$tape" "$packed"
	tape-compact -q "$packed" || echo "tape-compact: exit $?"
	[ -n "$(ls "$packed/gen")" ] || echo "nothing was compacted"
fi
tape-find "$tape" "$@" >raw.said
raw=$?
tape-find "$packed" "$@" >packed.said
packed=$?
cat raw.said
cmp raw.said packed.said && [ $raw -eq $packed ] || echo "compacted: exit $packed"
exit $raw
