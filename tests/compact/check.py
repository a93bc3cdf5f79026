#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
check.py: tape-check finds every flipped bit. In tapes with files of all kinds one bit is
flipped at a time: `tape-check --full` must exit with 3 and name that file, or, for TAPE,
refuse the tape; where it finds nothing, the answers must be what they were. Then files are
cut, removed and left over; and a tape that is recorded and compacted meanwhile is never
called damaged.

    check.py --tools DIRECTORY [--bits N] [--seed N] [--rounds N]

--bits: so many of each file; 0 = all of them.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import compacted

NEVER_NEEDED = ("manifest.jsonl", "compact.lock")  # copies for people; nothing hangs on them


class Check:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.random = random.Random(options.seed)
        self.checked = self.found = self.harmless = 0

    def tool(self, name):
        return os.path.join(self.options.tools, name)

    def check(self, tape, *more):
        done = subprocess.run([self.tool("tape-check"), tape, "--json", *more], capture_output=True)
        lines = [json.loads(x) for x in done.stdout.splitlines()]
        self.checked += 1
        return done.returncode, lines, done.stderr.decode()

    def clean(self, tape, *more):
        code, lines, talk = self.check(tape, *more)
        damage = [x for x in lines if x["kind"] == "damage"]
        if code != 0 or damage:
            raise compacted.Failed("%s %s: exit %d\n%s\n%s" % (tape, more, code, damage, talk))
        return lines

    def record(self, tape, start, **settings):
        rows = []
        for i in range(start, start + 120):
            row = {"i": i, "x": i / 8, "phase": "abc"[i % 3], "long": "z" * (i % 90)}
            if i % 10 == 0:
                row["field"] = [float(j + i % 3) for j in range(1000)]
            if i % 60 == 1:
                row["big"] = [float(j + i % 7) for j in range(9000)]
            rows.append(json.dumps(row))
        done = subprocess.run([self.tool("tape-record"), tape, "-l", "mc", "-q", "-"], env={**os.environ, **settings},
                              input="\n".join(rows).encode(), capture_output=True)
        if done.returncode != 0:
            raise compacted.Failed("tape-record: %s" % done.stderr.decode())

    def compact(self, tape, *more):
        done = subprocess.run([self.tool("tape-compact"), tape, "-q", *more], capture_output=True)
        if done.returncode not in (0, 4):
            raise compacted.Failed("tape-compact: exit %d: %s" % (done.returncode, done.stderr.decode()))
        return done.returncode

    def make(self):
        """Raw segments, blob segments, loose and embedded blobs; two generations and raw ones."""
        raw, packed = (os.path.join(self.work, x) for x in ("raw.tape", "packed.tape"))
        self.record(raw, 0)
        self.record(raw, 50, TAPE_BLOB_STORE="log")
        for start in (0, 60):
            self.record(packed, start)
            self.compact(packed)
        self.record(packed, 90)
        return raw, packed

    # ---- flipped bits ----

    def files(self, tape):
        for where, dirs, names in os.walk(tape):
            dirs.sort()
            for name in sorted(names):
                if name not in NEVER_NEEDED:
                    yield os.path.relpath(os.path.join(where, name), tape)

    def bits_of(self, path, limit):
        size = os.path.getsize(path) * 8
        if not limit or size <= limit:
            return range(size)
        # The first and the last bytes hold what the rest hangs on.
        edges = {self.random.randrange(min(size, 1024)) for _ in range(limit // 4)}
        edges |= {size - 1 - self.random.randrange(min(size, 1024)) for _ in range(limit // 4)}
        while len(edges) < limit:
            edges.add(self.random.randrange(size))
        return sorted(edges)

    def answers(self, tape):
        find = self.tool("tape-find")
        return [subprocess.run([find, tape, "--all", *more], capture_output=True)
                for more in (["-o", "jsonl"], ["_has=field", "--cat=field"], ["_has=big", "--cat=big"])]

    def same(self, tape, want):
        return all(a.returncode == b.returncode and a.stdout == b.stdout
                   for a, b in zip(self.answers(tape), want))

    def flip_one(self, tape, name, bit, want):
        path = os.path.join(tape, name)
        with open(path, "r+b") as file:
            file.seek(bit // 8)
            was = file.read(1)[0]
            file.seek(bit // 8)
            file.write(bytes([was ^ 1 << bit % 8]))
        try:
            code, lines, talk = self.check(tape, "--full")
            named = [x for x in lines if x["kind"] == "damage" and x["file"].startswith(name)]
            noted = [x for x in lines if x["kind"] in ("unreferenced", "leftover") and x["file"] == name]
            if code == 3 and (named or name == "TAPE"):
                self.found += 1
            elif name == "TAPE" and code in (2, 5) and talk:
                self.found += 1
            elif code == 0 and (noted or name == "TAPE" or self.same(tape, want)):
                self.harmless += 1
            else:
                raise compacted.Failed("%s, bit %d: exit %d, %s\n%s" % (path, bit, code, [
                    (x["kind"], x["file"], x.get("message")) for x in lines], talk))
            if any("message" not in x for x in lines if x["kind"] == "damage"):
                raise compacted.Failed("%s, bit %d: a finding without a cause: %s" % (path, bit, lines))
        finally:
            with open(path, "r+b") as file:
                file.seek(bit // 8)
                file.write(bytes([was]))

    def flips(self, tape):
        want = self.answers(tape)
        kinds = {}
        for name in self.files(tape):
            parts = name.split(os.sep)
            kind = parts[0] if parts[0] != "gen" else parts[-1].split("-")[0].replace("blobs", "blob packs")
            kind = parts[-1].split(".")[-1] if parts[0] == "sessions" else kind
            kinds.setdefault(kind, []).append(name)
        for kind, names in kinds.items():
            found, harmless = self.found, self.harmless
            for name in names:
                limit = self.options.bits and max(8, self.options.bits // len(names))
                for bit in self.bits_of(os.path.join(tape, name), limit):
                    self.flip_one(tape, name, bit, want)
            print("%s, %s: %d bits, %d found, %d harmless" % (
                os.path.basename(tape), kind, self.found - found + self.harmless - harmless,
                self.found - found, self.harmless - harmless))
            # What is harmless are reserved fields, and blobs that nobody refers to.
            if self.found == found:
                raise compacted.Failed("nothing was found in files of kind %s" % kind)

    # ---- files that are missing, cut, or in the way ----

    def lost_files(self, tape):
        twice = [x["file"] for x in self.clean(tape, "--full") if x["kind"] == "leftover"]
        for name in self.files(tape):
            copy = os.path.join(self.work, "lost.tape")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(tape, copy)
            path = os.path.join(copy, name)
            with open(path, "r+b") as file:
                file.truncate(os.path.getsize(path) // 2)
            code, lines, _ = self.check(copy, "--full")
            # Where its recorder was killed, what is cut is the tail of a write.
            noted = any(x["kind"] == "note" and x["file"] == name for x in lines)
            if not (code == 3 or name == "TAPE" and code == 5 or code == 0 and noted):
                raise compacted.Failed("%s cut in half: exit %d, %s" % (name, code, lines))
            if name.startswith("gen") or name.startswith("blobs"):
                os.remove(path)
                code, lines, _ = self.check(copy, "--full")
                if code != (0 if name in twice else 3):
                    raise compacted.Failed("%s removed: exit %d, %s" % (name, code, lines))

    def leftovers(self, tape):
        copy = os.path.join(self.work, "left.tape")
        shutil.copytree(tape, copy)
        before = self.clean(copy, "--full")
        left = ["gen/tmp-host-1-00000000/scopes.pack", "gen/99-00000000/MANIFEST", "live/tmp-1-00000000",
                "blobs/tmp/0123456789abcdef"]
        for name in left:
            os.makedirs(os.path.dirname(os.path.join(copy, name)), exist_ok=True)
            with open(os.path.join(copy, name), "wb") as file:
                file.write(b"x" * 1000)
        orphan = os.path.join(copy, "blobs/ab/" + "0" * 30)
        os.makedirs(os.path.dirname(orphan), exist_ok=True)
        with open(orphan, "wb") as file:
            file.write(b"nobody's")
        code, lines, _ = self.check(copy, "--full")
        if code != 3 or [x["file"] for x in lines if x["kind"] == "damage"] != [os.path.relpath(orphan, copy)]:
            raise compacted.Failed("a blob with a wrong name: exit %d, %s" % (code, lines))
        os.remove(orphan)
        lines = self.clean(copy, "--full")
        bytes_left = lines[-1]["leftover_bytes"] - before[-1]["leftover_bytes"]
        if bytes_left != 4000:
            raise compacted.Failed("%d bytes are left over, not 4000: %s" % (bytes_left, lines))

    # ---- while others work ----

    def meanwhile(self):
        """Recorders and compactors at work: nothing is ever called damaged."""
        tape = os.path.join(self.work, "live.tape")
        self.record(tape, 0)
        script = "i=0; while [ $i -lt %d ]; do i=$((i+1)); %s; done" % (
            self.options.rounds, "seq 1 3000 | sed 's/.*/{\"i\":&,\"x\":[&,2,3],\"t\":\"%s&\"}/' | %s %s -q -c 100 -l w -" % (
                "q" * 100, self.tool("tape-record"), tape))
        recorder = subprocess.Popen(["sh", "-c", script])
        compactor = subprocess.Popen(["sh", "-c", "while kill -0 %d 2>/dev/null; do %s %s -q; %s %s -q --full; done" % (
            recorder.pid, self.tool("tape-compact"), tape, self.tool("tape-compact"), tape)])
        rounds = 0
        try:
            while recorder.poll() is None:
                self.clean(tape, *(["--full"] if rounds % 2 else []))
                rounds += 1
        finally:
            recorder.wait()
            compactor.wait()
        self.compact(tape)
        lines = self.clean(tape, "--full")
        want = 120 + 3000 * self.options.rounds
        if lines[-1]["scopes"] != want:
            raise compacted.Failed("%d scopes, not %d" % (lines[-1]["scopes"], want))
        print("checked %d times while the tape was recorded and compacted" % rounds)

    def main(self):
        raw, packed = self.make()
        for tape in (raw, packed):
            self.clean(tape)
            self.clean(tape, "--full")
            self.flips(tape)
            self.clean(tape, "--full")
            self.lost_files(tape)
        self.leftovers(packed)
        self.meanwhile()
        print("%d checks, %d flipped bits found, %d harmless" % (self.checked, self.found, self.harmless))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", required=True)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TEST_SEED") or random.randrange(1 << 31)))
    options = parser.parse_args()
    print("seed %d" % options.seed)
    work = tempfile.mkdtemp(prefix="tape-check-")
    try:
        Check(options, work).main()
    except compacted.Failed as failure:
        print("FAILED (seed %d): %s" % (options.seed, failure), file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
