#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
kill_runs.py: many runs of tape-record --ack on one tape, each killed with
SIGKILL, at moments spread evenly over the time of a run that is left alone.
After each, every acknowledged position of that session is found, once, at the
line it was acknowledged for, and nothing is there that was not sent.
"""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import acked


def record(options, tape, lines, ack, name):
    command = [options.tape_record, tape, lines, "--label", "run", "--ack", "--name", name]
    if options.sync:
        command += ["--sync", options.sync]
    return subprocess.Popen(command, stdout=open(ack, "w"), stderr=subprocess.PIPE)


def unkilled_time(options, work, lines):
    times = []
    for i in range(3):
        start = time.monotonic()
        child = record(options, os.path.join(work, "time%d.tape" % i), lines,
                       os.path.join(work, "ack"), "timing")
        _, talk = child.communicate(timeout=300)
        if child.returncode != 0:
            raise acked.Failed("tape-record: exit %d: %s" % (child.returncode, talk.decode()))
        times.append(time.monotonic() - start)
    return sorted(times)[1]


def session(line):
    """Of a line that begins with {"pos":"SESSION:SEQ"."""
    return line[8:line.index(b":", 8)]


def whole_tape(checker, tape, digests, kept):
    """At the end every session is what it was after its run. Read as it comes: it may be large."""
    now, count, digest, total, seen = None, 0, None, 0, set()
    for line in checker.lines(tape, "i >= 0", last=b""):
        name = session(line) if line else None
        if name != now:
            if now is not None and digests.get(now) != (count, digest.digest()):
                raise acked.Failed("%s is not what it was: %d scopes" % (now, count))
            if name in seen:
                raise acked.Failed("%s is there twice" % name)
            now, count, digest = name, 0, hashlib.sha256()
            seen.add(name)
        count, total = count + 1, total + bool(line)
        digest.update(line)
    if total != kept:
        raise acked.Failed("%d scopes at the end, %d before" % (total, kept))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tape-record", required=True)
    parser.add_argument("--tape-find", required=True)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--lines", type=int, default=20000)
    parser.add_argument("--sync")
    options = acked.absolute(parser.parse_args())
    work = tempfile.mkdtemp(prefix="tape-kill-")
    checker = acked.Checker(options.tape_find)
    tape, lines, ack = (os.path.join(work, n) for n in ("run.tape", "lines", "ack"))
    killed = total = kept = 0
    digests = {}
    try:
        acked.write_lines(lines, 0, options.lines)
        with open(lines, "rb") as text:
            template = text.read()
        whole = unkilled_time(options, work, lines)
        for run in range(options.runs):
            with open(lines, "wb") as out:
                out.write(template.replace(b'"run": 0,', b'"run": %d,' % run))
            child = record(options, tape, lines, ack, "run %d" % run)
            start = time.monotonic()
            # The moment is the point of the test; nothing depends on when it is.
            try:
                child.wait(timeout=whole * (run + 0.5) / options.runs)
                whole = time.monotonic() - start
            except subprocess.TimeoutExpired:
                child.kill()
            _, talk = child.communicate()
            if child.returncode not in (0, -9):
                raise acked.Failed("tape-record: exit %d: %s" %
                                   (child.returncode, talk.decode()))
            killed += child.returncode == -9
            positions = acked.acked(ack)
            found = list(checker.lines(tape, "_session=last run=%d" % run))
            scopes = [json.loads(line) for line in found]
            checker.check(scopes, positions, options.lines)
            if scopes:
                digests[session(found[0])] = (len(found), hashlib.sha256(b"".join(found)).digest())
            total += len(positions)
            kept += len(scopes)
        whole_tape(checker, tape, digests, kept)
    except acked.Failed as failure:
        print("FAILED: %s (the tape is in %s)" % (failure, tape))
        return 1
    print("%d runs, %d killed in time, %d positions acknowledged, %d scopes found" %
          (options.runs, killed, total, kept))
    shutil.rmtree(work)
    if killed < options.runs // 2 or total == 0:
        print("FAILED: too few runs were killed while they recorded")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
