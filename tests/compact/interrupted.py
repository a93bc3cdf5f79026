#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
interrupted.py: tape-compact killed at moments spread evenly over the time of a run
that is left alone: the first compaction of a tape, a later one, a merge of
generations. The answers stay what they were, the next run finishes the job, and
nothing is left over.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

import compacted


class Kills:
    def __init__(self, options, tapes):
        self.options, self.tapes = options, tapes
        self.killed = 0

    def whole_time(self, more):
        times = []
        for _ in range(3):
            copy = self.tapes.copy()
            start = time.monotonic()
            self.tapes.compact(copy, *more)
            times.append(time.monotonic() - start)
        return sorted(times)[1]

    def one(self, moment, more):
        """Seconds that it took, where it was not killed in time."""
        copy = self.tapes.copy()
        child = subprocess.Popen([self.tapes.tool("tape-compact"), copy, "-q", *more])
        start = time.monotonic()
        # The moment is the point of the test; nothing depends on when it is.
        try:
            child.wait(timeout=moment)
            took = time.monotonic() - start
        except subprocess.TimeoutExpired:
            child.kill()
            took = None
        child.wait()
        if child.returncode not in (0, -9):
            raise compacted.Failed("tape-compact: exit %d" % child.returncode)
        self.killed += child.returncode == -9
        self.tapes.same(copy)
        self.tapes.finish(copy, *more)
        return took

    def state(self, name, more):
        whole, before, start = self.whole_time(more), self.killed, time.monotonic()
        for i in range(self.options.kills):
            try:
                whole = self.one(whole * (i + 0.5) / self.options.kills, more) or whole
            except compacted.Failed as failure:
                raise compacted.Failed("%s, kill %d: %s" % (name, i, failure))
        print("%s: %d runs of %.2f s, %d killed in time; %.0f s" % (
            name, self.options.kills, whole, self.killed - before, time.monotonic() - start),
            flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", required=True)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--scopes", type=int, default=20000)
    parser.add_argument("--state", action="append", metavar="NAME",
                        help="only this one: first, incremental or merge")
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="tape-interrupted-")
    tapes = compacted.Tapes(os.path.abspath(options.tools), work, options.scopes)
    kills, states = Kills(options, tapes), 0
    try:
        for name, tape, more in tapes.states():
            if options.state and name not in options.state:
                continue
            tapes.use(tape)
            states += 1
            kills.state(name, more)
    except compacted.Failed as failure:
        print("FAILED: %s (files are in %s)" % (failure, work))
        return 1
    shutil.rmtree(work)
    print("%d runs, %d killed in time" % (states * options.kills, kills.killed))
    if states == 0 or 3 * kills.killed < states * options.kills:
        print("FAILED: too few runs were killed while they compacted")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
