/* SPDX-License-Identifier: Apache-2.0 */
/* Which variables are in scope, and where they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locals/walk.h"

/* Names of ours, which no program has. */
#define OURS "tape_"

static unsigned
line_behind(const char *name, const char *with)
{
	size_t n = strlen(with);
	char *end;
	unsigned long line;

	if (strncmp(name, with, n) != 0)
		return 0;
	line = strtoul(name + n, &end, 10);
	return *end == '\0' && line <= UINT32_MAX ? (unsigned)line : 0;
}

unsigned
scopes_marker(Dwarf_Die *die, bool *optimized)
{
	const char *name = dwarf_tag(die) == DW_TAG_variable ? dwarf_diename(die) : NULL;
	unsigned line = name ? line_behind(name, LOCALS_OPTIMIZED) : 0;

	*optimized = line != 0;
	return line || !name ? line : line_behind(name, LOCALS_HERE);
}

static const char *
producer(Dwarf_Die *unit)
{
	Dwarf_Attribute attr;

	return dwarf_attr(unit, DW_AT_producer, &attr) ? dwarf_formstring(&attr) : NULL;
}

bool
scopes_unit(Dwarf_Die *unit, Dwarf_Die *whole)
{
	Dwarf_Die split;
	uint8_t type;

	if (dwarf_cu_info(unit->cu, NULL, &type, NULL, &split, NULL, NULL, NULL) != 0 ||
	    type != DW_UT_skeleton) {
		*whole = *unit;
		return true;
	}
	if (!split.addr)
		return false;
	*whole = split;
	return true;
}

bool
scopes_clang(Dwarf_Die *unit)
{
	const char *text = producer(unit);

	return text && strstr(text, "clang");
}

bool
scopes_cpp(Dwarf_Die *unit)
{
	int language = dwarf_srclang(unit);

	return language == DW_LANG_C_plus_plus || language == DW_LANG_C_plus_plus_03 ||
	       language == DW_LANG_C_plus_plus_11 || language == DW_LANG_C_plus_plus_14;
}

bool
scopes_optimized(Dwarf_Die *unit)
{
	const char *text = producer(unit);

	/* The last one given counts. */
	for (bool on = false;; text += 3) {
		text = text ? strstr(text, " -O") : NULL;
		if (!text)
			return on;
		on = text[3] != '0';
	}
}

/* libdw has no names for files of split units, and says so by aborting: numbers will do. */
static uint64_t
file_number(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Word number = 0;

	return dwarf_attr_integrate(die, DW_AT_decl_file, &attr) &&
			       dwarf_formudata(&attr, &number) == 0
		       ? number
		       : UINT64_MAX;
}

void
scopes_place(struct scopes *scopes, Dwarf_Die *marker, unsigned line)
{
	int first = 0;

	scopes->line = scopes->first = line;
	/* A call may be several lines long; compilers differ in which of them it stands in. */
	if (dwarf_decl_line(marker, &first) == 0 && first > 0 && first < (int)line)
		scopes->first = (unsigned)first;
	else if (first > (int)line)
		scopes->line = (unsigned)first;
	scopes->file = file_number(marker);
	if (dwarf_decl_column(marker, &scopes->column) != 0)
		scopes->column = 0;
}

/* ---- names that were met ---- */

struct names {
	const char **name; /* borrowed from the debug information */
	size_t count, cap;
	bool failed;
};

static bool
met_before(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->name[i], name) == 0)
			return true;
	if (names->count == names->cap) {
		size_t cap = names->cap ? 2 * names->cap : 32;
		const char **more = realloc(names->name, cap * sizeof *more);

		if (!more) {
			names->failed = true;
			return false;
		}
		names->name = more;
		names->cap = cap;
	}
	names->name[names->count++] = name;
	return false;
}

/* ---- declared before the place, or behind it? ---- */

enum order { BEFORE, BEHIND, UNKNOWN };

static bool
same_file(const struct scopes *scopes, Dwarf_Die *var)
{
	return file_number(var) == scopes->file;
}

static enum order
order_of(const struct scopes *scopes, Dwarf_Die *var)
{
	int line = 0, column = 0;

	if (dwarf_tag(var) == DW_TAG_formal_parameter)
		return BEFORE;
	if (!same_file(scopes, var) || dwarf_decl_line(var, &line) != 0)
		return UNKNOWN;
	if (line < (int)scopes->first)
		return BEFORE;
	if (line > (int)scopes->line)
		return BEHIND;
	if (scopes->first != scopes->line || scopes->column == 0 ||
	    dwarf_decl_column(var, &column) != 0 || column == 0)
		return UNKNOWN;
	return column < scopes->column ? BEFORE : BEHIND;
}

/* ---- where ---- */

