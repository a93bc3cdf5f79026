/* SPDX-License-Identifier: Apache-2.0 */
/* The places of an object file that have a TAPE_LOCALS. */
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locals/walk.h"

struct object {
	struct local_site *sites;
	struct scopes scopes; /* of where the walk is */
	const char *unit;     /* its name */
	bool optimized, failed;
	bool split; /* some unit's information is elsewhere */
	bool whole; /* that of the unit at hand is not in a file of its own */
};

static bool
is_block(int tag)
{
	return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
	       tag == DW_TAG_catch_block;
}

/* What may hold functions, but is no part of one's scopes. */
static bool
is_holder(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_structure_type ||
	       tag == DW_TAG_class_type;
}

static char *
keep(struct object *object, const char *text)
{
	char *copy = strdup(text ? text : "");

	object->failed |= !copy;
	return copy;
}

static void
insert(struct object *object, struct local_site *site)
{
	struct local_site **at = &object->sites;

	while (*at && (*at)->line <= site->line)
		at = &(*at)->next;
	site->next = *at;
	*at = site;
}

static void
found(struct object *object, Dwarf_Die *marker, unsigned line, bool optimized)
{
	struct local_site *site = calloc(1, sizeof *site);
	struct scopes *scopes = &object->scopes;
	/* Of split units libdw has no names of files. */
	const char *file = object->whole ? dwarf_decl_file(marker) : NULL;

	if (!site) {
		object->failed = true;
		return;
	}
	site->line = line;
	site->file = keep(object, file ? file : object->unit);
	site->func = keep(object, scopes->count ? dwarf_diename(&scopes->die[0]) : NULL);
	scopes_place(scopes, marker, line);
	if (optimized || object->optimized)
		(void)snprintf(site->why, sizeof site->why,
			       "compiled with optimisation: -O0 -g is needed");
	else
		(void)scopes_collect(scopes, &site->list, site->why, sizeof site->why);
	insert(object, site);
}

static void walk(struct object *object, Dwarf_Die *parent, int depth);

/* A function within another: what is its is not ours, and ours is as it was afterwards. */
static void
walk_function(struct object *object, Dwarf_Die *function, int depth)
{
	struct scopes *before = malloc(sizeof *before);

	if (!before) {
		object->failed = true;
		return;
	}
	*before = object->scopes;
	object->scopes.count = 1;
	object->scopes.die[0] = *function;
	walk(object, function, depth);
	object->scopes = *before;
	free(before);
}

static void
walk(struct object *object, Dwarf_Die *parent, int depth)
{
	struct scopes *scopes = &object->scopes;
	Dwarf_Die child;

	if (depth > 200 || dwarf_child(parent, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);
		bool optimized;
		unsigned line = scopes_marker(&child, &optimized);

		if (line)
			found(object, &child, line, optimized);
		if (tag == DW_TAG_subprogram) {
			walk_function(object, &child, depth + 1);
		} else if (is_block(tag) && scopes->count && scopes->count < SCOPES_MAX) {
			scopes->die[scopes->count++] = child;
			walk(object, &child, depth + 1);
			scopes->count--;
		} else if (is_holder(tag)) {
			walk(object, &child, depth + 1);
		}
	} while (dwarf_siblingof(&child, &child) == 0);
}

static void
walk_units(struct object *object, Dwfl_Module *module)
{
	Dwarf_Addr bias;
	Dwarf_Die *unit = NULL;

	while ((unit = dwfl_module_nextcu(module, unit, &bias)) != NULL) {
		Dwarf_Die whole;

		if (!scopes_unit(unit, &whole)) {
			object->split = true;
			continue;
		}
		object->whole = whole.cu == unit->cu;
		object->optimized = scopes_optimized(&whole);
		object->scopes.cpp = scopes_cpp(&whole);
		object->scopes.count = 0;
		object->unit = dwarf_diename(&whole);
		walk(object, &whole, 0);
	}
}

int
locals_of_object(const char *path, struct local_site **sites, char *why, size_t cap)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_build_id_find_debuginfo,
		.section_address = dwfl_offline_section_address,
	};
	struct object *object = calloc(1, sizeof *object);
	Dwfl *dwfl = object ? dwfl_begin(&callbacks) : NULL;
	Dwfl_Module *module = NULL;
	Dwarf_Addr bias;
	int r = -1;

	if (!dwfl) {
		(void)snprintf(why, cap, "no memory");
		goto out;
	}
	dwfl_report_begin(dwfl);
	module = dwfl_report_offline(dwfl, path, path, -1);
	dwfl_report_end(dwfl, NULL, NULL);
	if (!module) {
		(void)snprintf(why, cap, "cannot be read: %s", dwfl_errmsg(-1));
		goto out;
	}
	if (!dwfl_module_getdwarf(module, &bias)) {
		(void)snprintf(why, cap,
			       "has no debug information: compile it with -O0 -g");
		goto out;
	}
	walk_units(object, module);
	if (object->failed) {
		(void)snprintf(why, cap, "no memory");
		goto out;
	}
	if (object->split) {
		(void)snprintf(
			why, cap,
			"its .dwo file is not there: compile it without -gsplit-dwarf");
		goto out;
	}
	*sites = object->sites;
	object->sites = NULL;
	r = 0;
out:
	if (object)
		local_sites_free(object->sites);
	dwfl_end(dwfl);
	free(object);
	return r;
}
