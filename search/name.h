/* SPDX-License-Identifier: Apache-2.0 */
/* Names of variables, as they are given and as they follow from expressions. */
#ifndef TAPE_SEARCH_NAME_H
#define TAPE_SEARCH_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/limits.h"

/* Cuts at LIMIT_NAME and a character's border, replaces what is not UTF-8; `cut`, `replaced` may be NULL. Returns the length; out is NUL-terminated. */
size_t name_clean(const char *text, size_t len, char out[LIMIT_NAME + 1], bool *cut,
		  bool *replaced);
/*
 * The name of a variable from the text of its expression: blanks outside quotes
 * go; &x, *x, (cast)x and (x) are x; p->a is p.a. False if it is none of these:
 * then out is the text.
 */
bool name_from_text(const char *text, size_t len, char out[LIMIT_NAME + 1]);
/* The next piece up to a comma outside parentheses and quotes; false at the end. */
bool name_next_piece(const char **rest, const char **piece, size_t *len);

#endif
