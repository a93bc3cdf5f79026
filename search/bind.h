/* SPDX-License-Identifier: Apache-2.0 */
/* Filling variables of a program: from a scope, or from whatever else has named values. */
#ifndef TAPE_SEARCH_BIND_H
#define TAPE_SEARCH_BIND_H

#include "tape/record.h"
#include "tape/search.h"

struct bind_from {
	void *user;
	int64_t (*find)(void *user, const char *name); /* index, or -1 */
	/* Borrowed until everything is filled. */
	const struct tape_value *(*value)(void *user, size_t index);
	/* The bytes of one that are not at hand, verified: malloc'd, a NUL behind them. */
	int (*bytes)(void *user, size_t index, uint8_t **out, struct tape_error *err);
	int64_t only; /* what a single output is filled with whatever its name, or -1 */
};
/* As tape_bind: 1, or 0 and tape_bind_error() says why. */
int bind_outputs(const struct bind_from *from, const char *names, size_t count,
		 const struct tape_named *outs);
/* What tape_bind_error() says from now on, where nothing came as far as binding. */
void bind_problem(const char *text);
/* `bytes` of a scope, which is `user`. */
int bind_scope_bytes(void *user, size_t index, uint8_t **out, struct tape_error *err);

#endif
