# SPDX-License-Identifier: Apache-2.0
"""Tapes on which tape-compact is interrupted, and what must be true of them afterwards."""
import hashlib
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "recording"))
from acked import Failed, skip  # noqa: E402,F401


def digest(command):
    """Exit, hash and size of what a command prints, and what it says. Of any length."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        found, size = hashlib.sha256(), 0
        while chunk := child.stdout.read(1 << 20):
            found.update(chunk)
            size += len(chunk)
        talk = child.stderr.read().decode(errors="replace")
        return child.wait(), found.hexdigest(), size, talk


class Tapes:
    """Tapes of `scopes` scopes below `work`: what they answer, and copies to work on."""

    def __init__(self, tools, work, scopes):
        self.tools, self.work, self.scopes = tools, work, scopes
        self.tape = self.want = None

    def tool(self, name):
        return os.path.join(self.tools, name)

    # Small and large blobs, repeats of both within a session and across, text by its hash.
    def record(self, tape, start, scopes):
        with subprocess.Popen([self.tool("tape-record"), tape, "-l", "mc", "-q", "-"],
                              stdin=subprocess.PIPE) as child:
            for i in range(start, start + scopes):
                field = ""
                if i % 20 == 0:
                    count = 1000 if i % 40 else 12000
                    field = ',"field":%s' % [float(j + i % 7) for j in range(count)]
                elif i % 20 == 1:
                    field = ',"text":"%s"' % ("%d " % (i % 3) * 50)
                row = '{"i":%d,"x":%r,"phase":"%s","long":"%s"%s}\n' % (
                    i, (i * 7919 % 1000) / 8, "abc"[i % 3], "z" * (i % 90), field)
                child.stdin.write(row.encode())
            child.stdin.close()
            if child.wait() != 0:
                raise Failed("tape-record: exit %d" % child.returncode)

    def compact(self, tape, *more, check=True):
        done = subprocess.run([self.tool("tape-compact"), tape, *more], capture_output=True)
        if check and done.returncode != 0:
            raise Failed("tape-compact: exit %d: %s" % (done.returncode, done.stderr.decode()))
        return done

    def answers(self, tape):
        """All scopes, and the bytes of one blob of each kind of place."""
        find = self.tool("tape-find")
        return (digest([find, tape, "--all", "-o", "jsonl"]),
                digest([find, tape, "_has=field", "field.len=..1000", "--last", "--cat=field"]),
                digest([find, tape, "_has=field", "field.len=12000", "--last", "--cat=field"]))

    def use(self, tape):
        """From here on copies are made of this tape."""
        self.tape, self.want = tape, self.answers(tape)
        if any(code != 0 or size == 0 for code, _, size, _ in self.want):
            raise Failed("%s does not try anything: %s" % (tape, self.want))

    def copy(self, name="copy"):
        """A copy to be compacted: nobody writes into a file that is there, but for the lock."""
        to = os.path.join(self.work, name)
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.tape, to, copy_function=os.link,
                        ignore=lambda _, names: [n for n in names if n == "compact.lock"])
        return to

    def same(self, tape):
        for got, want in zip(self.answers(tape), self.want):
            if got[:3] != want[:3]:
                raise Failed("other answers: exit %d, %d bytes for %d: %s" %
                             (got[0], got[2], want[2], got[3][:400]))

    def finish(self, tape, *more, said=""):
        """The next run finishes what an interrupted one began. What that one said stays may stay."""
        done = self.compact(tape, *more, check=False)
        if done.returncode != 0:
            raise Failed("the next run: exit %d: %s" %
                         (done.returncode, done.stderr.decode()[:400]))
        try:
            self.same(tape)
        except Failed as failure:
            raise Failed("after the next run: %s" % failure)
        left = [path for path in self.left_over(tape) if path + ": stays, " not in said]
        if left:
            raise Failed("left over: %s" % left[:4])

    @staticmethod
    def left_over(tape):
        """Files that are not of the tape once everything of it is compacted."""
        live = sorted(os.listdir(os.path.join(tape, "live")), key=lambda n: (len(n), n))
        left = ["live/" + name for name in live[:-1]]
        with open(os.path.join(tape, "live", live[-1])) as text:
            listed = text.read()
        for name in os.listdir(os.path.join(tape, "gen")):
            if '"generation":"%s"' % name not in listed:
                left.append("gen/" + name)
        for below in ("sessions", "blobs"):
            for path, _, names in os.walk(os.path.join(tape, below)):
                left += [os.path.join(os.path.relpath(path, tape), name) for name in names]
        return left

    def states(self):
        """Name, tape and options: the first compaction, one with something new, a merge."""
        first, second, third = (os.path.join(self.work, n) for n in ("first", "second", "third"))
        self.record(first, 0, self.scopes)
        self.record(first, self.scopes // 2, self.scopes // 4)
        yield "first", first, []
        shutil.copytree(first, second)
        self.compact(second)
        self.record(second, self.scopes, self.scopes // 2)
        yield "incremental", second, []
        shutil.copytree(second, third)
        self.compact(third)
        yield "merge", third, ["--full"]
