#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
together.py: recorders, compactors and searches on one tape at once. Each recorder
makes sessions, one after the other, of numbered scopes. A search finds every scope
that was acknowledged before it started, each once, in order, with its values, and
meets no damage; a compactor works or says that another does.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import compacted


class Together:
    def __init__(self, options, work):
        self.options, self.tape = options, os.path.join(work, "run.tape")
        self.tapes = compacted.Tapes(os.path.abspath(options.tools), work, 0)
        self.lock = threading.Lock()
        self.acked = {}  # position -> (recorder, number)
        self.wrong = []
        self.busy = self.compactions = self.searches = 0
        self.recording = options.recorders
        self.until = time.monotonic() + options.seconds

    def fail(self, why):
        with self.lock:
            self.wrong.append(why)

    def session(self, recorder, number, scopes):
        child = subprocess.Popen(
            [self.tapes.tool("tape-record"), self.tape, "-l", "r%d" % recorder, "--ack", "-q",
             "-c", "20", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def feed():
            for i in range(number, number + scopes):
                row = {"r": recorder, "n": i, "x": i * 0.5, "t": "text %d" % (i % 5)}
                if i % 30 == 0:
                    row["b"] = [float(i % 60 + k) for k in range(1000)]
                child.stdin.write(json.dumps(row) + "\n")
            child.stdin.close()

        feeder = threading.Thread(target=feed)
        feeder.start()
        for i, line in enumerate(child.stdout):
            with self.lock:
                self.acked[line.strip()] = (recorder, number + i)
        feeder.join()
        if child.wait() != 0:
            self.fail("tape-record: exit %d" % child.returncode)

    def record(self, recorder):
        draw, number, made = random.Random(self.options.seed + recorder), 0, 0
        while made < self.options.sessions or time.monotonic() < self.until:
            scopes = draw.randrange(1, self.options.scopes)
            self.session(recorder, number, scopes)
            number, made = number + scopes, made + 1
        with self.lock:
            self.recording -= 1

    def compact(self, which):
        draw = random.Random(self.options.seed + 1000 + which)
        while self.recording and not self.wrong:
            more = ["--full"] if draw.random() < 0.2 else []
            done = self.tapes.compact(self.tape, "-j%d" % (1 + which % 2), *more, check=False) \
                if os.path.exists(os.path.join(self.tape, "TAPE")) else None
            if done is None:
                continue
            with self.lock:
                self.compactions += done.returncode == 0
                self.busy += done.returncode == 4
            if done.returncode not in (0, 4):
                self.fail("tape-compact: exit %d: %s" % (done.returncode, done.stderr.decode()))

    def search(self, last=False):
        with self.lock:
            before = dict(self.acked)
        if not before:
            return
        done = subprocess.run([self.tapes.tool("tape-find"), self.tape, "-o", "jsonl"],
                              capture_output=True)
        if done.returncode not in (0, 1) or done.stderr:
            return self.fail("tape-find: exit %d: %s" % (done.returncode, done.stderr.decode()[:400]))
        seen, at = {}, ""
        for line in done.stdout.splitlines():
            scope = json.loads(line)
            pos, v = scope["pos"], scope["vars"]
            session, seq = pos.split(":")
            if (session, int(seq)) <= (at or ("", 0)):
                return self.fail("%s is there twice, or out of order" % pos)
            at = (session, int(seq))
            if v["x"] != v["n"] * 0.5 or v["t"] != "text %d" % (v["n"] % 5):
                return self.fail("%s has wrong values" % pos)
            seen[pos] = (v["r"], v["n"])
        for pos, what in before.items():
            if seen.get(pos) != what:
                return self.fail("%s was acknowledged as %s and is %s" % (pos, what, seen.get(pos)))
        if last and len(seen) != len(before):
            self.fail("%d scopes for %d" % (len(seen), len(before)))
        with self.lock:
            self.searches += 1

    def searching(self):
        while self.recording and not self.wrong:
            self.search()

    def inventory(self):
        """tape-info meanwhile: it must not call anything damaged."""
        while self.recording and not self.wrong:
            if not os.path.exists(os.path.join(self.tape, "TAPE")):
                continue
            done = subprocess.run([self.tapes.tool("tape-info"), self.tape, "--json"], capture_output=True)
            if done.returncode != 0:
                self.fail("tape-info: exit %d: %s" % (done.returncode, done.stderr.decode()[:400]))

    def run(self):
        threads = [threading.Thread(target=self.record, args=(i,)) for i in range(self.options.recorders)]
        threads += [threading.Thread(target=self.compact, args=(i,)) for i in range(self.options.compactors)]
        threads += [threading.Thread(target=self.searching) for _ in range(self.options.finders)]
        threads.append(threading.Thread(target=self.inventory))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self.wrong:
            self.search(last=True)
            self.tapes.compact(self.tape)
            self.search(last=True)
            left = self.tapes.left_over(self.tape)
            if left:
                self.fail("left over: %s" % left[:4])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", required=True)
    parser.add_argument("--recorders", type=int, default=3)
    parser.add_argument("--compactors", type=int, default=2)
    parser.add_argument("--finders", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=6, help="of each recorder, at least")
    parser.add_argument("--scopes", type=int, default=800, help="of a session, at most")
    parser.add_argument("--seconds", type=int, default=0, help="go on for so long")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options = parser.parse_args()
    print("seed %d" % options.seed, flush=True)
    work = tempfile.mkdtemp(prefix="tape-together-")
    test = Together(options, work)
    try:
        test.run()
    except compacted.Failed as failure:
        test.wrong.append(str(failure))
    print("%d scopes, %d compactions, %d told that another works, %d searches" % (
        len(test.acked), test.compactions, test.busy, test.searches))
    for why in test.wrong[:5]:
        print("FAILED: %s (files are in %s)" % (why, work))
    if not test.wrong:
        shutil.rmtree(work)
    return 1 if test.wrong or not test.searches or not test.compactions else 0


if __name__ == "__main__":
    sys.exit(main())
