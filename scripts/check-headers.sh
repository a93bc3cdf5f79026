#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The public headers stand alone, are free of warnings in C11 and C++17 under four
# compilers, and pull in nothing but stddef.h, stdint.h and each other. Then the same
# flags over programs that use every macro (tests/headers/*.c, as C and as C++).
set -euo pipefail
cd "$(dirname "$0")/.."

warn=(-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion -pedantic -Werror)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

say()
{
	echo "$*"
	failed=1
}

for tool in gcc clang g++ clang++; do
	command -v "$tool" >/dev/null || {
		echo "skipped: no $tool here (make deps)"
		exit 77
	}
done

compile()
{
	local compiler=$1 language=$2 standard=$3 source=$4
	"$compiler" -x "$language" "-std=$standard" "${warn[@]}" -Iinclude -O2 -c "$source" \
		-o "$work/out.o" || say "$compiler -std=$standard does not take $source"
}

for header in include/tape/*.h; do
	[[ $header == *_impl.h ]] && continue # the second half of another
	printf '#include "tape/%s"\n' "$(basename "$header")" >"$work/alone.c"
	# Twice: the guard works.
	cat "$work/alone.c" "$work/alone.c" >"$work/twice.c"
	echo "extern int something; int something = 1;" >>"$work/twice.c"
	for compiler in gcc clang; do compile $compiler c c11 "$work/twice.c"; done
	for compiler in g++ clang++; do compile $compiler c++ c++17 "$work/twice.c"; done
done

if compgen -G 'tests/headers/*.c' >/dev/null; then
	for source in tests/headers/*.c; do
		for compiler in gcc clang; do compile $compiler c c11 "$source"; done
		for compiler in g++ clang++; do compile $compiler c++ c++17 "$source"; done
	done
fi

# What is seen through ours, less what is seen through those two, are our own files.
files()
{
	gcc -std=c11 -M -Iinclude "$1" | grep -oE '[^ ]+\.h' | sort -u
}
printf '#include <stddef.h>\n#include <stdint.h>\n' >"$work/two.c"
for header in include/tape/*.h; do
	[[ $header == *_impl.h ]] || echo "#include \"tape/$(basename "$header")\""
done >"$work/all.c"
files "$work/two.c" >"$work/allowed"
others=$(files "$work/all.c" | comm -23 - "$work/allowed" | grep -v '^include/tape/' || true)
[ -z "$others" ] || say "the public headers pull in: $others"

exit $failed
