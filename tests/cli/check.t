# tape-check: what is wrong, what it costs, what to type.
$ awk 'BEGIN { for (i = 0; i < 300; i++) print "{\"i\":" i ",\"x\":" i / 8 ",\"text\":\"" sprintf("%200d", i % 7) "\"}" }' >in.jsonl
$ awk 'BEGIN { for (i = 0; i < 3; i++) { printf "{\"field\":[" i; for (k = 0; k < 9000; k++) printf ",%d", k; print "]}" } }' >>in.jsonl
$ tape-record t.tape --label md in.jsonl
$ tape-check t.tape
t.tape: 1 session: no damage
what holds the tape together was checked; --full reads every byte
$ tape-check t.tape --full
t.tape: 1 session, 303 scopes, 3 blobs: no damage
$ tape-check t.tape --full --json | sed 's/"bytes":[0-9]*/"bytes":N/'
{"kind":"summary","path":"t.tape","full":true,"sessions":1,"live_sessions":0,"generations":0,"scopes":303,"blobs":3,"lost_scopes":0,"unreferenced":0,"unreferenced_bytes":0,"bytes":N,"damage":0,"notes":0,"leftover_bytes":0,"rebuilt":0,"left_out":0}
$ tape-check -q t.tape

# A damaged blob names the scope that misses it; another copy makes up for it.
$ cp -r t.tape b.tape; f=$(ls b.tape/blobs/*/* | head -1); printf x | dd of=$f bs=1 seek=99 conv=notrunc status=none
$ tape-check b.tape
b.tape: 1 session: no damage
what holds the tape together was checked; --full reads every byte
$ tape-check --full b.tape | sed 's,/[0-9a-f][0-9a-f]/[0-9a-f]\{30\},/HASH,g; s/[0-9a-f]\{32\}/HASH/; s/:30[0-9]/:SEQ/'
damage: blobs/HASH (72.0 kB): the blob's bytes do not match its name
  lost: blob HASH: field of SESSION:SEQ
  next: restore b.tape/blobs/HASH from a copy, then: tape-check --full b.tape
b.tape: 1 session, 303 scopes, 3 blobs: 1 damaged place
$ tape-check --full b.tape >/dev/null
? 3
$ tape-check --full --json b.tape | sed -n 's/.*"kind":"\([a-z]*\)".*/\1/p'
damage
summary
$ rm $(ls b.tape/blobs/*/* | head -1); tape-check --full b.tape | grep -c 'it is nowhere on the tape'
1

# A cut segment of a session that is over.
$ cp -r t.tape c.tape; for f in c.tape/sessions/*/000000.log; do truncate -s 30000 $f; done
$ tape-check --full c.tape; tape-check c.tape -q --full
damage: sessions/SESSION/000000.log at offset 30000: the session was closed, but the end of its last segment is missing
  lost: the last scopes of the session
  next: restore c.tape/sessions/SESSION/000000.log from a copy, then: tape-check --full c.tape
c.tape: 1 session, 0 scopes, 3 blobs: 1 damaged place
3 blobs (216 kB) that no scope refers to
6 notes (-v shows them)
? 3

# Generations: MANIFEST, the live list, packs, files that nobody names.
$ tape-compact t.tape -q; tape-check t.tape; tape-check --full t.tape
t.tape: 1 session, 1 generation: no damage
what holds the tape together was checked; --full reads every byte
t.tape: 1 session, 1 generation, 303 scopes, 10 blobs: no damage
$ cp -r t.tape g.tape; for g in g.tape/gen/1-*; do echo >$g/strange; done; mkdir g.tape/gen/tmp-x-1-00000000; touch g.tape/live/tmp-1-00000000
$ tape-check g.tape
g.tape: 1 session, 1 generation: no damage
1 B are left over; tape-compact removes what nobody needs
3 notes (-v shows them)
what holds the tape together was checked; --full reads every byte
$ tape-check -v g.tape | grep -v '^what\|^g.tape' | sed 's/1-[0-9a-f]\{8\}/1-HASH/g'
leftover: gen/1-HASH/strange (1 B): MANIFEST does not name this file
leftover: gen/tmp-x-1-HASH: being written, or left over from a compactor that was stopped
  next: tape-compact g.tape
leftover: live: 1 files that are not the newest live list
  next: tape-compact g.tape
1 B are left over; tape-compact removes what nobody needs
$ for f in g.tape/gen/1-*/MANIFEST; do printf '{' | dd of=$f bs=1 seek=30 conv=notrunc status=none; done; tape-check g.tape | sed 's/1-[0-9a-f]\{8\}/1-HASH/g'
damage: gen/1-HASH/MANIFEST: it is not the one that the live list names; what the generation holds is not shown: restore gen/1-HASH from a copy
  next: restore g.tape/gen/1-HASH/MANIFEST from a copy, then: tape-check g.tape
g.tape: 0 sessions, 1 generation: 1 damaged place
2 notes (-v shows them)
$ rm g.tape/gen/1-*/blobs-*; cp t.tape/gen/1-*/MANIFEST g.tape/gen/1-*/; tape-check g.tape | sed 's/1-[0-9a-f]\{8\}/1-HASH/g'
damage: gen/1-HASH/blobs-0-0.pack: the file is missing
  next: restore g.tape/gen/1-HASH/blobs-0-0.pack from a copy, then: tape-check g.tape
damage: gen/1-HASH/blobs-3-0.pack: the file is missing
  next: restore g.tape/gen/1-HASH/blobs-3-0.pack from a copy, then: tape-check g.tape
g.tape: 1 session, 1 generation: 2 damaged places
1 B are left over; tape-compact removes what nobody needs
3 notes (-v shows them)
$ echo x >>g.tape/live/1; tape-check g.tape | sed 's/1-[0-9a-f]\{8\}/1-HASH/g'
damage: live/1: the file is damaged or cut off (its check line does not fit); restore it from a copy; what was compacted is not shown: restore the file from a copy
  next: restore g.tape/live/1 from a copy, then: tape-check g.tape
g.tape: 0 sessions: 1 damaged place
2 notes (-v shows them)

# An index that is lost or damaged is made anew, the same byte for byte; nothing else needs it.
$ cp -r t.tape i.tape; for g in i.tape/gen/1-*; do rm $g/index.mdb; echo x >>$g/index.pack; done
$ tape-check i.tape | sed 's/1-[0-9a-f]\{8\}/1-HASH/g; s/[0-9]\+ bytes/N bytes/; s/says [0-9]*/says N/'
damage: gen/1-HASH/index.mdb: the file is missing
  lost: nothing: answers are the same, only slower
  next: tape-check --rebuild-index i.tape
damage: gen/1-HASH/index.pack: the file has N bytes where MANIFEST says N
  lost: nothing: answers are the same, only slower
  next: tape-check --rebuild-index i.tape
i.tape: 1 session, 1 generation: 2 damaged places
$ tape-check i.tape --rebuild-index | sed 's/1-[0-9a-f]\{8\}/1-HASH/g'
rebuilt: gen/1-HASH: its index was made anew from its packs
i.tape: 1 session, 1 generation: no damage
what holds the tape together was checked; --full reads every byte
$ diff -r i.tape/gen t.tape/gen && tape-check --full i.tape
i.tape: 1 session, 1 generation, 303 scopes, 10 blobs: no damage
$ tape-check i.tape --rebuild-index
i.tape: 1 session, 1 generation: no damage
what holds the tape together was checked; --full reads every byte

# The file TAPE.
$ cp -r t.tape h.tape; rm h.tape/TAPE; tape-check h.tape | sed 's/[0-9a-f]\{32\}/TAPEID/'
damage: TAPE: the file does not say that this is a tape, but what lies here is of one
  lost: nothing, once it is written anew; until then nothing is shown
  next: echo 'tape 1 TAPEID' > h.tape/TAPE
h.tape: 0 sessions: 1 damaged place
$ eval "$(tape-check h.tape | sed -n 's/^  next: //p')"; tape-check -q h.tape && cmp h.tape/TAPE t.tape/TAPE && echo as before
as before

# Wrong use.
$ mkdir empty; tape-check empty
! tape-check: empty: empty is not a tape: it has no file TAPE
? 5
$ tape-check in.jsonl
! tape-check: in.jsonl is a file, not a tape
!             a tape is a directory that holds a file named TAPE
? 5
$ tape-check nowhere.tape
! tape-check: nowhere.tape: there is no such tape
!             a tape is a directory; 'tape-record nowhere.tape' or tape_open() makes one
? 5
$ tape-check t.tape t.tape
! tape-check: one tape at a time, not 't.tape' too
!             'tape-check -h' shows how it is used
? 2
$ tape-check t.tape --rebuild
! tape-check: there is no option --rebuild; did you mean --rebuild-index?
!             'tape-check -h' shows how it is used
? 2
$ tape-check t.tape --progress=sometimes
! tape-check: --progress takes auto, always, never or json, not 'sometimes'
!             'tape-check -h' shows how it is used
? 2
$ tape-check t.tape >/dev/full
! tape-check: standard output: No space left on device
? 2
$ tape-check t.tape --full --progress=json 2>&1 >/dev/null | head -1 | sed 's/[0-9.]\+/N/g'
{"done":N,"total":N,"seconds":N}
