/* SPDX-License-Identifier: Apache-2.0 */
/* Who records: host, process, place in a parallel job, state of the source tree. */
#ifndef TAPE_LIBRECORD_FACTS_H
#define TAPE_LIBRECORD_FACTS_H

#include "librecord/recorder.h"
#include "librecord/report.h"

/* Looks up what is cheap to know: microseconds, no process started. */
int facts_collect(struct tape *t, const char *name);
/* By which request the session went on by itself: said in the segments from now on. The first one counts. */
void facts_resume(struct tape *t, const struct tape_hash *request);
/* In a fork's child: another pid, another start. */
void facts_after_fork(struct tape *t);
/* What the program is made of, for the manifest, once the settings are known: no process started. */
void facts_program(struct tape *t);
/* NOTE records for the first group of a segment. False when memory is out. */
bool facts_notes(struct tape *t, uint32_t segment, struct report_notes *out);
/* The first line of the manifest. */
void facts_manifest(struct tape *t);
/* The last one. */
void facts_manifest_closed(struct tape *t);
/*
 * git.c: commit and dirty flag of the git work tree around the current directory, as a
 * line of the manifest, and the changes as a file below diffs/. Runs git where a .git is found above, for a fraction of
 * a second at most: the background thread calls it.
 */
void facts_git(struct tape *t);
/* The current directory when the tape was opened; "" if it is not known. */
const char *facts_cwd(const struct tape *t);
/* One of ten thousand ranks is enough for a file server. */
bool facts_first_rank(const struct tape *t);
/* As search/ knows them; borrowed until the recorder ends. */
struct source_facts;
void facts_source(const struct tape *t, struct source_facts *out);
void facts_release(struct tape *t);

#endif
