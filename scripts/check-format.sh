#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every C file is laid out as .clang-format says ("make fmt" does it), has at most 800
# lines, and every file that can hold one begins with the licence line.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

files()
{
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -- "$@"
	else
		find . -path ./build -prune -o -type f -print | sed 's,^\./,,' |
			grep -E "$(printf '%s\n' "$@" | sed 's/\./\\./g; s/\*/.*/g; s/$/$/' | paste -sd'|')"
	fi
}

command -v clang-format >/dev/null || {
	echo "skipped: no clang-format here (make deps)"
	exit 77
}
# Forty files a process: starting one costs as much as laying out ten.
files '*.c' '*.h' | xargs -n 40 clang-format --dry-run -Werror || {
	echo "not laid out by .clang-format (make fmt): see above"
	failed=1
}

# Generated tables may be longer.
long=$(files '*.c' '*.h' | grep -v '_table\.h$' | xargs wc -l | awk '$2 != "total" && $1 > 800')
[ -z "$long" ] || { echo "more than 800 lines: $long"; failed=1; }

bare=$(files '*.c' '*.h' '*.py' '*.sh' '*meson.build' 'meson_options.txt' 'Makefile' '.ci/run' |
	xargs awk 'FNR == 1 { if (file != "" && !found) print file; file = FILENAME; found = 0 }
		FNR <= 4 && /SPDX-License-Identifier: Apache-2\.0/ { found = 1 }
		END { if (file != "" && !found) print file }')
[ -z "$bare" ] || { echo "no SPDX line: $bare"; failed=1; }
exit $failed
