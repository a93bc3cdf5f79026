/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info --emit-partial: what its files share. */
#ifndef TAPE_CLI_INFO_PARTIAL_H
#define TAPE_CLI_INFO_PARTIAL_H

#include "cli/info.h"

#define PARTIAL_RANKS 255u /* arrays of several numbers of dimensions */

/* A variable over all scopes of a label. */
struct partial_var {
	char *name;
	size_t name_len;
	uint64_t scopes;	/* in which it has a value */
	uint64_t longest;	/* text, bytes */
	uint32_t types, dtypes; /* bits of those that were met */
	uint8_t ndim;		/* of arrays; or PARTIAL_RANKS */
	bool fortran;
	uint64_t dims[TAPE_MAX_DIMS]; /* UINT64_MAX: they differ */
};
struct partial_vars {
	struct partial_var *items; /* in name order */
	size_t count, cap;
	uint64_t scopes;
};

/* Its type as a partial has it. */
void info_partial_type(struct out *out, const struct partial_var *var);
/* The same as a C header. */
void info_partial_header(struct out *out, const char *label,
			 const struct partial_vars *vars);
/* All of it; an exit code. */
int info_partial(struct info *info, struct tape_reader *reader, const char *label,
		 bool header);

#endif
