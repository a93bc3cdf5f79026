#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
no_memory.py: tape-record, tape-find, tape-info and tape-compact with the n-th request for memory
refused, once and from there on, for every n until a run needs fewer. No signal, what
was acknowledged is found, an exit of 0 means that nothing is missing.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import acked


class Runs:
    def __init__(self, options):
        self.options = options
        self.random = acked.by_chance(options.step)
        self.work = tempfile.mkdtemp(prefix="tape-nomem-")
        self.lines = os.path.join(self.work, "lines")
        self.blobs = os.path.join(self.work, "blobs")
        self.fired = os.path.join(self.work, "fired")
        self.checker = acked.Checker(options.tape_find)
        acked.write_blobs(self.blobs)
        acked.write_lines(self.lines, 0, options.lines, self.blobs)
        self.count = 0

    def run(self, n, ever, command, out):
        env = dict(os.environ, LD_PRELOAD=self.options.preload, NOMEM_AT=str(n),
                   NOMEM_FILE=self.fired)
        if ever:
            env["NOMEM_EVER"] = "1"
        if os.path.exists(self.fired):
            os.unlink(self.fired)
        with open(out, "w") as stdout:
            try:
                done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=env,
                                      cwd=self.work, timeout=60)
            except subprocess.TimeoutExpired:
                raise acked.Failed("request %d: it hangs" % n)
        self.count += 1
        if done.returncode < 0:
            raise acked.Failed("request %d%s: signal %d: %s" %
                               (n, "+" if ever else "", -done.returncode, done.stderr.decode()))
        return done, os.path.exists(self.fired)

    def record(self, n, ever):
        tape = os.path.join(self.work, "run.tape")
        ack = os.path.join(self.work, "ack")
        shutil.rmtree(tape, ignore_errors=True)
        done, fired = self.run(n, ever, [
            self.options.tape_record, tape, self.lines, "--label", "run", "--ack", "--commit",
            "8", "--sync", "none", "--blob-dir", self.blobs], ack)
        scopes = self.checker.find(tape, "i >= 0") if os.path.isdir(tape) else []
        self.checker.check_sparse(scopes, acked.acked(ack), self.options.lines)
        if done.returncode == 0 and len(scopes) != self.options.lines:
            raise acked.Failed("request %d: exit 0, and %d of %d lines are there" %
                               (n, len(scopes), self.options.lines))
        return fired

    def read(self, n, ever, command, expected, lines):
        out = os.path.join(self.work, "found")
        done, fired = self.run(n, ever, command, out)
        with open(out, errors="replace") as text:
            found = text.read()
        try:
            acked.check_answer(done, found, expected, lines)
        except acked.Failed as failure:
            raise acked.Failed("%s, request %d%s: %s\n%s" % (
                os.path.basename(command[0]), n, "+" if ever else "", failure,
                done.stderr.decode()))
        return fired

    def reading(self, *command, lines=True):
        expected = subprocess.run(command, check=True, capture_output=True, text=True,
                                  errors="replace").stdout
        self.sweep(lambda n, ever: self.read(n, ever, command, expected, lines))

    def sweep(self, one):
        for ever in (False, True):
            n = 1 + self.random.randrange(self.options.step)
            while one(n, ever):
                n += self.options.step

    def whole_tape(self, *more):
        self.whole = os.path.join(self.work, "whole.tape")
        subprocess.run([self.options.tape_record, self.whole, self.lines, "--label", "run",
                        "--blob-dir", self.blobs, *more], check=True, cwd=self.work)

    def answers(self, tape):
        return (subprocess.run([self.options.tape_find, tape, "-o", "jsonl"],
                               check=True, capture_output=True).stdout,
                subprocess.run([self.options.tape_find, tape, "_has=b", "--last", "--cat=b"],
                               check=True, capture_output=True).stdout)

    def compact(self, n, ever, expected):
        tape = os.path.join(self.work, "copy.tape")
        shutil.rmtree(tape, ignore_errors=True)
        shutil.copytree(self.whole, tape)
        command = [self.options.tape_compact, tape, "-j1"]
        done, fired = self.run(n, ever, command, os.path.join(self.work, "found"))
        if done.returncode not in (0, 2, 3, 127):
            raise acked.Failed("request %d: exit %d: %s" % (n, done.returncode, done.stderr.decode()))
        if done.returncode != 0 and not done.stderr:
            raise acked.Failed("request %d: exit %d without a word" % (n, done.returncode))
        if self.answers(tape) != expected:
            raise acked.Failed("request %d%s: other answers" % (n, "+" if ever else ""))
        subprocess.run([*command, "-q"], check=True)
        left = os.listdir(os.path.join(tape, "sessions"))
        if self.answers(tape) != expected or left:
            raise acked.Failed("request %d: the next run did not finish: %s" % (n, left))
        return fired

    def packed(self):
        """tape-compact, then the readers of a tape that is compacted but for one session."""
        self.whole_tape()
        expected = self.answers(self.whole)
        self.sweep(lambda n, ever: self.compact(n, ever, expected))
        subprocess.run([self.options.tape_compact, self.whole, "-q"], check=True)
        self.whole_tape("--name", "raw")
        self.readings()

    def threads(self):
        """tape-find with several threads, on a tape that is compacted but for one session."""
        self.whole_tape()
        subprocess.run([self.options.tape_compact, self.whole, "-q"], check=True)
        self.whole_tape("--name", "raw")
        for more in (["-o", "jsonl"], ["--count"]):
            self.reading(os.path.abspath(self.options.sliced), self.whole, "i >= 0", "-j", "3", *more,
                         lines="jsonl" in more)

    def all(self):
        self.whole_tape()
        self.sweep(self.record)
        self.readings()

    def readings(self):
        self.reading(self.options.tape_find, self.whole, "i >= 0", "-o", "jsonl")
        self.reading(self.options.tape_find, self.whole, "_has=b", "--cat=b", lines=False)
        self.reading(self.options.tape_find, self.whole, "i >= 0", "--count", lines=False)
        self.reading(self.options.tape_info, self.whole, "--json", lines=False)
        self.reading(self.options.tape_info, self.whole, lines=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tape-record", required=True)
    parser.add_argument("--tape-find", required=True)
    parser.add_argument("--tape-info", required=True)
    parser.add_argument("--tape-compact", help="compactions and compacted tapes")
    parser.add_argument("--sliced", help="a tape-find that starts threads on small tapes")
    parser.add_argument("--preload", required=True)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--step", type=int, default=1)
    options = acked.absolute(parser.parse_args())
    runs = Runs(options)
    try:
        if options.sliced:
            runs.threads()
        elif options.tape_compact:
            runs.packed()
        else:
            runs.all()
    except acked.Failed as failure:
        print("FAILED: %s (files are in %s)" % (failure, runs.work))
        return 1
    shutil.rmtree(runs.work)
    print("%d runs" % runs.count)
    return 0 if runs.count > 50 else 1


if __name__ == "__main__":
    sys.exit(main())
