# SPDX-License-Identifier: Apache-2.0
"""Runs of tape-record --ack, and what must be true of their tape afterwards."""
import json
import os
import random
import re
import subprocess
import sys
import tempfile

# Numbered lines with a value, a text that repeats, now and then an array or a blob.
def write_lines(path, run, count, blob_dir=None):
    with open(path, "w") as out:
        for i in range(count):
            line = {"run": run, "i": i, "x": i * 0.5, "phase": "p%d" % (i % 3)}
            if i % 50 == 7:
                line["a"] = [run + i + 0.25 * k for k in range(700)]
            if blob_dir and i % 20 == 3:
                line["b"] = {"@blob": "b%d" % (i % 3), "dtype": "u1", "shape": [BLOB_SIZES[i % 3]]}
            out.write(json.dumps(line) + "\n")


BLOB_SIZES = [700, 9000, 150000]


def write_blobs(path):
    os.makedirs(path, exist_ok=True)
    for i, size in enumerate(BLOB_SIZES):
        with open(os.path.join(path, "b%d" % i), "wb") as out:
            out.write(bytes((k * 7 + i) % 251 for k in range(size)))


def acked(path):
    """The positions in an --ack file; a line that was cut off does not count."""
    with open(path, errors="replace") as text:
        return [line.rstrip("\n") for line in text if line.endswith("\n")]


class Failed(Exception):
    pass


class Checker:
    def __init__(self, tape_find):
        self.tape_find = tape_find

    def find(self, tape, *query):
        """The scopes that a query finds. Damage, a signal, a hang are failures."""
        try:
            done = subprocess.run([self.tape_find, tape, *query, "-o", "jsonl"],
                                  capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            raise Failed("tape-find hangs")
        if done.returncode == 5 and not done.stdout:
            return []
        if done.returncode not in (0, 1):
            raise Failed("tape-find: exit %d: %s" % (done.returncode, done.stderr.strip()))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def lines(self, tape, *query, last=None):
        """The same, line by line and as bytes; `last` comes behind them all."""
        with tempfile.TemporaryFile() as errors, subprocess.Popen(
                [self.tape_find, tape, *query, "-o", "jsonl"], stdout=subprocess.PIPE,
                stderr=errors) as child:
            yield from child.stdout
            status = child.wait()
            errors.seek(0)
            if status not in (0, 1, 5):
                raise Failed("tape-find: exit %d: %s" % (status, errors.read()[-500:]))
        if last is not None:
            yield last

    def check(self, scopes, positions, lines, blobs=False):
        """`scopes` are a prefix of what was sent, and hold every acknowledged one, once."""
        where = {}
        for number, scope in enumerate(scopes):
            if scope["pos"] in where:
                raise Failed("%s is there twice" % scope["pos"])
            where[scope["pos"]] = scope
            if scope["vars"]["i"] != number:
                raise Failed("%s: line %d was expected, %d is there" %
                             (scope["pos"], number, scope["vars"]["i"]))
            if scope["vars"]["x"] != number * 0.5:
                raise Failed("%s: a wrong value" % scope["pos"])
        if len(scopes) > lines:
            raise Failed("more scopes than lines")
        if len(set(positions)) != len(positions):
            raise Failed("a position was acknowledged twice")
        for number, pos in enumerate(positions):
            if pos not in where:
                raise Failed("%s was acknowledged and is not there" % pos)
            if where[pos]["vars"]["i"] != number:
                raise Failed("%s is another line than the one acknowledged" % pos)

    def check_sparse(self, scopes, positions, lines):
        """As check, where lines may be missing that were not acknowledged."""
        where = {}
        last = -1
        for scope in scopes:
            number = scope["vars"]["i"]
            if scope["pos"] in where or number <= last or number >= lines:
                raise Failed("%s: line %d after line %d" % (scope["pos"], number, last))
            if scope["vars"]["x"] != number * 0.5:
                raise Failed("%s: a wrong value" % scope["pos"])
            last = number
            where[scope["pos"]] = scope
        for pos in positions:
            if pos not in where:
                raise Failed("%s was acknowledged and is not there" % pos)


def check_answer(done, out, expected, whole_lines=True, mute=False):
    """`done` is a search or an inventory in trouble: the right answer, or it says what is wrong."""
    if done.returncode < 0:
        raise Failed("signal %d" % -done.returncode)
    if done.returncode == 0:
        if out != expected:
            raise Failed("exit 0 and another answer")
        return
    # 127: the loader found no memory, or not its libraries.
    if done.returncode not in (2, 3, 5, 127):
        raise Failed("exit %d" % done.returncode)
    if not done.stderr and not mute:
        raise Failed("exit %d without a word" % done.returncode)
    if whole_lines:
        rest = iter(expected.splitlines())
        where = [line.split(",")[0] for line in expected.splitlines()]
        timeless = {re.sub('"time":"[^"]*"', '"time":null', line) for line in expected.splitlines()}
        for line in out.splitlines(keepends=True):
            # The last line may be cut off: its exit says so.
            if '{"absent":"lost"}' in line and line.split(",")[0] in where:
                continue  # a scope whose values cannot be read is shown without them
            if '"time":null' in line and line.rstrip("\n") in timeless:
                continue  # or without its time
            if line.endswith("\n") and line.rstrip("\n") not in rest:
                raise Failed("exit %d, and shows what is not on the tape: %s" %
                             (done.returncode, line))


def by_chance(step):
    """Where sweeps with this step begin: $TEST_SEED, which is printed if anything hangs on it."""
    seed = int(os.environ.get("TEST_SEED") or random.randrange(1 << 31))
    if step > 1:
        print("TEST_SEED=%d" % seed, flush=True)
    return random.Random(seed)


def absolute(options):
    """Programs by their whole path: the runs have a directory of their own."""
    for name in ("tape_record", "tape_find", "tape_info", "tape_compact", "preload"):
        if getattr(options, name, None):
            setattr(options, name, os.path.abspath(getattr(options, name)))
    return options


def skip(why):
    print("skipped: " + why)
    sys.exit(77)
