#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# flips.sh PROGRAM MIB COUNT [SEED]: runs it on a tape that goes away again.
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/tape-flips-XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$1" "$2" "$3" "$dir/run.tape" ${4:+"$4"}
