#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
system_calls.py: tape-record under strace, which kills it before the k-th call
of a kind (--kill) or makes that call fail (--errors), for every kind of call it
makes and every k until a run ends untouched. What was acknowledged is found;
an exit of 0 means that every line was recorded. With --read the same is done to
tape-find and tape-info: the right answer, or an exit and a message that say
what is missing. With --step only every so-manieth call of a kind is struck, the
first of them by chance ($TEST_SEED), and none that the dynamic loader makes.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import acked

# Reading its own program and memory are not what is tested.
IGNORED = {"execve", "exit_group", "exit", "mmap", "munmap", "mprotect", "brk",
           "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64",
           "rt_sigreturn", "clone3", "clone", "futex", "madvise", "sched_yield",
           "clock_nanosleep", "restart_syscall"}


class Sweep:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="tape-calls-")
        self.lines = os.path.join(self.work, "lines")
        self.blobs = os.path.join(self.work, "blobs")
        self.ack = os.path.join(self.work, "ack")
        self.checker = acked.Checker(options.tape_find)
        if getattr(options, "lines", 0):
            acked.write_blobs(self.blobs)
            acked.write_lines(self.lines, 0, options.lines, self.blobs)
        self.runs = self.struck = self.failed = 0
        self.random = acked.by_chance(options.step)

    def trace(self, command, strace):
        with open(self.ack, "w") as out:
            try:
                return subprocess.run(["strace", "-f", "-q", *strace, *command], stdout=out,
                                      stderr=subprocess.PIPE, cwd=self.work, timeout=60)
            except subprocess.TimeoutExpired:
                raise acked.Failed("%s hangs: %s" % (command[0], " ".join(strace)))

    def record(self, tape, strace):
        return self.trace([self.options.tape_record, tape, self.lines, "--label", "run",
                           "--ack", "--commit", "8", "--sync", self.options.sync,
                           "--blob-dir", self.blobs], strace)

    def calls(self):
        """Kinds of call that a run makes, rarest first: how many, and how many of the loader."""
        log = os.path.join(self.work, "calls")
        done = self.subject.plain(["-o", log])
        if done.returncode != 0:
            raise acked.Failed("a plain run failed: %s" % done.stderr.decode())
        counts, loading = {}, None
        with open(log, errors="replace") as text:
            for line in text:
                match = re.match(r"\d+ +([a-z_0-9]+)\(", line)
                if not match or match[1] in IGNORED:
                    continue
                if loading is None and self.work in line:
                    loading = dict(counts)
                counts[match[1]] = counts.get(match[1], 0) + 1
        return [(call, count, (loading or {}).get(call, 0))
                for call, count in sorted(counts.items(), key=lambda item: item[1])]

    def places(self, count, loading):
        """The first k, and the step to the next one."""
        if self.options.step == 1:
            return 1, 1
        step = max(1, min(self.options.step, count - loading))
        return loading + 1 + self.random.randrange(step), step

    def one(self, what, action):
        """One run. True if the call was reached."""
        log = os.path.join(self.work, "log")
        done = self.subject.run(["-o", log, "-e", "inject=" + action])
        with open(log, errors="replace") as text:
            struck = any("INJECTED" in line or "killed by SIGKILL" in line for line in text)
        self.runs += 1
        self.struck += struck
        try:
            if done.returncode < 0 and not (what == "kill" and done.returncode == -9):
                raise acked.Failed("death by signal %d" % -done.returncode)
            self.subject.check(done, action)
        except acked.Failed as failure:
            failure = acked.Failed("%s: %s: %s\n%s" % (self.subject.name, action, failure,
                                                       done.stderr.decode()[-500:]))
            if not getattr(self.options, "go_on", False):
                raise failure
            print("FAILED: %s" % failure, flush=True)
            self.failed += 1
        return struck

    def sweep(self, what, action, ever):
        for call, count, loading in self.calls():
            k, step = self.places(count, loading)
            while k <= count + 2:
                when = "%d+" % k if ever else "%d" % k
                if not self.one(what, "%s:%s:when=%s" % (call, action, when)):
                    break
                k += step


