/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in scope at a place of a program, by its debug information: for tape-locals,
 * and for a recorder, which loads the library tapelocals when it meets a TAPE_LOCALS
 * that has no list. docs/locals.md says what is taken and what is not.
 */
#ifndef TAPE_LOCALS_LOCALS_H
#define TAPE_LOCALS_LOCALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tape/value.h"

/* The variable that TAPE_LOCALS declares: this, and the line. */
#define LOCALS_HERE "tape_here_"
#define LOCALS_OPTIMIZED "tape_optimized_" /* where it was compiled with optimisation */
#define LOCALS_MAX 4096u

enum local_form {
	LOCAL_VALUE,  /* a scalar */
	LOCAL_TEXT,   /* an array of char */
	LOCAL_STRING, /* a char * */
	LOCAL_ARRAY,
	LOCAL_ABSENT, /* it is there, and not recorded: `reason` */
};
enum local_place {
	LOCAL_NOWHERE, /* not to be read from memory */
	LOCAL_FRAME,   /* at: from the frame's address (x86-64: rbp) */
	LOCAL_STATIC,  /* at: where it was linked */
};

struct local_var {
	/* As on the tape; names of values behind it: s.a, mode(SLOW=0,FAST=1). */
	char *name;
	/* In C: the value; of arrays the first element. */
	char *expression;
	uint8_t form;	   /* enum local_form */
	uint8_t place;	   /* enum local_place */
	uint8_t kind;	   /* LOCAL_VALUE: enum tape_kind */
	uint8_t reason;	   /* LOCAL_ABSENT: enum tape_absent */
	uint8_t dtype;	   /* LOCAL_ARRAY: enum tape_dtype */
	uint8_t ndim;	   /* LOCAL_ARRAY */
	bool no_sign;	   /* LOCAL_VALUE of kind i64: in memory without one */
	uint8_t bits, bit; /* a bit-field: how many, and the first; 0 = none */
	bool plain;	   /* LOCAL_ARRAY: of one dimension, and C takes it as it is */
	uint64_t size;	   /* in bytes, of one element */
	int64_t at;	   /* see place */
	uint64_t dims[TAPE_MAX_DIMS]; /* UINT64_MAX: known at run time alone */
	int64_t strides[TAPE_MAX_DIMS];
	/* The array that each index goes into, in C. */
	char *row[TAPE_MAX_DIMS];
};

struct local_list {
	struct local_var *vars;
	size_t count, cap;
	bool failed; /* no memory */
	bool full;   /* there are more than LOCALS_MAX */
};

void local_list_release(struct local_list *list);

/*
 * The variables in scope at an address of this process, of a TAPE_LOCALS that stands in
 * this line. The name of a file ends as `file` does. 0: *list is the caller's to release;
 * those that cannot be read are LOCAL_ABSENT. Else -1 and why in one line. Not to be
 * called by two threads at once.
 */
typedef int locals_at_fn(uintptr_t pc, const char *file, unsigned line,
			 struct local_list *list, char *why, size_t cap);
/* What the library exports; its soname has the number of this interface. */
#define LOCALS_LIBRARY "libtapelocals.so.0"
#define LOCALS_AT "tape_locals_at"
locals_at_fn tape_locals_at;

/* One TAPE_LOCALS in an object file. */
struct local_site {
	unsigned line;
	char *file, *func;
	struct local_list list;
	char why[160]; /* "" or: why it has no list */
	struct local_site *next;
};
/* The sites of an object; 0 and *sites in the order of lines, or -1 and why. */
int locals_of_object(const char *path, struct local_site **sites, char *why, size_t cap);
void local_sites_free(struct local_site *sites);

#endif
