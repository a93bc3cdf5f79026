# SPDX-License-Identifier: Apache-2.0
"""The scopes of a tape in a database with an index for each question, the
questions, and the same scopes as JSON lines of labels, time and variables.

    tape-find TAPE -o jsonl | packed_sqlite.py DIR

makes DIR/scopes.db, DIR/scopes.jsonl and DIR/questions (shell variables). The
tape has one session: the id of a row is the seq of its scope, and all that it
takes to know its position.
"""
import calendar
import json
import sqlite3
import sys
import time

NAMES = ["step", "iter", "T", "p", "rho", "u", "E", "phase"]
DECLARED = ("step INTEGER, iter INTEGER, T REAL, p REAL, rho REAL, u REAL, E REAL, "
            "phase TEXT")
ROW = "INSERT INTO scopes VALUES (" + ",".join("?" * (4 + len(NAMES))) + ")"


def nanoseconds(text):
    seconds = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    return seconds * 10**9 + int(text[20:].rstrip("Z") or 0)


def spelled(ns):
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))
    return f"{text}.{ns % 10**9:09d}Z"


def rows(source, slim):
    for line in source:
        scope = json.loads(line)
        said = scope["vars"]
        # As the tape has them: numbers are kept as they are spelled.
        begin, end = line.index('"time":'), line.index(',"file":')
        slim.write("{" + line[begin:end] + "," + line[line.index('"vars":'):])
        yield (int(scope["pos"].rsplit(":", 1)[1]), nanoseconds(scope["time"]),
               scope["labels"][0], bytes.fromhex(scope["hash"]),
               *(said.get(name) for name in NAMES))


def load(db, source, slim):
    db.execute("CREATE TABLE scopes (id INTEGER PRIMARY KEY, time INTEGER, "
               f"label TEXT, hash BLOB, {DECLARED})")
    db.executemany(ROW, rows(source, slim))
    for column in ["time", "label", "hash", "rho"]:
        db.execute(f"CREATE INDEX by_{column} ON scopes ({column})")
    db.execute("CREATE INDEX by_iter_u ON scopes (iter, u)")
    db.commit()
    db.execute("ANALYZE")
    db.commit()


def middle(db, column, where, count):
    """From and to of so many rows in the middle of those in order of the column."""
    found = db.execute(f"SELECT {column} FROM scopes WHERE {where} ORDER BY {column}")
    values = [value for value, in found]
    first = max(0, len(values) // 2 - count // 2)
    return values[first], values[min(len(values), first + count) - 1]


def main():
    where = sys.argv[1]
    db = sqlite3.connect(f"{where}/scopes.db")
    db.execute("PRAGMA journal_mode=OFF")
    db.execute("PRAGMA synchronous=OFF")
    with open(f"{where}/scopes.jsonl", "w", encoding="utf-8") as slim:
        load(db, sys.stdin, slim)
    total, = db.execute("SELECT count(*) FROM scopes").fetchone()
    said = dict(zip(["rho_from", "rho_to"],
                    middle(db, "rho", "rho IS NOT NULL", max(1, total // 1000))))
    said |= dict(zip(["u_from", "u_to"],
                     middle(db, "u", "iter = 7 AND u IS NOT NULL", 100)))
    span = middle(db, "time", "true", 1000)
    said |= dict(zip(["ns_from", "ns_to"], span))
    said |= dict(zip(["time_from", "time_to"], map(spelled, span)))
    said["id"], hash_bytes, at = db.execute(
        "SELECT id, hash, time FROM scopes WHERE id >= ? LIMIT 1",
        (max(1, total * 2 // 3),)).fetchone()
    said["time"] = spelled(at)
    said["hash"] = hash_bytes.hex()
    said["hash_once"] = db.execute(
        "SELECT hash FROM scopes s WHERE id >= ? AND"
        " (SELECT count(*) FROM scopes WHERE hash = s.hash) = 1 LIMIT 1",
        (said["id"],)).fetchone()[0].hex()
    with open(f"{where}/questions", "w", encoding="utf-8") as out:
        for name, value in said.items():
            out.write(f"{name}={value}\n")
    db.close()


main()
