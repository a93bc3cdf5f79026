# SPDX-License-Identifier: Apache-2.0
"""memory.py BUILD SCOPES: so many scopes, no two alike, are compacted in less than
512 MiB of memory, and once more, with some that were recorded since, by --full; a
point of what comes of it is answered, and it is said how long that took. Nothing
depends on that time.
"""
import os
import subprocess
import sys
import tempfile
import time

LIMIT_KB = 512 * 1024
POINTS = 20


def memory_of(command):
    """Runs it; its largest resident size in KiB and what it printed."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        out = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} ended with {child.returncode}")
    return usage.ru_maxrss, out


def compact(build, tape, what, *more):
    began = time.monotonic()
    took_kb, _ = memory_of([f"{build}/cli/tape-compact", "-q", tape, *more])
    print(f"{what}: {took_kb // 1024} MiB, {time.monotonic() - began:.1f} s")
    return took_kb


def record(build, tape, scopes):
    subprocess.run([f"{build}/tests/recording/large", str(scopes), "0", tape], check=True)


def points(build, tape, scopes):
    find = f"{build}/cli/tape-find"
    _, first = memory_of([find, tape, "-n", "1", "--keys", "_pos"])
    session = first.decode().split(":")[0]
    took = []
    for i in range(POINTS):
        seq = 1 + scopes * i // POINTS
        began = time.monotonic()
        took_kb, out = memory_of([find, tape, f"_pos={session}:{seq}"])
        took.append(time.monotonic() - began)
        if out.count(b"\n") != 1:
            sys.exit(f"{session}:{seq} was answered by {out!r}")
    print(f"a point: {min(took) * 1000:.1f} ms at least, "
          f"{sorted(took)[POINTS // 2] * 1000:.1f} ms the median, {took_kb // 1024} MiB")


def main():
    build, scopes = sys.argv[1], int(sys.argv[2])
    failed = 0
    with tempfile.TemporaryDirectory(prefix="tape-memory-") as work:
        tape = f"{work}/tape"
        record(build, tape, scopes)
        failed += compact(build, tape, "compacted") >= LIMIT_KB
        points(build, tape, scopes)
        record(build, tape, scopes // 100)
        failed += compact(build, tape, "made again", "--full") >= LIMIT_KB
        points(build, tape, scopes)
    print(f"{2 - failed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
