#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
system_calls.py: tape-record under strace, which kills it before the k-th call
of a kind (--kill) or makes that call fail (--errors), for every kind of call it
makes and every k until a run ends untouched. What was acknowledged is found;
an exit of 0 means that every line was recorded.
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
        acked.write_blobs(self.blobs)
        acked.write_lines(self.lines, 0, options.lines, self.blobs)
        self.runs = self.struck = 0

    def record(self, tape, strace):
        command = ["strace", "-f", "-q", *strace, self.options.tape_record, tape,
                   self.lines, "--label", "run", "--ack", "--commit", "8",
                   "--sync", self.options.sync, "--blob-dir", self.blobs]
        with open(self.ack, "w") as out:
            try:
                return subprocess.run(command, stdout=out, stderr=subprocess.PIPE,
                                      cwd=self.work, timeout=60)
            except subprocess.TimeoutExpired:
                raise acked.Failed("tape-record hangs: %s" % " ".join(strace))

    def calls(self):
        """Kinds of call that a run makes, rarest first, and how many of each."""
        log = os.path.join(self.work, "calls")
        done = self.record(os.path.join(self.work, "plain.tape"), ["-o", log])
        if done.returncode != 0:
            raise acked.Failed("a plain run failed: %s" % done.stderr.decode())
        counts = {}
        with open(log, errors="replace") as text:
            for line in text:
                match = re.match(r"\d+ +([a-z_0-9]+)\(", line)
                if match and match[1] not in IGNORED:
                    counts[match[1]] = counts.get(match[1], 0) + 1
        return sorted(counts.items(), key=lambda item: item[1])

    def one(self, what, action):
        """One run. True if the call was reached."""
        tape = os.path.join(self.work, "run.tape")
        shutil.rmtree(tape, ignore_errors=True)
        log = os.path.join(self.work, "log")
        done = self.record(tape, ["-o", log, "-e", "inject=" + action])
        with open(log, errors="replace") as text:
            struck = any("INJECTED" in line or "killed by SIGKILL" in line for line in text)
        self.runs += 1
        self.struck += struck
        try:
            if done.returncode < 0 and not (what == "kill" and done.returncode == -9):
                raise acked.Failed("tape-record died by signal %d" % -done.returncode)
            scopes = self.checker.find(tape, "i >= 0") if os.path.isdir(tape) else []
            positions = acked.acked(self.ack)
            self.checker.check_sparse(scopes, positions, self.options.lines)
            if done.returncode == 0 and len(scopes) != self.options.lines:
                raise acked.Failed("exit 0, and %d of %d lines are there" %
                                   (len(scopes), self.options.lines))
        except acked.Failed as failure:
            raise acked.Failed("%s: %s\n%s" % (action, failure, done.stderr.decode()[-500:]))
        return struck

    def sweep(self, what, action, ever):
        for call, count in self.calls():
            k = 1
            while k <= count + 2:
                when = "%d+" % k if ever else "%d" % k
                if not self.one(what, "%s:%s:when=%s" % (call, action, when)):
                    break
                k += self.options.step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tape-record", required=True)
    parser.add_argument("--tape-find", required=True)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--sync", default="commit")
    parser.add_argument("--step", type=int, default=1, help="every step-th k")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--errors", default="", help="names, as ENOSPC,EIO")
    options = acked.absolute(parser.parse_args())
    if not shutil.which("strace"):
        acked.skip("strace is not installed")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode:
        acked.skip("strace may not trace here")
    sweep = Sweep(options)
    try:
        if options.kill:
            sweep.sweep("kill", "signal=KILL", False)
        for error in filter(None, options.errors.split(",")):
            sweep.sweep("error", "error=" + error, False)
            # Whoever is interrupted tries again: for ever would be for ever.
            if error != "EINTR":
                sweep.sweep("error", "error=" + error, True)
    except acked.Failed as failure:
        print("FAILED: %s (files are in %s)" % (failure, sweep.work))
        return 1
    shutil.rmtree(sweep.work)
    print("%d runs, %d of them were struck" % (sweep.runs, sweep.struck))
    return 0 if sweep.struck > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
