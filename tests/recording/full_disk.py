#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
full_disk.py: tape-record on file systems that are too small, in bytes or in
inodes, and under a file size limit, of seeded random sizes. What was acknowledged
is found; an exit of 0 means that every line was recorded.
"""
import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import acked


def run(options, work, disk, limit):
    tape = os.path.join(disk, "run.tape")
    ack = os.path.join(work, "ack")

    def lower():
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with open(ack, "w") as out:
        # The limit holds for the tape, not for the file of acknowledgements: a pipe.
        child = subprocess.Popen(
            [options.tape_record, tape, os.path.join(work, "lines"), "--label", "run", "--ack",
             "--commit", "20", "--blob-dir", os.path.join(work, "blobs")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lower, text=True)
        try:
            said, talk = child.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            child.kill()
            raise acked.Failed("it hangs")
        out.write(said)
    checker = acked.Checker(options.tape_find)
    scopes = checker.find(tape, "i >= 0") if os.path.isdir(tape) else []
    checker.check_sparse(scopes, acked.acked(ack), options.lines)
    if child.returncode < 0:
        raise acked.Failed("signal %d: %s" % (-child.returncode, talk))
    if child.returncode == 0 and len(scopes) != options.lines:
        raise acked.Failed("exit 0, and %d of %d lines are there" % (len(scopes), options.lines))
    if child.returncode != 0 and not talk:
        raise acked.Failed("exit %d without a word" % child.returncode)
    return child.returncode != 0


def on_disk(options, work, settings, limit=0):
    disk = os.path.join(work, "disk")
    os.makedirs(disk, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", settings, "none", disk],
                      capture_output=True).returncode:
        acked.skip("a small tmpfs cannot be mounted here")
    try:
        return run(options, work, disk, limit)
    except acked.Failed as failure:
        raise acked.Failed("%s, file size limit %d: %s" % (settings, limit, failure))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tape-record", required=True)
    parser.add_argument("--tape-find", required=True)
    parser.add_argument("--sizes", type=int, default=12)
    parser.add_argument("--lines", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = acked.absolute(parser.parse_args())
    if os.geteuid() != 0:
        acked.skip("only root may mount a small tmpfs")
    work = tempfile.mkdtemp(prefix="tape-full-")
    acked.write_blobs(os.path.join(work, "blobs"))
    acked.write_lines(os.path.join(work, "lines"), 0, options.lines, os.path.join(work, "blobs"))
    draw = random.Random(options.seed)
    refused = 0
    print("seed %d" % options.seed)
    try:
        refused += on_disk(options, work, "size=1m")
        for _ in range(options.sizes):
            refused += on_disk(options, work, "size=%d" % draw.randrange(1, 1500 * 1024))
        for _ in range(options.sizes // 4):
            refused += on_disk(options, work, "size=64m,nr_inodes=%d" % draw.randrange(2, 16))
            refused += on_disk(options, work, "size=64m", draw.randrange(100, 400000))
    except acked.Failed as failure:
        print("FAILED: %s" % failure)
        return 1
    shutil.rmtree(work)
    print("%d runs did not fit, and said so" % refused)
    return 0 if refused else 1


if __name__ == "__main__":
    sys.exit(main())
