#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Python decoder, tried on tapes that tape_writer.py makes byte by byte."""
import os, shutil, struct, subprocess, sys, tempfile, unittest

import decoder, tape_writer as w
from decoder import BOOKMARK, LINK, PROJECTION, SCOPE

HERE = os.path.dirname(os.path.abspath(__file__))
KILLED = (('host', __import__('socket').gethostname()), ('boot_id', 'another boot'))
I64, F64, STR, ARRAY = 3, 5, 16, 18


def var(name, tag, store=0):
    return (name, tag, store, '', [])


def scope(n, form=1):
    return w.timed(SCOPE, form, struct.pack('<q', n))


FORM_N = w.form(1, ['run', 'iter'], [var('n', I64)])


class DecoderTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='tape-decoder-')
        self.addCleanup(shutil.rmtree, self.dir)

    def session(self, n, *goes_on, number=0, seq=1):
        """The n-th of a row of sessions, which goes on from (k, seq) of others; scopes n0, n1, n2."""
        def place(k):
            return w.SESSION_ID[0] + k * 10**6, w.SESSION_ID[1]
        name = '20261122T1011%02d.123456Z-0a1b2c3d' % (12 + n)
        t = w.Writer(number, seq, (), name, place(n), [(*place(k), upto) for k, upto in goes_on])
        t.group(FORM_N, *[scope(10 * n + i) for i in range(seq - 1, seq + 2)])
        t.end(0 if number else 1)
        return t

    def numbers(self, *writers, superseded=False):
        return [v['n'] for v in self.read(*writers, superseded=superseded)]

    def read(self, *writers, all=False, superseded=False):
        for writer in writers:
            writer.save(self.dir)
        tape = decoder.Tape(self.dir)
        self.scopes = list(tape.scopes(all, superseded))
        self.lines = [decoder.line(s) for s in self.scopes]
        self.damage = [r for r in tape.reports if r[0] == 'damage']
        self.notes = [r for r in tape.reports if r[0] == 'note']
        return [s['vars'] for s in self.scopes]

    def seqs(self):
        return [s['seq'] for s in self.scopes]

    def test_a_scope_is_one_line_with_its_keys_in_order(self):
        t = w.Writer()
        t.group(FORM_N, scope(5))
        t.end()
        self.read(t)
        self.assertEqual(self.lines, [
            '{"pos":"20261122T101112.123456Z-0a1b2c3d:1","time":"2026-11-22T10:11:12.123456789Z",'
            '"labels":["run","iter"],"file":"a.c","line":7,"func":"main","hash":"%s","vars":{"n":5}}'
            % self.scopes[0]['hash']])
        self.assertEqual(self.damage + self.notes, [])

    def test_mixed_widths_are_printed_in_name_order(self):
        t = w.Writer()
        t.group(w.form(1, ['a'], [var('a', STR), var('b', I64)]),
                w.timed(SCOPE, 1, struct.pack('<qQ', 7, 2) + b'hi'))
        self.read(t)
        self.assertIn('"vars":{"a":"hi","b":7}', self.lines[0])

    def test_a_link_shows_the_values_of_its_target_at_its_own_time(self):
        t = w.Writer()
        t.group(FORM_N, scope(5), w.timed(LINK, 1, struct.pack('<Q', 1), delta=11))
        self.assertEqual(self.read(t), [{'n': 5}] * 2)
        self.assertIn('12.123456800Z', self.lines[1])
        self.assertTrue(self.lines[1].endswith(',"link":"%s:1"}' % w.SESSION))
        self.assertEqual(self.scopes[0]['hash'], self.scopes[1]['hash'])

    def test_a_projection_has_a_part_of_a_later_scope_and_the_hash_of_that_part(self):
        long = b'x' * 65
        body = struct.pack('<qQ', 5, 65) + bytes.fromhex(decoder.hash128(long)) + long
        t = w.Writer()
        t.group(w.form(1, ['a'], [var('n', I64), var('s', STR)]), w.form(2, ['a'], [var('s', STR)]),
                w.timed(PROJECTION, 2, struct.pack('<Q', 2)), w.timed(SCOPE, 1, body),
                w.timed(SCOPE, 2, body[8:]))
        self.assertEqual(self.read(t)[0], {'s': long.decode()})
        self.assertEqual(self.scopes[0]['hash'], self.scopes[2]['hash'])
        self.assertEqual(self.damage, [])

    def test_a_missing_target_is_lost_and_damage_in_a_closed_session(self):
        t = w.Writer()
        t.group(FORM_N, w.timed(LINK, 1, struct.pack('<Q', 9)))
        t.end()
        self.assertEqual(self.read(t), [{'n': 'lost'}])
        self.assertIn('"vars":{"n":{"absent":"lost"}},"link":', self.lines[0])
        self.assertEqual(len(self.damage), 1)

    def test_a_missing_target_is_a_note_beyond_the_last_mark_of_a_killed_session(self):
        t = w.Writer(notes=KILLED)
        t.group(FORM_N, w.timed(decoder.PROJECTION, 1, struct.pack('<Q', 9)))
        self.assertEqual(self.read(t), [{'n': 'lost'}])
        self.assertEqual(self.damage, [])
        self.assertEqual(len(self.notes), 2)

    def test_a_link_to_what_comes_later_is_damage_and_shown_as_lost(self):
        t = w.Writer(notes=KILLED)
        t.group(FORM_N, w.timed(LINK, 1, struct.pack('<Q', 9)))
        self.assertEqual(self.read(t), [{'n': 'lost'}])
        self.assertEqual(len(self.damage), 1)

    def test_a_missing_target_is_damage_below_the_last_mark_of_a_killed_session(self):
        t = w.Writer(notes=KILLED)
        t.group(FORM_N, w.timed(LINK, 1, struct.pack('<Q', 9)))
        t.group(w.record(decoder.MARK, struct.pack('<IIQ', 0, 0, len(t.data))))
        self.read(t)
        self.assertEqual(len(self.damage), 1)

    def test_library_scopes_are_hidden_unless_all_are_asked_for(self):
        t = w.Writer()
        t.group(w.form(1, ['a', '_bookmark'], [var('name', STR)]),
                w.timed(BOOKMARK, 1, struct.pack('<Q', 3) + b'end'))
        self.assertEqual(self.read(t), [])
        self.assertEqual(self.read(all=True), [{'name': 'end'}])

    def test_every_truncation_shows_a_prefix_and_is_no_damage(self):
        t = w.Writer(notes=KILLED)
        t.group(FORM_N, scope(1), scope(2))
        t.group(scope(3))
        whole = t.data
        for n in range(len(whole) + 1):
            t.data = whole[:n]
            shown = [v['n'] for v in self.read(t)]
            self.assertIn(shown, ([], [1, 2], [1, 2, 3]), n)
            self.assertEqual(self.damage, [], n)
        self.assertEqual(shown, [1, 2, 3])

    def test_every_flipped_byte_is_reported_or_changes_no_value(self):
        t = w.Writer()
        t.group(FORM_N, scope(1), scope(2))
        t.group(scope(3))
        t.end()
        whole = t.data
        for n in range(len(whole)):
            t.data = whole[:n] + bytes([whole[n] ^ 0x10]) + whole[n + 1:]
            shown = [v['n'] for v in self.read(t)]
            self.assertTrue(set(shown) <= {1, 2, 3}, n)
            self.assertTrue(self.damage, n)

    def test_what_follows_damage_is_shown(self):
        t = w.Writer()
        t.group(FORM_N, scope(1))
        at = len(t.data)
        t.group(scope(2))
        t.group(scope(3))
        t.end()
        t.data = t.data[:at + 20] + b'\xff' + t.data[at + 21:]
        self.read(t)
        self.assertEqual(self.seqs(), [1, 3])
        self.assertEqual([r[2] for r in self.damage], [at])

    def test_a_group_without_its_last_frame_is_not_shown(self):
        t = w.Writer()
        t.group(FORM_N, scope(1))
        t.group(scope(2), flags=1)
        t.group(scope(3), flags=0)
        before = t.data
        self.read(t)
        self.assertEqual(self.seqs(), [1])
        t.group(scope(4), flags=2)
        self.read(t)
        self.assertEqual(self.seqs(), [1, 2, 3, 4])
        self.assertEqual(self.damage, [])
        t.data = before
        t.group(scope(5), flags=3)
        self.read(t)
        self.assertEqual(self.seqs(), [1, 5])
        self.assertIn('without its last frame', self.damage[0][3])

    def test_a_form_of_a_group_that_is_not_shown_does_not_count(self):
        t = w.Writer()
        t.group(FORM_N, scope(1), flags=1)
        t.group(scope(2))
        t.group(FORM_N, scope(3))
        self.read(t)
        self.assertEqual(self.seqs(), [3])

    def test_a_group_whose_last_frame_was_damaged_is_complete(self):
        t = w.Writer()
        t.group(FORM_N, scope(1), flags=1)
        at = len(t.data)
        t.group(scope(2), flags=2)
        t.group(scope(3))
        t.data = t.data[:at] + b'?' + t.data[at + 1:]
        self.read(t)
        self.assertEqual(self.seqs(), [1, 3])
        self.assertEqual(len(self.damage), 1)

    def test_a_later_segment_wins_where_both_have_a_seq(self):
        a, b = w.Writer(), w.Writer(number=1, seq=2)
        a.group(FORM_N, scope(1))
        a.group(scope(2))
        b.group(FORM_N, scope(20))
        b.end()
        self.assertEqual(self.read(a, b), [{'n': 1}, {'n': 20}])
        self.assertEqual(self.damage, [])

    def test_a_jump_of_seq_is_reported(self):
        t = w.Writer()
        t.group(FORM_N, scope(1))
        t.seq = 5
        t.group(scope(5))
        self.read(t)
        self.assertEqual(self.seqs(), [1, 5])
        self.assertEqual(len(self.damage), 1)

    def test_an_unknown_record_hides_its_frame_and_only_that(self):
        t = w.Writer()
        t.group(FORM_N, scope(1))
        t.group(w.record(12), scope(2))
        t.group(w.record(200), scope(3))
        self.read(t)
        self.assertEqual(self.seqs(), [1, 3])
        self.assertIn('too new', self.damage[0][3])

    def test_an_embedded_blob_is_found_by_its_hint_and_a_missing_one_is_lost(self):
        data = bytes(range(100))
        name = bytes.fromhex(decoder.hash128(data))
        t = w.Writer(notes=KILLED)
        at = len(t.data) + 64
        t.group(w.record(decoder.BLOB, name + struct.pack('<Q', 100) + data), kind=2)
        body = struct.pack('<Q4BQ', 100, 6, 1, 0, 0, 100) + name
        form = w.form(1, ['a'], [var('f', ARRAY, 1)])
        t.group(form, w.timed(SCOPE, 1, body + struct.pack('<IQ', 0, at)))
        t.group(w.timed(SCOPE, 1, body + struct.pack('<IQ', 0xffffffff, 0)))
        shown = self.read(t)
        self.assertIn('{"f":{"blob":"%s","size":100,"dtype":"u1","shape":[100]}}' % name.hex(), self.lines[0])
        self.assertEqual(shown[1], {'f': 'lost'})
        self.assertEqual(self.scopes[0]['hash'], self.scopes[1]['hash'])

    def test_what_lies_behind_a_continued_position_is_superseded(self):
        self.assertEqual(self.numbers(self.session(0), self.session(1, (0, 2))), [0, 1, 10, 11, 12])
        self.assertEqual(self.numbers(superseded=True), [0, 1, 2, 10, 11, 12])
        # Another one that goes on from there is shown, too; one that goes on from before it supersedes both.
        self.assertEqual(self.numbers(self.session(2, (0, 2))), [0, 1, 10, 11, 12, 20, 21, 22])
        self.assertEqual(self.numbers(self.session(3, (0, 1))), [0, 30, 31, 32])
        # Whoever goes on from what is superseded makes it count again.
        self.assertEqual(self.numbers(self.session(4, (1, 1))), [0, 1, 10, 20, 21, 22, 30, 31, 32, 40, 41, 42])
        self.assertEqual(self.damage, [])

    def test_sessions_in_a_circle_are_each_looked_at_once(self):
        self.assertEqual(self.numbers(self.session(0, (1, 1)), self.session(1, (0, 2), (9, 0), (1, 0))), [0, 1, 10])

    def test_the_last_first_frame_that_verifies_says_where_a_session_goes_on_from(self):
        first, second = self.session(1, (0, 1)), self.session(1, (0, 2), number=1, seq=4)
        self.assertEqual(self.numbers(self.session(0), first, second)[:3], [0, 1, 10])
        second.data = second.data[:140] + b'?' + second.data[141:]
        self.assertEqual(self.numbers(second)[:2], [0, 10])

    def test_another_tapes_segment_is_misplaced(self):
        t = w.Writer()
        t.group(FORM_N, scope(1))
        t.save(self.dir)
        with open(os.path.join(self.dir, 'TAPE'), 'w', encoding='ascii') as f:
            f.write('tape 1 %s\n' % ('f' * 32))
        self.assertEqual(self.read(), [])
        self.assertIn('misplaced', self.damage[0][3])

    def test_narrow_floats_print_the_shortest_decimal_of_their_own_width(self):
        for bits, code, want in ((0x3dcccccd, 'f', '0.1'), (0x7f7fffff, 'f', '3.4028235e+38'),
                                 (1, 'f', '1e-45'), (0x80000000, 'f', '-0.0'), (0x7f800000, 'f', '"Infinity"'),
                                 (0x5a0e1bca, 'f', '1e+16'), (0x3c00, 'e', '1.0'), (0x2e66, 'e', '0.1'),
                                 (1, 'e', '6e-08'), (0x7bff, 'e', '65500.0')):
            raw = struct.pack('<I' if code == 'f' else '<H', bits)
            v = decoder.narrow(struct.unpack('<' + code, raw)[0], '<' + code)
            self.assertEqual(decoder.text(v), want)

    def test_arrays_nest_by_index_whatever_their_order(self):
        data = struct.pack('<6h', *range(6))
        array = lambda *a: decoder.text(decoder.Array(*a))
        for order, dims, want in ((0, (2, 3), '[[0,1,2],[3,4,5]]'), (1, (2, 3), '[[0,2,4],[1,3,5]]'),
                                  (1, (1, 3, 2), '[[[0,3],[1,4],[2,5]]]'), (0, (6,), '[0,1,2,3,4,5]')):
            self.assertEqual(array('i2', dims, order, data), want)
        self.assertEqual(array('f8', (2, 0, 3), 0, b''), '[[],[]]')

    def test_the_hash_vectors_verify(self):
        path = os.path.join(HERE, 'data', 'hash-vectors.jsonl')
        done = subprocess.run([sys.executable, os.path.join(HERE, 'hash_vectors.py'), '--check', path],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_what_is_no_tape_exits_5_and_a_later_format_2(self):
        for text, status in (('', 5), ('tape 2 %s\n' % ('0' * 32), 2), ('tape 1 xyz\n', 5)):
            with open(os.path.join(self.dir, 'TAPE'), 'w', encoding='ascii') as f:
                f.write(text)
            done = subprocess.run([sys.executable, os.path.join(HERE, 'decoder.py'), self.dir],
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, status)


if __name__ == '__main__':
    unittest.main()
