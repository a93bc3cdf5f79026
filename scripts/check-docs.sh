#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every tool has a man page and a --help within 80 columns on stdout; man pages are free
# of mandoc's warnings; links between documents lead somewhere. BUILD=build/gcc or another.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/gcc}
failed=0 tools=0

say()
{
	echo "$*"
	failed=1
}

for tool in "$build"/cli/tape "$build"/cli/tape-*; do
	[[ -f $tool && -x $tool ]] || continue
	tools=$((tools + 1))
	name=$(basename "$tool")
	for option in --help -h; do
		help=$("$tool" "$option" 2>/dev/null) || say "$name $option fails"
		[ -n "$help" ] || say "$name $option prints nothing on stdout"
		wide=$(expand <<<"$help" | awk 'length > 80')
		[ -z "$wide" ] || say "$name $option is wider than 80 columns: $wide"
	done
	[ -n "$("$tool" --version)" ] || say "$name --version prints nothing"
	[ -e "docs/man/$name.1" ] || say "$name has no man page"
	if "$tool" --no-such-option >/dev/null 2>&1; then
		say "$name takes --no-such-option"
	fi
done
[ "$tools" -gt 0 ] || say "no tools in $build/cli"

for page in docs/man/*.[157]; do
	[ -e "$page" ] || continue
	if command -v mandoc >/dev/null; then
		mandoc -T lint -W warning "$page" >&2 || say "$page: mandoc has words"
	fi
done

# [text](target) of Markdown, other than the web's.
while IFS=: read -r file target; do
	target=${target%%#*}
	[ -z "$target" ] || [ -e "$(dirname "$file")/$target" ] || say "$file: no $target"
done < <(grep -roHE --include='*.md' '\]\([^)# ][^) ]*\)' README.md CONTRIBUTING.md docs tests examples 2>/dev/null |
	sed -E 's/\]\(([^)]*)\)$/\1/' | grep -vE ':(https?|mailto):' || true)
exit $failed
