/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader shows of a tape whose files are damaged, and those files. */
#ifndef TESTS_DAMAGE_ANSWERS_H
#define TESTS_DAMAGE_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES 32u
#define TEXT 65536u
#define TOLD 8u

/* A line for each query and each scope that it finds; bytes by their hash, "?" where a value is lost. */
struct answer {
	int status; /* of opening and walking */
	unsigned damage, notes;
	struct told {
		char file[512];
		uint64_t offset;
	} told[TOLD]; /* the first reports of damage */
	size_t told_count, len;
	char text[TEXT];
};

extern char paths[FILES][400]; /* relative to the tape */
extern size_t path_count;

/* The tape of recording_dir; the queries end with NULL. */
void ask(struct answer *a, const char *const *queries);
/* Was damage of this file told, at this byte or before it? */
bool was_told(const struct answer *a, const char *file, uint64_t byte);
/* All lines of `now` are lines of `whole`, in their order, "?" apart. `what` and `at` are for the message. */
void check_shown(const struct answer *whole, const struct answer *now, const char *what,
		 size_t at);

/* Fills paths: all files of the tape. */
void list_files(void);
/* The whole file; the caller's to free. */
uint8_t *load(const char *path, size_t *len);
void store(const char *path, const uint8_t *data, size_t len);
bool ends(const char *path, const char *end);

#endif
