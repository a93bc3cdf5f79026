#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
calls.py: tape-compact under strace, which kills it before the k-th call of a kind
(--kill) or makes that call fail (--errors), once and for ever, for every kind of
call it makes and every k until a run ends untouched. The answers stay what they
were; an exit of 0 means that everything was compacted; the next run finishes the
job, and nothing is left over.
"""
import argparse
import os
import shutil
import sys

import compacted
import system_calls


class Compacting:
    """A compaction of a tape is what is struck, in one thread: calls have an order then."""

    def __init__(self, sweep, tapes, name, more):
        self.sweep, self.tapes, self.more = sweep, tapes, more
        self.name = "tape-compact, %s" % name
        self.copy = None

    def plain(self, strace):
        return self.run(strace)

    def run(self, strace):
        self.copy = self.tapes.copy()
        return self.sweep.trace([self.tapes.tool("tape-compact"), self.copy, "-j1", *self.more],
                                strace)

    def check(self, done, action):
        if done.returncode not in (0, -9) and not done.stderr and not (
                action.startswith("write:") and action.endswith("+")):
            raise compacted.Failed("exit %d without a word" % done.returncode)
        self.tapes.same(self.copy)
        if done.returncode == 0:
            self.check_done()
        self.tapes.finish(self.copy, *self.more, said=done.stderr.decode(errors="replace"))

    def check_done(self):
        """An exit of 0 means that it is compacted; what was replaced may still be there."""
        live = os.path.join(self.copy, "live")
        if not os.path.isdir(live) or sorted(os.listdir(live)) == sorted(
                os.listdir(os.path.join(self.tapes.tape, "live"))
                if os.path.isdir(os.path.join(self.tapes.tape, "live")) else []):
            raise compacted.Failed("exit 0, and nothing is compacted")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", required=True)
    parser.add_argument("--scopes", type=int, default=60)
    parser.add_argument("--states", default="first,incremental,merge")
    parser.add_argument("--step", type=int, default=1, help="every step-th k")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--errors", default="", help="names, as ENOSPC,EIO")
    parser.add_argument("--go-on", action="store_true", help="tell all failures")
    options = parser.parse_args()
    system_calls.need_strace()
    options.tools = os.path.abspath(options.tools)
    options.tape_find = os.path.join(options.tools, "tape-find")
    sweep = system_calls.Sweep(options)
    tapes = compacted.Tapes(options.tools, sweep.work, options.scopes)
    try:
        for name, tape, more in tapes.states():
            if name in options.states.split(","):
                tapes.use(tape)
                sweep.subject = Compacting(sweep, tapes, name, more)
                system_calls.strike(sweep, options)
    except compacted.Failed as failure:
        print("FAILED: %s (files are in %s)" % (failure, sweep.work))
        return 1
    shutil.rmtree(sweep.work)
    print("%d runs, %d of them were struck; %d wrong" % (sweep.runs, sweep.struck, sweep.failed))
    return 0 if sweep.struck > 0 and not sweep.failed else 1


if __name__ == "__main__":
    sys.exit(main())
