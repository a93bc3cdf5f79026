#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
small_disk.py: tape-compact on file systems that have little room left, in bytes or in
inodes, and under a file size limit, of seeded random sizes. The answers stay what they
were; when there is room the next run finishes the job, and nothing is left over.
"""
import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile

import compacted


class SmallDisk:
    def __init__(self, tapes, work):
        self.tapes, self.disk = tapes, os.path.join(work, "disk")
        self.refused = 0
        os.mkdir(self.disk)

    def mount(self, *more):
        return subprocess.run(["mount", "-t", "tmpfs", *more, "none", self.disk],
                              capture_output=True).returncode == 0

    def compact(self, tape, limit, more):
        def lower():
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run([self.tapes.tool("tape-compact"), tape, *more], capture_output=True,
                              preexec_fn=lower)
        if done.returncode < 0:
            raise compacted.Failed("signal %d" % -done.returncode)
        if done.returncode not in (0, 2) or (done.returncode and not done.stderr):
            raise compacted.Failed("exit %d: %s" % (done.returncode, done.stderr.decode()))
        self.refused += done.returncode != 0

    def one(self, what, settings, limit, more):
        if not self.mount("-o", settings):
            compacted.skip("a small tmpfs cannot be mounted here")
        tape = os.path.join(self.disk, "run.tape")
        try:
            shutil.copytree(self.tapes.tape, tape)
            self.compact(tape, limit, more)
            self.tapes.same(tape)
            if not self.mount("-o", "remount,size=1g,nr_inodes=100000"):
                raise compacted.Failed("the disk cannot be made larger")
            self.tapes.finish(tape, *more)
        except compacted.Failed as failure:
            raise compacted.Failed("%s, %s, file size limit %d: %s" % (what, settings, limit, failure))
        finally:
            subprocess.run(["umount", "-l", self.disk], check=True)

    def state(self, what, tape, more, draw, sizes):
        files = [os.path.join(d, n) for d, _, names in os.walk(tape) for n in names]
        pages = sum(-(-os.path.getsize(f) // 4096) * 4096 for f in files)
        nodes = sum(1 + len(names) for _, _, names in os.walk(tape)) + 2
        for _ in range(sizes):
            self.one(what, "size=%d" % (pages + draw.randrange(4096, 120000)), 0, more)
        for _ in range(max(1, sizes // 4)):
            self.one(what, "size=1g,nr_inodes=%d" % (nodes + draw.randrange(0, 9)), 0, more)
            self.one(what, "size=1g", draw.randrange(60, 20000), more)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", required=True)
    parser.add_argument("--scopes", type=int, default=600)
    parser.add_argument("--sizes", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        compacted.skip("only root may mount a small tmpfs")
    print("seed %d" % options.seed, flush=True)
    draw = random.Random(options.seed)
    work = tempfile.mkdtemp(prefix="tape-small-")
    tapes = compacted.Tapes(os.path.abspath(options.tools), work, options.scopes)
    test = SmallDisk(tapes, work)
    try:
        for name, tape, more in tapes.states():
            tapes.use(tape)
            test.state(name, tape, more, draw, options.sizes)
    except compacted.Failed as failure:
        print("FAILED: %s" % failure)
        return 1
    shutil.rmtree(work)
    print("%d runs did not fit, and said so" % test.refused)
    return 0 if test.refused else 1


if __name__ == "__main__":
    sys.exit(main())
