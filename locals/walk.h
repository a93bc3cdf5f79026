/* SPDX-License-Identifier: Apache-2.0 */
/* Within locals/: from debug information to a list of variables. */
#ifndef TAPE_LOCALS_WALK_H
#define TAPE_LOCALS_WALK_H

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "locals/locals.h"

/* ---- list.c ---- */

/* A variable more, all zero, or NULL and list->failed. */
struct local_var *list_add(struct local_list *list);
/* printf to memory of its own; "" and list->failed: there is none. */
char *list_text(struct local_list *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- types.c ---- */

/* A part of a variable on its way to the list: a member, an element. */
struct part {
	const char *name; /* on the tape */
	const char *expression;
	uint8_t place;
	bool qualified; /* some volatile or atomic on the way */
	bool runtime;	/* for a process, not for a compiler */
	bool cpp;
	unsigned depth;
	int64_t at;
	uint8_t bits, bit;
	unsigned ndim; /* of arrays of structures above it */
	uint64_t dims[TAPE_MAX_DIMS];
	int64_t strides[TAPE_MAX_DIMS];
	const char *row[TAPE_MAX_DIMS];
};

/* Adds what a variable, or part of one, of this type is. */
void types_add(struct local_list *list, const struct part *part, Dwarf_Die *type);
/* A pointer, or reference, to a recorder: no variable of the program. */
bool types_recorder(Dwarf_Die *type);
void types_absent(struct local_list *list, const char *name, enum tape_absent reason);

/* ---- scopes.c ---- */

#define SCOPES_MAX 64

struct scopes {
	Dwarf_Die die[SCOPES_MAX]; /* the function first, then blocks within each other */
	int count;
	unsigned first,
		line;  /* of the TAPE_LOCALS: where it begins, and __LINE__ there */
	uint64_t file; /* its number */
	int column;    /* 0: not known */
	bool runtime, cpp, clang;
	uint64_t pc;	    /* at run time: as it was linked */
	int64_t frame_base; /* what fbreg counts from, from the frame's address */
	int64_t bias;	    /* of static storage */
};

/* The variables that are in scope, inner ones before outer ones of the same name. -1 and why. */
int scopes_collect(struct scopes *scopes, struct local_list *list, char *why, size_t cap);
/* The line that the name of a variable of TAPE_LOCALS has, or 0. */
unsigned scopes_marker(Dwarf_Die *die, bool *optimized);
/* At run time: has it a place in the frame for all of its function, as without optimisation? */
bool scopes_kept(Dwarf_Die *marker);
#define SCOPES_OPTIMIZED "the function was compiled with optimisation: -O0 -g is needed"
/* Of a marker with this line in its name: fills first, line, file, column. */
void scopes_place(struct scopes *scopes, Dwarf_Die *marker, unsigned line);
/* The compiler's own word on optimisation: was -O1 or more given? */
bool scopes_optimized(Dwarf_Die *unit);
/* The unit itself, or what -gsplit-dwarf has put into a file of its own; false: that is not there. */
bool scopes_unit(Dwarf_Die *unit, Dwarf_Die *whole);
bool scopes_clang(Dwarf_Die *unit);
bool scopes_cpp(Dwarf_Die *unit);

#endif
