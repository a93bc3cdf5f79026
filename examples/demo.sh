#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Record a sweep of the chemostat on a fresh tape, then ask it six questions.
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
# From here on demo.tape is ours, also where the recording is interrupted.
trap 'cp demo.tape/TAPE "$made" 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM

# Print the command as it would be typed, then its answer. No answer is a failure.
show()
{
	echo
	echo "# $1"
	echo "\$ $2"
	answer=$(eval "$2") || fail "the command failed"
	[ -n "$answer" ] || fail "there was no answer"
	echo "$answer"
}

began=$(date +%s)
echo "\$ chemostat --quiet --tape demo.tape"
chemostat --quiet --tape demo.tape
echo "$(du -sb demo.tape | cut -f 1) bytes in $(find demo.tape -type f | wc -l) files," \
	"$(($(date +%s) - began)) s"

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
echo "The tape stays in $PWD/demo.tape. Total: $(($(date +%s) - began)) s"
