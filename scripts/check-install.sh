#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What "meson install" lays down is enough: a program built through pkg-config records and
# finds, headers and man pages are there, and nothing of the inside is. BUILD=build/gcc or
# another.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/gcc}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failed=0

say()
{
	echo "$*"
	failed=1
}

DESTDIR=$root meson install --no-rebuild -C "$build" >"$root/log" 2>&1 || {
	cat "$root/log"
	exit 1
}
pc=$(dirname "$(find "$root" -name librecord.pc)")
libdir=$(dirname "$pc")
prefix=$(sed -n 's/^prefix=//p' "$pc/librecord.pc")

for name in compact.h record.h search.h value.h; do
	[ -e "$root$prefix/include/tape/$name" ] || say "$name is not installed"
done
inside=$(find "$root$prefix/include" -type f | grep -v '/include/tape/' || true)
[ -z "$inside" ] || say "installed, but not ours to give: $inside"
for library in librecord libtapesearch libtapecompact; do
	[[ -L $libdir/$library.so && -e $libdir/$library.so.0 ]] || say "$library has no .so or .so.0"
done
[ -e "$libdir/libtapelocals.so.0" ] || say "libtapelocals has no .so.0"
for tool in tape tape-check tape-compact tape-find tape-info tape-locals tape-mark tape-record; do
	[ -x "$root$prefix/bin/$tool" ] || say "$tool is not installed"
	[ -e "$root$prefix/share/man/man1/$tool.1" ] || say "$tool has no man page installed"
done

cat >"$root/growth.c" <<'END'
#include <stdio.h>
#include <tape/record.h>
#include <tape/search.h>

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argv[argc - 1], NULL);
	double x = 0.5;

	for (int step = 0; step < 10; step++)
		TAPE(t, "iter", step, x);
	return tape_close(t);
}
END
export PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
export LD_LIBRARY_PATH=$libdir
# shellcheck disable=SC2046 # flags are meant to be split
{
	gcc -Wall -Werror -o "$root/growth" "$root/growth.c" $(pkg-config --cflags --libs librecord) &&
		"$root/growth" "$root/run.tape" &&
		[ "$("$root$prefix/bin/tape-find" "$root/run.tape" iter step=3.. --count)" = 7 ]
} || say "a program built through pkg-config does not record what tape-find finds"
cat >"$root/compact.c" <<'END'
#include <tape/compact.h>

int
main(int argc, char **argv)
{
	return tape_compact(argv[argc - 1], NULL, NULL, NULL) != 0;
}
END
# shellcheck disable=SC2046 # flags are meant to be split
{
	gcc -Wall -Werror -o "$root/compact" "$root/compact.c" $(pkg-config --cflags --libs tapecompact) &&
		"$root/compact" "$root/run.tape" && ls "$root/run.tape/gen" >/dev/null &&
		[ "$("$root$prefix/bin/tape-find" "$root/run.tape" iter step=3.. --count)" = 7 ]
} || say "a program built through pkg-config does not compact"
pkg-config --exists tapesearch || say "tapesearch has no pkg-config file"
exit $failed
