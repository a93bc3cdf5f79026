#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random damage to random tapes: tape-find and the Python decoder show the same scopes,
and both report damage or neither does.

    random_damage.py --tape-find PROGRAM [--seed N] [--cases N]"""
import argparse, glob, os, random, shutil, struct, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, HERE)
import decoder, tape_writer, tapes


def damage(rng, data):
    """-> what was done, the file afterwards"""
    data, at = bytearray(data), rng.randrange(len(data))
    end = min(len(data), at + rng.randrange(1, 300))
    what = rng.choice(['flip', 'flip', 'cut', 'zero', 'twice', 'without', 'noise'])
    if what == 'flip':
        data[at] ^= 1 << rng.randrange(8)
    elif what == 'cut':
        del data[at:]
    elif what == 'zero':
        data[at:end] = bytes(end - at)
    elif what == 'twice':
        data[at:at] = data[at:end]
    elif what == 'without':
        del data[at:end]
    else:
        data[at:end] = rng.randbytes(end - at)
    return '%s %d..%d' % (what, at, end), bytes(data)


def unread(data, report):
    """A reader of scopes hops over frames that hold neither scopes nor forms nor notes."""
    if 'payload of a frame' not in report[3]:
        return False
    contents, scopes = struct.unpack_from('<H', data, report[2] + 10)[0], struct.unpack_from('<I', data, report[2] + 24)[0]
    return scopes == 0 and not contents & (
        tape_writer.CONTENT[decoder.FORM] | tape_writer.CONTENT[decoder.NOTE])


def case(rng, seed, find, directory):
    """0, or 1 after a difference was printed; and whether there was damage."""
    path = rng.choice(sorted(glob.glob(directory + '/sessions/*/*.log')))
    with open(path, 'rb') as f:
        whole = f.read()
    what, data = damage(rng, whole)
    with open(path, 'wb') as f:
        f.write(data)
    tape, flags = decoder.Tape(directory), rng.choice([[], ['--superseded'], ['--superseded']])
    want = ''.join(decoder.line(s) + '\n' for s in tape.scopes(all=True, superseded=bool(flags))).encode()
    reports = [r for r in tape.reports if r[0] == 'damage']
    told = [r for r in reports if not unread(data, r)]
    done = subprocess.run([find, directory, '--all', *flags, '-o', 'jsonl'], capture_output=True, check=False)
    with open(path, 'wb') as f:
        f.write(whole)
    # What is superseded is not read where it is not asked for.
    status = [3] if told and flags else [3, 0, 1] if reports else [0 if want else 1]
    if done.stdout == want and done.returncode in status:
        return 0, bool(told)
    print('DIFFERS: seed %d, %s in %s: exit %d, expected %s; %s\n  decoder: %s\n  %s' % (
        seed, what, os.path.relpath(path, directory), done.returncode, status,
        'the same scopes' if done.stdout == want else '%d scopes, expected %d' % (
            done.stdout.count(b'\n'), want.count(b'\n')),
        reports[:3], done.stderr.decode(errors='replace')), file=sys.stderr)
    return 1, bool(told)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--tape-find', required=True)
    p.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4), 'little'))
    p.add_argument('--cases', type=int, default=500)
    o = p.parse_args()
    print('seed %d' % o.seed, flush=True)
    done = wrong = damaged = 0
    while done < o.cases:
        seed = o.seed + done
        rng, directory = random.Random(seed), tempfile.mkdtemp(prefix='tape-damage-')
        tapes.write_raw(rng, directory)
        for _ in range(10):
            differs, met = case(rng, seed, o.tape_find, directory)
            wrong, damaged, done = wrong + differs, damaged + met, done + 1
        shutil.rmtree(directory)
    print('%d damaged files, %d with damage that must be told, %d differ' % (done, damaged, wrong))
    return wrong != 0 or damaged < done // 4


if __name__ == '__main__':
    sys.exit(main())
