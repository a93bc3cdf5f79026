#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden tests of the tools.

    run.py BIN_DIRS FILE.t [--write]

A .t file is a sequence of commands with what they must do, in one fresh
directory for the whole file:

    $ command            run by sh; lines that begin with "> " continue it
    text                 a line of standard output
    ! text               a line of standard error
    ? 2                  the exit code; 0 where there is none

A blank line or a line that begins with # ends the expectation. What differs
from run to run is replaced before the comparison: session ids by SESSION,
times by TIME, DATE or CLOCK, tape ids by TAPEID. A line that ends with " (glob)" may hold
* and ?. After "$ @tmpfs" the rest of the file may mount one in a name space of its
own, after "$ @user" it is run as nobody where the tests run as root; where that
cannot be, it is skipped with a message. --write replaces expectations by what was seen; read the
difference before committing it.
"""
import fnmatch
import os
import pwd
import re
import subprocess
import sys
import tempfile

REPLACE = [
    (re.compile(r"\b\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}\b"), "SESSION"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d{3}\b"), "CLOCK"),
    (re.compile(r"\b[A-Z][a-z]{2} \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d UTC"), "DATE"),
    (re.compile(r'"id":"[0-9a-f]{32}"'), '"id":"TAPEID"'),
    (re.compile(r"\(commit [0-9a-z]+\)"), "(commit COMMIT)"),
]
SKIP = 77


def clean(text):
    for pattern, by in REPLACE:
        text = pattern.sub(by, text)
    return text


def parse(lines):
    """Yields ("text", line) and ("case", command, expected)."""
    i = 0
    while i < len(lines):
        if not lines[i].startswith("$ "):
            yield "text", lines[i]
            i += 1
            continue
        command = [lines[i][2:]]
        i += 1
        while i < len(lines) and (lines[i] == ">" or lines[i].startswith("> ")):
            command.append(lines[i][2:])
            i += 1
        expected = []
        while i < len(lines) and lines[i] and not lines[i].startswith(("#", "$ ")):
            expected.append(lines[i])
            i += 1
        yield "case", command, expected


def run(command, env, cwd, user):
    done = subprocess.run(["sh", "-c", "\n".join(command)], env=env, cwd=cwd, user=user,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    out = clean(done.stdout.decode("utf-8", "backslashreplace"))
    err = clean(done.stderr.decode("utf-8", "backslashreplace"))
    seen = out.splitlines() + ["! " + line for line in err.splitlines()]
    if done.returncode:
        seen.append("? %d" % done.returncode)
    return seen


def become(who, env, cwd):
    """The user to go on as (None: as we are), or "" where that cannot be."""
    if who == "@tmpfs":
        made = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", cwd],
                              capture_output=True)
        return None if made.returncode == 0 else ""
    if os.getuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody").pw_uid
    subprocess.run(["chown", "-R", str(nobody), cwd], check=True)
    reached = subprocess.run(["sh", "-c", "tape-find --version"], env=env, cwd=cwd,
                             user=nobody, capture_output=True)
    return nobody if reached.returncode == 0 else ""


def same(expected, seen):
    if expected.endswith(" (glob)"):
        return fnmatch.fnmatchcase(seen, expected[:-7])
    return expected == seen


def main():
    bins, path = sys.argv[1], sys.argv[2]
    write = "--write" in sys.argv[3:]
    here = os.path.dirname(os.path.abspath(path))
    lines = open(path, encoding="utf-8").read().splitlines()
    written, failed, count, user = [], 0, 0, None
    with tempfile.TemporaryDirectory(prefix="tape-cli-") as cwd:
        env = {"PATH": bins + ":" + os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC",
               "HOME": cwd, "TESTS": here, "TMPDIR": cwd}
        for name in ("LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
                     "TSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        for part in parse(lines):
            if part[0] == "text":
                written.append(part[1])
                continue
            _, command, expected = part
            if command[0] in ("@tmpfs", "@user"):
                user = become(command[0], env, cwd)
                if user == "":
                    print("%s: skipped from here: %s" % (path, {
                        "@tmpfs": "no tmpfs may be mounted (are you root?)",
                        "@user": "nobody cannot run the tools"}[command[0]]))
                    write = False
                    break
                written.append("$ " + command[0])
                continue
            count += 1
            seen = run(command, env, cwd, user)
            written += ["$ " + command[0]] + [("> " + more).rstrip() for more in command[1:]]
            if len(seen) == len(expected) and all(map(same, expected, seen)):
                written += expected
                continue
            written += seen
            failed += 1
            if not write:
                print("%s: $ %s" % (path, "\n  > ".join(command)))
                print("  expected:\n    " + "\n    ".join(expected))
                print("  seen:\n    " + "\n    ".join(seen))
    if write:
        open(path, "w", encoding="utf-8").write("\n".join(written) + "\n")
    print("%s: %d commands, %d failed" % (path, count, failed))
    if not count:
        return SKIP
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
