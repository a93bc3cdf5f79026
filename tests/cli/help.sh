#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# help.sh TOOL...: help is on standard output, fits the screen, and misuse is
# two lines on standard error.
fail=0
bad() {
	echo "$tool: $*"
	fail=1
}
for tool in "$@"; do
	for option in -h --help --version; do
		out=$("$tool" $option 2>/dev/null) || bad "$option exits with $?"
		test -n "$out" || bad "$option says nothing on standard output"
		test -z "$("$tool" $option 2>&1 >/dev/null)" ||
			bad "$option writes to standard error"
		wide=$(printf '%s\n' "$out" | awk 'length($0) > 80')
		test -z "$wide" || bad "$option is wider than 80 columns: $wide"
	done
	lines=$("$tool" -h | wc -l)
	test "$lines" -le 24 || bad "-h has $lines lines, a screen has 24"
	"$tool" -h | head -1 | grep -q '^Examples' || bad "-h does not begin with examples"
	"$tool" --help >/dev/full 2>/dev/null
	test $? -eq 2 || bad "a full standard output is not noticed"
	out=$("$tool" --no-such-option 2>/dev/null)
	test $? -eq 2 || bad "an unknown option does not exit with 2"
	test -z "$out" || bad "misuse writes to standard output"
	lines=$("$tool" --no-such-option 2>&1 | wc -l)
	test "$lines" -eq 2 || bad "misuse has $lines lines instead of 2"
done
exit $fail
