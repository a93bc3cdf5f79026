#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
sweep_kill.py: the sweep of examples/chemostat.c with --resume, killed with SIGKILL and
started again, each time on a tape of its own. At the end the tape answers ten questions
as that of a sweep that nobody killed, raw and compacted, and what was on the tape when it
was killed was not computed again.

Moments are spread evenly over a sweep that is left alone, by what it has on its tape:
    --kills N   killed once
    --again N   killed again after it went on, twice and three times in turn
    --start N   killed while it starts, by the time since
    --sync N    killed once, with sync=commit
"""
import argparse
import glob
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from acked import Failed

QUESTIONS = [
    ("how many steps", "iter --count"),
    ("how many scopes", "--count"),
    ("a range", "iter it=3..7 b.net=..0.3 D=0.04..0.5 -o jsonl"),
    ("the last state", "store.ts --reverse -n 3 -o jsonl"),
    ("one run, in its order", "run:3 -o jsonl"),
    ("a choice", "store.ts {a.x: float, b.x: float} a.x=0.05.. --keys D,X0,objective,a.x,b.x,ac -o csv"),
    ("one or the other", "a.lp=infeasible or b.lp=infeasible or it=5 --keys it,D,a.lp,b.lp -o csv"),
    ("results in the cache", "_cache name=chemostat.run -o jsonl"),
    ("the checkpoints", "checkpoint -o jsonl"),
    ("everything", "-o jsonl"),
]
# Of the session and of the clock; an entry of the cache keeps what its computation took.
APART = ("pos", "time", "link")
TIMED = ("seconds", "when")


COMMIT_EVERY = 20  # steps, as in chemostat.c
EARLIER = 20  # times that a first kill which came too late is tried again


def size(tape):
    """Bytes in its segments."""
    return sum(os.path.getsize(path) for path in glob.glob(os.path.join(tape, "sessions", "*", "*.log")))


class Sweep:
    """What it printed at its end."""

    def __init__(self, text):
        found = re.search(r"went on at run (\d+) of (\d+): (\d+) linear programs solved since\n"
                          r"(\d+) of \2 runs had been computed before\n"
                          r"(\d+) scopes, (\d+) linear programs solved, (.*)\n$", text)
        if not found:
            raise Failed("the sweep prints: %s" % text)
        self.first, self.runs, self.since, self.known, self.scopes, self.solves = map(int, found.groups()[:6])
        self.whole = found.groups()[3:]


class Driver:
    def __init__(self, options, work):
        self.o, self.work = options, work
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TAPE_")}
        self.killed = self.missed = self.lost = self.torn = self.compacted = self.nothing = 0
        self.solved_again, self.tenths, self.sync, self.whole = 0, [0] * 10, None, None
        self.rng = random.Random(options.seed)

    # ---- programs ----

    def start(self, tape):
        env = dict(self.env, **({"TAPE_SYNC": self.sync} if self.sync else {}))
        return subprocess.Popen(
            [self.o.chemostat, "--tape", tape, "--cache", "--resume", "--quiet",
             "--runs", str(self.o.runs), "--steps", str(self.o.steps)],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, child):
        out, talk = child.communicate(timeout=300)
        if child.returncode or talk:
            raise Failed("chemostat: exit %d: %s" % (child.returncode, talk))
        return Sweep(out)

    def tool(self, name, *args, fine=(0,)):
        done = subprocess.run([os.path.join(self.o.tools, name), *args], env=self.env, capture_output=True, timeout=300)
        if done.returncode not in fine or done.stderr:
            raise Failed("%s %s: exit %d: %s" % (name, " ".join(args), done.returncode, done.stderr.decode()))
        return done.stdout.decode("latin-1")

    def find(self, tape, *args):
        return self.tool("tape-find", tape, *args, fine=(0, 1))

    def count(self, tape, *args):
        return int(self.find(tape, *args, "--count"))

    # ---- answers ----

    def plain(self, text):
        """Lines without what tells sessions and times apart."""
        if text.startswith("_pos,_time,"):
            return [line.split(",", 2)[2] for line in text.splitlines()]
        out = []
        for line in text.splitlines():
            row = json.loads(line)
            row = {k: v for k, v in row.items() if k not in APART}
            if "_cache" in row["labels"]:
                del row["hash"]
                row["vars"] = {k: v for k, v in row["vars"].items() if k not in TIMED}
            out.append(json.dumps(row))
        return out

    def answers(self, tape):
        out = []
        for _, question in QUESTIONS:
            text = self.ask(tape, question)
            out.append(text if "--count" in question else self.plain(text))
        series = self.find(tape, "run:2 store.ts", "--cat=ts.glc")
        return out + [hashlib.sha256(series.encode("latin-1")).hexdigest()]

    def ask(self, tape, question):
        query, _, rest = question.partition(" -")
        query, rest = ("", question) if question.startswith("-") else (query, "-" + rest)
        return self.find(tape, query, *rest.split())

    def compare(self, tape, what):
        for (name, _), got, want in zip(QUESTIONS + [("a series", "")], self.answers(tape), self.want):
            if got == want:
                continue
            if isinstance(want, list):
                at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
                got = "%d lines, not %d; line %d: %s" % (len(got), len(want), at, got[at:at + 1])
                want = want[at:at + 1]
            raise Failed("%s, %s: %s\n  not %s" % (what, name, str(got)[:2000], str(want)[:2000]))

    # ---- sweeps ----

    def alone(self):
        """Three of them: what they take and answer."""
        times, starts = [], []
        for _ in range(3):
            tape = os.path.join(self.work, "alone.tape")
            began = time.monotonic()
            child = self.start(tape)
            self.reach(child, tape, 1)
            starts.append(time.monotonic() - began)
            done = self.finish(child)
            times.append(time.monotonic() - began)
            self.bytes = size(tape)
            if self.whole:
                self.compare(tape, "a sweep that is left alone")
            else:
                self.whole, self.want, self.scopes = done, self.answers(tape), self.count(tape, "")
            shutil.rmtree(tape)
        if self.whole.scopes != self.o.runs * (self.o.steps + 2) or self.whole.first:
            raise Failed("another sweep than was asked for")
        self.took, self.starts = sorted(times)[1], sorted(starts)[1]

    def reach(self, child, tape, to):
        """Until its tape has so many bytes, or it has ended."""
        while child.poll() is None and size(tape) < to:
            time.sleep(0.0002)

    def kill(self, tape, share, left):
        """At that share of what is left of a sweep; below 0: of the time until it records."""
        before = size(tape)
        child = self.start(tape)
        wait = -share * self.starts
        if share >= 0:
            self.reach(child, tape, before + share * left * self.bytes)
            # Anywhere between two commits, not always behind one.
            wait = self.rng.random() * self.took * COMMIT_EVERY / (self.o.runs * self.o.steps)
        try:
            # The moment is the point of the test; nothing depends on when it is.
            child.wait(timeout=wait)
        except subprocess.TimeoutExpired:
            child.kill()
        _, talk = child.communicate()
        if child.returncode not in (0, -9) or talk:
            raise Failed("chemostat: exit %d: %s" % (child.returncode, talk))
        return child.returncode == -9

    def kill_first(self, tape, share):
        """Where a sweep had ended by then: another one, a little earlier, on a tape of its own."""
        for _ in range(EARLIER):
            if self.kill(tape, share, 1):
                return True
            shutil.rmtree(tape)
            share *= 0.9
        return self.kill(tape, share, 1)

    def checkpoint(self, tape):
        """The newest one: run and linear programs until then; (0, 0) if there is none."""
        if not os.path.exists(os.path.join(tape, "TAPE")):
            return 0, 0
        line = self.find(tape, "checkpoint", "--reverse", "-n", "1", "-o", "jsonl")
        return tuple(json.loads(line)["vars"][k] for k in ("next", "solves")) if line else (0, 0)

    def moment(self, tape, shares, compact):
        """One tape: killed at each of the shares of what is left, then left alone."""
        kills, at, left = 0, (0, 0), 1
        for i, share in enumerate(shares):
            done = at
            if self.kill(tape, share, left) if i else self.kill_first(tape, share):
                kills += 1
            else:
                self.missed += 1
            at = self.checkpoint(tape)
            if at < done:
                raise Failed("the newest checkpoint is %s, and was %s" % (at, done))
            self.nothing += at == (0, 0)
            left = 1 - at[0] / self.o.runs
        self.killed += kills
        self.tenths[min(9, at[0] * 10 // self.o.runs)] += 1
        if compact == 1:  # what was killed, before it goes on
            self.compact(tape)
        last = self.finish(self.start(tape))
        if last.whole != self.whole.whole:
            raise Failed("it comes to %s, not %s" % (last.whole, self.whole.whole))
        if (last.first, self.whole.solves - last.since) != at:
            raise Failed("it goes on at run %d and solves %d programs; the tape had %d runs, %d programs of %d" %
                         (last.first, last.since, *at, self.whole.solves))
        self.superseded(tape, kills)
        self.compare(tape, "raw")
        if compact:
            self.compact(tape)
            self.compare(tape, "compacted")
            self.superseded(tape, kills, False)

    def compact(self, tape):
        if os.path.exists(os.path.join(tape, "TAPE")):
            self.tool("tape-compact", "-q", tape)
            self.compacted += 1

    def superseded(self, tape, kills, first=True):
        """What was killed in a run is kept, not shown, and of each of them at most one run."""
        steps = self.find(tape, "iter", "--superseded", "--keys", "a.solves,b.solves", "-o", "csv")
        rows = [line.split(",")[-2:] for line in steps.splitlines()[1:]]
        more = len(rows) - self.o.runs * self.o.steps
        if not 0 <= more <= kills * self.o.steps:
            raise Failed("%d steps are superseded" % more)
        if self.count(tape, "", "--superseded") < self.scopes + more:
            raise Failed("superseded scopes are missing")
        again = sum(int(a) + int(b) for a, b in rows) - self.whole.solves
        if not 0 <= again <= kills * self.o.steps * 8:
            raise Failed("%d programs were solved twice" % again)
        if first:
            self.solved_again += again
            self.lost = max(self.lost, more)
            self.torn += more > 0

    # ---- campaigns ----

    def run(self, what, moments, sync=None):
        """moments: of each the shares of its time at which it is killed."""
        if not moments:
            return
        self.killed = self.missed = self.lost = self.torn = self.compacted = self.nothing = 0
        self.solved_again, self.tenths = 0, [0] * 10
        if sync != self.sync or not self.whole:
            self.sync = sync
            self.alone()
        for i, shares in enumerate(moments):
            tape = os.path.join(self.work, "run.tape")
            try:
                self.moment(tape, shares, i % self.o.compact_each + 1 if i % self.o.compact_each < 2 else 0)
            except Failed as failure:
                raise Failed("%s, moment %d of %d, killed at %s: %s" % (what, i + 1, len(moments), shares, failure))
            shutil.rmtree(tape)
        wanted = sum(map(len, moments))
        print("%s: sweeps of %d scopes and %d linear programs in %.3f s; %d moments, %d of %d kills in time\n"
              "  moments by tenths of the runs that were on the tape: %s; %d kills before a run was over\n"
              "  %d tapes with superseded steps, at most %d on one; %d of %d programs were solved twice\n"
              "  %d compactions; %d answers, all as of a sweep that nobody killed" %
              (what, self.whole.scopes, self.whole.solves, self.took, len(moments), self.killed, wanted,
               "/".join(map(str, self.tenths)), self.nothing, self.torn, self.lost, self.solved_again,
               len(moments) * self.whole.solves, self.compacted,
               (len(moments) + self.answered(len(moments))) * len(self.want)), flush=True)
        # Of a few, those that are killed again may well come too late; the first ones do not.
        if self.killed < len(moments) or (wanted >= 10 and self.killed * 10 < wanted * 8):
            raise Failed("%s: too few were killed in time" % what)

    def moments(self, count, again=False):
        """One in each of `count` equal parts of a sweep, and once or twice in what is left then."""
        return [[(i + self.rng.random()) / count, *[self.rng.random() for _ in range(again * (i % 2 + 1))]]
                for i in range(count)]

    def answered(self, moments):
        return sum(i % self.o.compact_each < 2 for i in range(moments))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--chemostat", required=True)
    parser.add_argument("--tools", required=True)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--again", type=int, default=2)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--sync", type=int, default=1)
    parser.add_argument("--compact-each", type=int, default=3, metavar="N",
                        help="of N tapes one is compacted before it goes on and at the end, one at the end")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TEST_SEED") or random.getrandbits(32)))
    options = parser.parse_args()
    print("seed %d" % options.seed, flush=True)
    options.chemostat, options.tools = map(os.path.abspath, (options.chemostat, options.tools))
    work = tempfile.mkdtemp(prefix="tape-sweep-kill-")
    driver = Driver(options, work)
    try:
        driver.run("killed once", driver.moments(options.kills))
        driver.run("killed again", driver.moments(options.again, True))
        driver.run("killed at the start", [[-1.5 * s for s in m] for m in driver.moments(options.start)])
        driver.run("killed with sync=commit", driver.moments(options.sync), "commit")
    except Failed as failure:
        print("FAILED: %s (the tapes are in %s)" % (failure, work))
        return 1
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