class Recording:
    """A recording is what is struck."""
    name = "tape-record"

    def __init__(self, sweep):
        self.sweep = sweep
        self.tape = os.path.join(sweep.work, "run.tape")

    def plain(self, strace):
        return self.sweep.record(os.path.join(self.sweep.work, "plain.tape"), strace)

    def run(self, strace):
        shutil.rmtree(self.tape, ignore_errors=True)
        return self.sweep.record(self.tape, strace)

    def check(self, done, _):
        lines = self.sweep.options.lines
        scopes = self.sweep.checker.find(self.tape, "i >= 0") if os.path.isdir(self.tape) else []
        self.sweep.checker.check_sparse(scopes, acked.acked(self.sweep.ack), lines)
        if done.returncode == 0 and len(scopes) != lines:
            raise acked.Failed("exit 0, and %d of %d lines are there" % (len(scopes), lines))


class Reading:
    """A search or an inventory of a tape of two sessions is what is struck."""

    def __init__(self, sweep, tape, command, lines):
        self.sweep, self.command, self.lines = sweep, [command[0], tape, *command[1:]], lines
        self.name = " ".join(map(os.path.basename, command))
        self.expected = subprocess.run(self.command, check=True, capture_output=True,
                                       cwd=sweep.work).stdout.decode(errors="replace")

    def plain(self, strace):
        return self.sweep.trace(self.command, strace)

    run = plain

    def check(self, done, action):
        # Where no write succeeds there is no message either.
        mute = action.startswith("write:") and action.endswith("+")
        with open(self.sweep.ack, errors="replace", newline="") as text:
            acked.check_answer(done, text.read(), self.expected, self.lines, mute)


class Telling(Reading):
    """Of an answer that is one text: all of it, or an exit code and a reason."""

    def check(self, done, action):
        with open(self.sweep.ack, errors="replace", newline="") as text:
            whole = text.read() == self.expected
        if done.returncode == 0 and not whole:
            raise acked.Failed("exit 0, and the answer is another")
        if done.returncode not in (0, 2, 3, 4, 5):
            raise acked.Failed("exit %d" % done.returncode)
        if done.returncode and not done.stderr and not (action.startswith("write:") and action.endswith("+")):
            raise acked.Failed("exit %d without a word" % done.returncode)


def readings(sweep):
    tape = os.path.join(sweep.work, "whole.tape")
    for _ in range(2):
        if sweep.record(tape, ["-o", "/dev/null"]).returncode != 0:
            raise acked.Failed("the tape to be read cannot be recorded")
        if sweep.options.tape_compact and not os.path.isdir(os.path.join(tape, "gen")):
            subprocess.run([sweep.options.tape_compact, tape, "-q"], check=True)
    find, info = sweep.options.tape_find, sweep.options.tape_info
    place = subprocess.run([find, tape, "--last", "--keys", "_pos", "-o", "csv"], check=True,
                           capture_output=True, text=True).stdout.split()[-1]
    return [Reading(sweep, tape, [find, "i >= 0", "-o", "jsonl"], True),
            Reading(sweep, tape, [find, "_has=b", "--first", "--cat=b"], False),
            Telling(sweep, tape, [find, "--lineage", place], True),
            Reading(sweep, tape, [info, "--json"], False)]


def strike(sweep, options):
    if options.kill:
        sweep.sweep("kill", "signal=KILL", False)
    for error in filter(None, options.errors.split(",")):
        sweep.sweep("error", "error=" + error, False)
        # Whoever is interrupted tries again: for ever would be for ever.
        if error != "EINTR":
            sweep.sweep("error", "error=" + error, True)


def need_strace():
    if not shutil.which("strace"):
        acked.skip("strace is not installed")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode:
        acked.skip("strace may not trace here")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tape-record", required=True)
    parser.add_argument("--tape-find", required=True)
    parser.add_argument("--tape-info")
    parser.add_argument("--read", action="store_true", help="strike tape-find and tape-info")
    parser.add_argument("--tape-compact", help="of a tape that is compacted but for one session")
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--sync", default="commit")
    parser.add_argument("--step", type=int, default=1, help="every step-th k")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--errors", default="", help="names, as ENOSPC,EIO")
    options = acked.absolute(parser.parse_args())
    need_strace()
    sweep = Sweep(options)
    try:
        for sweep.subject in readings(sweep) if options.read else [Recording(sweep)]:
            strike(sweep, options)
    except acked.Failed as failure:
        print("FAILED: %s (files are in %s)" % (failure, sweep.work))
        return 1
    shutil.rmtree(sweep.work)
    print("%d runs, %d of them were struck" % (sweep.runs, sweep.struck))
    return 0 if sweep.struck > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
