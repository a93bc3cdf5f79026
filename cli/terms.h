/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names in a query: labels and variables, as far as a glance at the text
 * tells. For what is shown first and for hints; what matches is the library's.
 */
#ifndef TAPE_CLI_TERMS_H
#define TAPE_CLI_TERMS_H

#include <stdbool.h>
#include <stddef.h>

struct terms {
	char **label, **var;
	char **test; /* of each var: from its operator on, such as "=300..400" */
	size_t label_count, label_cap, var_count, var_cap, test_count, test_cap;
	char *blob;	/* HEX of _blob=HEX, or NULL */
	bool last_bare; /* the last word is a bare name, the last of `label` */
};
void terms_read(const char *query, struct terms *terms);
void terms_release(struct terms *terms);

#endif
