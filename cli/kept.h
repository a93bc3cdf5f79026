/* SPDX-License-Identifier: Apache-2.0 */
/* The results that a tape keeps under keys, for tape-cache and tape-compact. */
#ifndef TAPE_CLI_KEPT_H
#define TAPE_CLI_KEPT_H

#include "cli/cli.h"
#include "tape/record.h"
#include "tape/search.h"

/* A part of a key, spelled as in JSON. */
struct kept_input {
	char *name, *text;
};
struct kept {
	char key[TAPE_HASH_TEXT];
	char *name; /* of the key; "" = not known */
	char *path; /* labels, without _cache */
	struct tape_pos pos;
	int64_t time,
		used;	/* used: when a session noted it last, or when it was stored */
	double seconds; /* that it took; below 0: not known */
	uint64_t bytes; /* of the results */
	struct kept_input *inputs;
	size_t input_count;
	bool dropped, again;
	bool victim;
};
struct kept_list {
	struct kept *item; /* what holds, by key */
	size_t count, cap;
	uint64_t bytes;
	uint64_t hits, misses, stored; /* of all sessions */
	double saved;
};

/* Reads all of them; 0, or an exit code after a message. */
int kept_read(const struct cli *cli, const char *tape, struct tape_reader *reader,
	      struct kept_list *list);
void kept_release(struct kept_list *list);
/*
 * Marks as victims what was not used for longer than max_age (ns; 0 = no bound), then the
 * least recently used until the others have at most max_bytes (UINT64_MAX = no bound).
 */
size_t kept_mark(struct kept_list *list, int64_t max_age, uint64_t max_bytes,
		 int64_t now);
/* Withdraws the victims in a session of its own. 0, or an exit code after a message. */
int kept_drop(const struct cli *cli, const char *tape, const char *tool,
	      const struct kept_list *list);
/* "30d", "12h", "90m", "45s" as ns, above 0; false: no such span. */
bool kept_span(const char *text, int64_t *ns);
/* "64M", "2G", "1048576". */
bool kept_size(const char *text, uint64_t *bytes);

#endif
