#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Record a sweep of the chemostat on a fresh tape, ask it six questions, compact it, and ask
# them again: the answers are the same.
# Usage: demo.sh BUILD_DIRECTORY. The tape is demo.tape in $TMPDIR, else here.
set -eu

fail()
{
	echo "demo: $*" >&2
	exit 1
}

[ $# -eq 1 ] || fail "usage: demo.sh BUILD_DIRECTORY"
build=$(cd "$1" && pwd)
[ -x "$build/examples/chemostat" ] || fail "no chemostat in $build: is libglpk-dev there?"
[ -x "$build/cli/tape-find" ] || fail "no tape-find in $build"
PATH=$build/examples:$build/cli:$PATH
unset TAPE_DIR
cd "${TMPDIR:-.}"

# An older demo.tape may go only if this script made it: the note in the build directory must
# hold the identity of that very tape.
made=$build/demo.tape.id
if [ -e demo.tape ]; then
	cmp -s "$made" demo.tape/TAPE ||
		fail "$PWD/demo.tape was not made by this script: move it away first"
	rm -r demo.tape
fi
work=$(mktemp -d)
# From here on demo.tape is ours, also where the recording is interrupted.
trap 'cp demo.tape/TAPE "$made" 2>/dev/null || :; rm -r "$work"' EXIT
trap 'exit 130' INT TERM

now_ms()
{
	echo $(($(date +%s%N) / 1000000))
}

# Print the command as it would be typed, then its answer. No answer is a failure.
asked=0
show()
{
	asked=$((asked + 1))
	echo
	echo "# $1"
	echo "\$ $2"
	echo "$2" >"$work/question.$asked"
	start=$(now_ms)
	sh -c "$2" >"$work/raw.$asked" || fail "the command failed"
	echo $(($(now_ms) - start)) >"$work/raw.ms.$asked"
	[ -s "$work/raw.$asked" ] || fail "there was no answer"
	cat "$work/raw.$asked"
}

# All of them once more: what they answer now, and how long each took then and takes now.
ask_again()
{
	printf '%8s %8s  %s\n' raw now question
	for i in $(seq $asked); do
		question=$(cat "$work/question.$i")
		start=$(now_ms)
		sh -c "$question" >"$work/packed.$i" || fail "the command failed: $question"
		took=$(($(now_ms) - start))
		cmp -s "$work/raw.$i" "$work/packed.$i" ||
			fail "another answer than before: $question"
		printf '%5s ms %5s ms  %s\n' "$(cat "$work/raw.ms.$i")" $took "$question"
	done
}

tape_bytes()
{
	find demo.tape -type f -printf '%s\n' | awk '{ s += $1 } END { printf "%d", s }'
}

began=$(date +%s)
echo "\$ chemostat --quiet --tape demo.tape"
chemostat --quiet --tape demo.tape
raw=$(tape_bytes)
echo "$raw bytes in $(find demo.tape -type f | wc -l) files, $(($(date +%s) - began)) s"

show "Which runs lost both strains?" \
	'tape-find demo.tape store.ts a.washed_out=true b.washed_out=true --keys D,X0,objective'
show "What is left of each strain at a dilution rate of 0.44 per hour?" \
	'tape-find demo.tape store.ts D=0.44 --keys X0,objective,a.x,b.x,ac -o csv'
show "When did B begin to grow slower than it was washed away, at D = 0.28 (run 21)?" \
	'tape-find demo.tape run:21 iter b.net=..-0.001 --keys hours,b.x,b.mu,b.net -n 3'
show "How often did the uptake not even pay for maintenance?" \
	'tape-find demo.tape a.lp=infeasible or b.lp=infeasible --count'
show "Where did acetate rise highest, above 4 mM?" \
	'tape-find demo.tape store.ts ac_max=4.. --keys ac_max,D,X0,objective -o csv'
show "How did the glucose of run 39 end? The last values of its time series:" \
	'tape-find demo.tape run:39 store.ts --cat=ts.glc | od -A n -t f8 | tail -n 2'

echo
echo "# Made small: the same answers from a fraction of the bytes."
echo "\$ tape-compact demo.tape"
tape-compact demo.tape 2>&1
now=$(tape_bytes)
echo "$now bytes in $(find demo.tape -type f | wc -l) files: $((now * 1000 / raw / 10)).$((now * 1000 / raw % 10)) % of $raw"
echo
ask_again
echo "All answers are the same, byte for byte."
echo
echo "# Is anything wrong with it?"
echo "\$ tape-check --full demo.tape"
tape-check --full demo.tape

echo
echo "The tape stays in $PWD/demo.tape. Total: $(($(date +%s) - began)) s"
