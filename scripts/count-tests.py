#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""count-tests.py NAME BUILDDIR: what a `meson test` run came to.

Prints "NAME passed failed skipped" for the summary on stdout, and on stderr every
failed test with its output and every skipped one with its reason. A program of
unit tests counts once for each of its tests, a script for each that it names in
a line "N passed, N failed", anything else as one.
"""
import json
import re
import sys

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
SCRIPT = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)

name, build = sys.argv[1:]
passed = failed = skipped = 0
try:
    with open(f"{build}/meson-logs/testlog.json", encoding="utf-8") as log:
        tests = [json.loads(line) for line in log]
except OSError:
    tests = []
if not tests:
    with open(f"{build}.test.log", encoding="utf-8", errors="replace") as log:
        print(f"{name}: no test ran\n{log.read()}", file=sys.stderr)
    failed = 1

for test in tests:
    out = test.get("stdout") or ""
    text = out + (test.get("stderr") or "")
    ok, bad, off = 0, 0, 0
    for match in CHECK.finditer(out):
        checks, failures, errors = map(int, match.groups())
        ok, bad = ok + checks - failures - errors, bad + failures + errors
    for match in SCRIPT.finditer(out):
        ok, bad = ok + int(match[1]), bad + int(match[2])
        off += int(match[3] or 0)
    result = test["result"]
    if result == "SKIP":
        ok, bad, off = 0, 0, 1
    elif result in ("OK", "EXPECTEDFAIL"):
        ok = max(ok, 1 - bad - off)
    else:
        bad = max(bad, 1)
    if off:
        reason = [line for line in text.strip().splitlines() if "skip" in line.lower()]
        reason = reason or text.strip().splitlines()[-1:] or ["gave no reason"]
        print(f"SKIPPED {name}: {test['name']}: {'; '.join(reason)}", file=sys.stderr)
    if bad:
        print(f"FAILED {name}: {test['name']} ({result}, exit {test.get('returncode')})",
              file=sys.stderr)
        print(text[-6000:], file=sys.stderr)
    passed, failed, skipped = passed + ok, failed + bad, skipped + off

print(name, passed, failed, skipped)
print(f"   {passed} passed, {failed} failed, {skipped} skipped in {len(tests)} programs",
      file=sys.stderr)
