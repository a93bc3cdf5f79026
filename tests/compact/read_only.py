#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
read_only.py: a compacted tape on a file system that is mounted read-only, read by
another user: the same answers, and nothing is written. The tape is compacted but for
one session; its files belong to root, the reader is nobody.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import compacted

QUERIES = [["--all", "-o", "jsonl"], ["x=10..20", "-o", "jsonl"], ["phase=a", "--count"], ["_has=text", "-o", "csv"],
           ["_has=field", "field.len=..1000", "--last", "--cat=field"],
           ["_has=field", "field.len=12000", "--last", "--cat=field"]]


def tree(path):
    """Names, sizes and times of all files."""
    out = []
    for above, names, files in os.walk(path):
        for name in sorted(names + files):
            st = os.lstat(os.path.join(above, name))
            out.append((os.path.join(above, name)[len(path):], st.st_size, st.st_mtime_ns, st.st_ctime_ns))
    return sorted(out)


def as_nobody(*command):
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command],
                          capture_output=True)


def compare(tapes, tape, mount, commands):
    for command in commands:
        want = subprocess.run([tapes.tool(command[0]), tape, *command[1:]], capture_output=True)
        got = as_nobody(tapes.tool(command[0]), mount, *command[1:])
        found = got.stdout.replace(mount.encode(), tape.encode())
        if (got.returncode, found) != (want.returncode, want.stdout) or got.returncode > 1:
            raise compacted.Failed("%s: exit %d for %d, %d bytes for %d: %s" % (
                " ".join(command), got.returncode, want.returncode, len(found), len(want.stdout),
                got.stderr.decode()[:400]))


def run(tapes, work):
    tape, mount = os.path.join(work, "run.tape"), os.path.join(work, "mounted")
    for state in ("first", "second"):
        tapes.record(tape, 0 if state == "first" else tapes.scopes // 2, tapes.scopes)
        tapes.compact(tape)
    tapes.record(tape, tapes.scopes, 10)
    os.mkdir(mount)
    if subprocess.run(["mount", "--bind", tape, mount], capture_output=True).returncode:
        compacted.skip("nothing can be mounted here")
    try:
        if subprocess.run(["mount", "-o", "remount,ro,bind", mount], capture_output=True).returncode:
            compacted.skip("nothing can be mounted read-only here")
        if as_nobody(tapes.tool("tape-find"), "--version").returncode:
            compacted.skip("nobody may not run %s" % tapes.tool("tape-find"))
        before = tree(tape)
        compare(tapes, tape, mount, [["tape-find", *query] for query in QUERIES])
        compare(tapes, tape, mount, [["tape-info", "--json"]])
        if tree(tape) != before:
            raise compacted.Failed("something was written")
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", required=True)
    parser.add_argument("--scopes", type=int, default=1000)
    options = parser.parse_args()
    if os.geteuid() != 0:
        compacted.skip("only root may mount, and read as somebody else")
    if not shutil.which("setpriv"):
        compacted.skip("setpriv is not installed")
    work = tempfile.mkdtemp(prefix="tape-read-only-")
    os.chmod(work, 0o755)
    tapes = compacted.Tapes(os.path.abspath(options.tools), work, options.scopes)
    try:
        run(tapes, work)
    except compacted.Failed as failure:
        print("FAILED: %s (files are in %s)" % (failure, work))
        return 1
    shutil.rmtree(work)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
