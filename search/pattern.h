/* SPDX-License-Identifier: Apache-2.0 */
/* Matching text: wildcards, and regular expressions with bounded effort. */
#ifndef TAPE_SEARCH_PATTERN_H
#define TAPE_SEARCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* `*` any run of bytes, `?` any one character of UTF-8. Linear in practice, no recursion. */
bool pattern_glob(const char *glob, size_t glob_len, const char *text, size_t len);

struct pattern; /* one compiled regular expression; any number of threads may match it */

/*
 * Compiles PCRE2 syntax, unanchored, UTF-8. Returns the pattern, or NULL with
 * the offset of the mistake and a message.
 */
struct pattern *pattern_compile(const char *text, size_t len, size_t *error_at,
				char *message, size_t message_cap);
/* 1, 0, or -1: it took more steps than allowed. */
int pattern_match(const struct pattern *pattern, const char *text, size_t len);
void pattern_free(struct pattern *pattern);

#endif
