/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partials: which variables a scope has to have, and of which types. The text is
 * parsed once; a form answers for all its scopes, but where extents or element
 * types of arrays are asked for. docs/partials.md is normative.
 */
#ifndef TAPE_SEARCH_PARTIAL_H
#define TAPE_SEARCH_PARTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/form.h"
#include "format/limits.h"
#include "tape/record.h"
#include "tape/search.h"

#define PARTIAL_TEXT_MAX (1u << 20)
#define PARTIAL_DEPTH_MAX 64u
#define PARTIAL_FIELDS_MAX 65536u
#define PARTIALS_MAX 4096u
#define PARTIAL_ANY_RANK 0xffu
#define PARTIAL_ANY_EXTENT UINT64_MAX

struct partial_field {
	char *name; /* whole, dotted */
	char *type; /* as it was written */
	uint32_t name_len;
	uint32_t group; /* the innermost optional group it stands in, from 1; 0 = none */
	bool optional;
	uint8_t ndim;	 /* of arrays; PARTIAL_ANY_RANK */
	uint32_t types;	 /* bits of enum tape_type */
	uint32_t dtypes; /* bits of enum tape_dtype; 0 = any */
	uint64_t dims[TAPE_MAX_DIMS];
};

/* `name? { ... }`: all of it, or none of it. */
struct partial_group {
	char *prefix; /* with the dot at its end */
	uint32_t prefix_len, parent;
};

struct partial {
	struct partial_field *fields;
	struct partial_group *groups;
	uint32_t count, cap, group_count, group_cap;
	bool open; /* some field asks for what only values show */
};

/* The first field that does not conform, and what was met instead. */
struct partial_fault {
	const struct partial_field *field; /* NULL: none */
	uint8_t type;			   /* enum tape_type; meaningless if `missing` */
	bool missing;
};

enum partial_answer { PARTIAL_NO = 0, PARTIAL_YES = 1, PARTIAL_OPEN = 2 };

/*
 * Reads "{ ... }" that begins at text[*at]; *at is then behind it. TAPE_ERR_SYNTAX:
 * err->offset is the place in the text, from 1, err->message what was expected there.
 */
int partial_parse(const char *text, size_t len, size_t *at, struct partial **out,
		  struct tape_error *err);
void partial_free(struct partial *partial); /* NULL is fine */
/* enum partial_answer. PARTIAL_OPEN: partial_field_open() fields remain to be asked. fault may be NULL. */
uint8_t partial_form(const struct partial *partial, const struct form *form,
		     struct partial_fault *fault);
/* Does this field, of an array that is there, ask for more than a form says? */
bool partial_field_open(const struct partial_field *field);
/* Are element type and extents as asked? */
bool partial_field_fits(const struct partial_field *field,
			const struct tape_value *array);
/* "T: is missing, expected float". `value`: of the field, if it is the array that does not fit. */
void partial_fault_text(const struct partial_fault *fault, const struct tape_value *value,
			char *text, size_t cap);

/* partials.c: definitions by name. */
/* As tape_partials_read, below a directory: then a file that is not there is none. */
int partials_read_at(int dir, const char *file, struct tape_partials **partials,
		     struct tape_error *err);
/* A new copy, or TAPE_ERR_NOT_FOUND with a message that says what there is. */
int partials_get(const struct tape_partials *partials, const char *name, size_t len,
		 struct partial **out, struct tape_error *err);
/* Adds "{ ... }" under a name; one of that name is replaced. */
int partials_put(struct tape_partials **partials, const char *name, const char *text,
		 struct tape_error *err);

/* partial_member.c: what a member of a described structure is. */
struct partial_shape {
	unsigned char
		kind; /* enum tape_kind: a scalar, text (a pointer), or an array of dtype */
	bool text;    /* an array of char */
	uint8_t dtype, ndim;
	size_t size; /* of the whole, or of the scalar */
	uint64_t dims[TAPE_MAX_DIMS];
};
/* Is it a description that this version knows? */
bool partial_known(const struct tape_partial *partial);
/* False: it is none that makes sense. */
bool partial_member_shape(const struct tape_member *member, struct partial_shape *out);
/* Does it name values of something that is not among its members? */
bool partial_names_astray(const struct tape_partial *partial);
/* Names of the values of a member, or NULL. */
const struct tape_member_names *partial_member_names(const struct tape_partial *partial,
						     const struct tape_member *member);
/* The name of the next member, from *rest that begins as partial->members. */
size_t partial_member_name(const char **rest, char name[LIMIT_NAME + 1]);
/* The partial that a described structure is, as text to free(). NULL: no memory. */
char *partial_described(const struct tape_partial *described);
/* Is it, or a structure that it stands in, among those of TAPE_OPTIONAL? */
bool partial_member_optional(const struct tape_partial *partial, const char *name);

/* Lines and columns for whoever reads files. */
void partial_place(const char *text, size_t at, unsigned *line, unsigned *column);

#endif