/* An address of static storage, as it was linked. */
static bool
static_address(Dwarf_Attribute *attr, Dwarf_Op *op, Dwarf_Addr *address)
{
	Dwarf_Attribute indexed;

	if (op->atom == DW_OP_addr) {
		*address = op->number;
		return true;
	}
	return (op->atom == DW_OP_addrx || op->atom == DW_OP_GNU_addr_index) &&
	       dwarf_getlocation_attr(attr, op, &indexed) == 0 &&
	       dwarf_formaddr(&indexed, address) == 0;
}

/* Has it one place for all of its function? Lists of places are for optimised code. */
static bool
is_list(Dwarf_Attribute *attr)
{
	unsigned form = dwarf_whatform(attr);

	return form == DW_FORM_loclistx || form == DW_FORM_sec_offset ||
	       form == DW_FORM_data4 || form == DW_FORM_data8;
}

bool
scopes_kept(Dwarf_Die *marker)
{
	Dwarf_Attribute attr;
	Dwarf_Op *op;
	size_t n;

	return dwarf_attr_integrate(marker, DW_AT_location, &attr) && !is_list(&attr) &&
	       dwarf_getlocation(&attr, &op, &n) == 0 && n == 1 &&
	       (op->atom == DW_OP_fbreg ||
		(op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31));
}

/* True if it can be read; else it is absent. */
static bool
place(const struct scopes *scopes, Dwarf_Die *var, struct part *part)
{
	Dwarf_Attribute attr;
	Dwarf_Op *op;
	Dwarf_Addr address;
	size_t n;

	if (!dwarf_attr_integrate(var, DW_AT_location, &attr) || is_list(&attr) ||
	    dwarf_getlocation(&attr, &op, &n) != 0 || n != 1)
		return false;
	if (op->atom == DW_OP_fbreg) {
		part->place = LOCAL_FRAME;
		part->at = scopes->frame_base + (int64_t)op->number;
		return true;
	}
	if (op->atom == DW_OP_breg6) {
		part->place = LOCAL_FRAME;
		part->at = (int64_t)op->number;
		return true;
	}
	if (!static_address(&attr, op, &address))
		return false;
	part->place = LOCAL_STATIC;
	part->at = (int64_t)address + scopes->bias;
	return true;
}

/* ---- collecting ---- */

static bool
is_variable(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);
	const char *name;

	if (tag != DW_TAG_variable && tag != DW_TAG_formal_parameter)
		return false;
	name = dwarf_diename(die);
	return name && *name && strncmp(name, OURS, strlen(OURS)) != 0 &&
	       !dwarf_hasattr_integrate(die, DW_AT_artificial);
}

static void
add_variable(const struct scopes *scopes, Dwarf_Die *var, enum order order,
	     struct local_list *list)
{
	const char *name = dwarf_diename(var);
	struct part part = { .name = name,
			     .expression = name,
			     .runtime = scopes->runtime,
			     .cpp = scopes->cpp };
	Dwarf_Attribute attr;
	Dwarf_Die type;

	if (!dwarf_attr_integrate(var, DW_AT_type, &attr) ||
	    !dwarf_formref_die(&attr, &type))
		return;
	if (types_recorder(&type))
		return;
	/* A compiler knows whether it is declared by then; memory does not. */
	if (scopes->runtime && (order == UNKNOWN || !place(scopes, var, &part)))
		types_absent(list, name, TAPE_UNREADABLE);
	else
		types_add(list, &part, &type);
}

/* -1: the function was optimised, *why says so. */
static int
collect(const struct scopes *scopes, Dwarf_Die *block, struct names *names,
	struct local_list *list)
{
	Dwarf_Die child;

	if (dwarf_child(block, &child) != 0)
		return 0;
	do {
		Dwarf_Attribute attr;
		enum order order;

		if (!is_variable(&child))
			continue;
		/* clang has such for arrays of variable length, too. */
		if (scopes->runtime && !scopes->clang &&
		    dwarf_attr(&child, DW_AT_location, &attr) && is_list(&attr))
			return -1;
		order = order_of(scopes, &child);
		if (order == BEHIND || met_before(names, dwarf_diename(&child)))
			continue;
		/* extern: in scope, and no local. */
		if (dwarf_hasattr(&child, DW_AT_declaration) ||
		    dwarf_hasattr(&child, DW_AT_external))
			continue;
		add_variable(scopes, &child, order, list);
	} while (dwarf_siblingof(&child, &child) == 0);
	return 0;
}

int
scopes_collect(struct scopes *scopes, struct local_list *list, char *why, size_t cap)
{
	struct names names = { NULL, 0, 0, false };
	int r = 0;

	for (int i = scopes->count; i-- > 0 && r == 0;)
		r = collect(scopes, &scopes->die[i], &names, list);
	if (r < 0)
		(void)snprintf(why, cap, SCOPES_OPTIMIZED);
	else if (names.failed || list->failed)
		(void)snprintf(why, cap, "no memory");
	else if (list->full)
		(void)snprintf(why, cap, "there are more than %u variables", LOCALS_MAX);
	free(names.name);
	return r < 0 || names.failed || list->failed || list->full ? -1 : 0;
}
