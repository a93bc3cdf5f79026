#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Modules include each other in one direction only: format <- search <- librecord,
# public headers <- cli. The tools may use format/os.h for what stands around them.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

# arrows MODULE ALLOWED-PREFIXES: every #include "x/..." of the module begins with one of them.
arrows()
{
	local module=$1 allowed=$2 bad
	bad=$(grep -nE '^#include "' "$module"/*.[ch] 2>/dev/null |
		grep -vE "#include \"($allowed)" || true)
	[ -z "$bad" ] && return
	echo "$module may include only $allowed:"
	echo "$bad"
	failed=1
}

arrows include/tape 'tape/'
arrows format 'tape/value\.h|format/'
arrows search 'tape/|format/|search/'
arrows locals 'tape/|locals/'
arrows librecord 'tape/|format/|search/|librecord/|locals/locals\.h'
arrows cli 'tape/|cli/|commit\.h|format/os\.h|locals/locals\.h'
arrows examples 'tape/|examples/|[a-z_]*\.h'
exit $failed
