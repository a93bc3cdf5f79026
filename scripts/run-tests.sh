#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-tests.sh [CONFIGURATION...]: builds and runs the tests, then prints
# "N passed, N failed" over all of them. Without arguments: gcc-brief, asan, tsan
# and checks, in which every test runs at least once, and clang's code too.
#
#   gcc, clang   the whole suite, warnings are errors
#   gcc-brief    as gcc, but for the suite "sweep": long tests, in which every
#                byte, moment or form of a tape has its turn, and which ASan's run has
#   asan         the whole suite under ASan and UBSan, built by clang, warnings are
#                errors, but for the suites "nosan" (tests that run programs under
#                strace or an LD_PRELOAD, that TSan's run has, or that start programs
#                for longer than all the rest takes) and "headers" (what compilers say
#                of our headers, which is the same in every build)
#   tsan         the suite "threads" under TSan
#   checks       scripts/check-*.sh
set -euo pipefail
cd "$(dirname "$0")/.."

configurations=("${@:-}")
[ -n "${configurations[0]}" ] || configurations=(gcc-brief asan tsan checks)
jobs=${JOBS:-$(nproc)}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Most time of short runs goes into memory that is used for the first time: less is kept aside.
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1:detect_leaks=1:quarantine_size_mb=16:malloc_context_size=8}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:abort_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

common=(-Dwerror=true -Dtests=enabled -Dbench=false)
sanitized=("${common[@]}" -Db_lundef=false -Dbuildtype=debugoptimized)

# run_suite NAME COMPILER PATIENCE "MESON TEST OPTIONS" SETUP-OPTIONS...
# PATIENCE multiplies all time limits: those of Meson, and those of Check within a test.
run_suite()
{
	local name=$1 compiler=$2 patience=$3 options=$4 dir=build/$1 start=$SECONDS
	local targets="all meson-test-prereq"
	shift 4
	echo "== $name"
	# Built first: a test must not wait for the compiler, nor hide its words.
	if ! { CC=$compiler scripts/setup.sh "$dir" "$@" && only_suite &&
		ninja -j "$jobs" -C "$dir" $targets >"$dir.build.log" 2>&1; }; then
		grep -v '^\[' "$dir.build.log" | tail -n 60 || true
		echo "$name: does not build (all of it: $dir.build.log)"
		echo "build/$name 0 1 0" >>"$results/counts"
		return
	fi
	rm -f "$dir"/meson-logs/testlog.json
	# One more than there are cores: many wait for the disk.
	# Its exit code says less than its log: read below.
	# shellcheck disable=SC2086
	CK_TIMEOUT_MULTIPLIER=$patience meson test --no-rebuild -C "$dir" --num-processes $((jobs + 1)) \
		--print-errorlogs --timeout-multiplier "$patience" $options >"$dir.test.log" 2>&1 || true
	scripts/count-tests.py "$name" "$dir" >>"$results/counts"
	echo "   $((SECONDS - start)) s"
}

# Of a run_suite with "--suite NAME": only what those tests need is built.
only_suite()
{
	[[ $options == "--suite "* ]] || return 0
	targets=$(scripts/suite-targets.py "$dir" "${options#--suite }")
}

run_checks()
{
	local check status
	echo "== checks"
	for check in scripts/check-*.sh; do
		status=0
		"$check" >"$results/log" 2>&1 || status=$?
		case $status in
		0) echo "$check 1 0 0" >>"$results/counts" ;;
		77)
			echo "SKIPPED $check: $(tail -n 1 "$results/log")"
			echo "$check 0 0 1" >>"$results/counts"
			;;
		*)
			echo "FAILED $check"
			cat "$results/log"
			echo "$check 0 1 0" >>"$results/counts"
			;;
		esac
	done
}

for configuration in "${configurations[@]}"; do
	case $configuration in
	gcc) run_suite gcc gcc 3 "" "${common[@]}" ;;
	gcc-brief) run_suite gcc gcc 3 "--no-suite sweep" "${common[@]}" ;;
	clang) run_suite clang clang 3 "" "${common[@]}" ;;
	asan) run_suite asan clang 6 "--no-suite nosan --no-suite headers" "${sanitized[@]}" \
		-Db_sanitize=address,undefined ;;
	tsan) run_suite tsan clang 6 "--suite threads" "${sanitized[@]}" \
		-Db_sanitize=thread ;;
	checks) run_checks ;;
	*)
		echo "run-tests.sh: no configuration '$configuration'" >&2
		exit 2
		;;
	esac
done

awk '{ passed += $2; failed += $3; skipped += $4 }
	END {
		printf "%d passed, %d failed", passed, failed
		if (skipped) printf ", %d skipped", skipped
		printf "\n"
		exit failed > 0 || passed == 0
	}' "$results/counts"
