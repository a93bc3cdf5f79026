/* SPDX-License-Identifier: Apache-2.0 */
/* What is in scope at an address of this process. */
#include <elfutils/libdwfl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locals/walk.h"

#if defined(__x86_64__)

struct where {
	uintptr_t pc, bias;
	const char *path;
	const uint8_t *id; /* its build id, in memory; NULL: it has none */
	size_t id_len;
};

#define NOTE_ALIGNED(n) (((size_t)(n) + 3) & ~(size_t)3)

/* A build id among the notes of what is loaded. */
static void
find_build_id(struct where *where, const uint8_t *note, size_t len)
{
	const size_t head = sizeof(ElfW(Nhdr));

	while (len >= head) {
		ElfW(Nhdr) h;
		size_t name, all;

		memcpy(&h, note, head);
		name = head + NOTE_ALIGNED(h.n_namesz);
		all = name + NOTE_ALIGNED(h.n_descsz);
		if (all > len || name > len)
			return;
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 &&
		    memcmp(note + head, "GNU", 4) == 0) {
			where->id = note + name;
			where->id_len = h.n_descsz;
		}
		note += all;
		len -= all;
	}
}

static void
notes(struct where *where, const struct dl_phdr_info *info)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			find_build_id(where,
				      (const uint8_t *)(info->dlpi_addr +
							info->dlpi_phdr[i].p_vaddr),
				      info->dlpi_phdr[i].p_memsz);
}

static int
seek(struct dl_phdr_info *info, size_t size, void *user)
{
	struct where *where = user;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD || where->pc < from ||
		    where->pc - from >= info->dlpi_phdr[i].p_memsz)
			continue;
		where->bias = info->dlpi_addr;
		/* The file that was started, whatever its name leads to now. */
		where->path = *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
		notes(where, info);
		return 1;
	}
	return 0;
}

static bool
is_block(int tag)
{
	return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
	       tag == DW_TAG_catch_block || tag == DW_TAG_inlined_subroutine;
}

/* What a function may stand in, without its code being within the code of that. */
static bool
is_holder(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_structure_type ||
	       tag == DW_TAG_class_type || tag == DW_TAG_lexical_block ||
	       tag == DW_TAG_subprogram;
}

/* The function at an address, and the blocks within it, each in the one before. */
static bool
scopes_at(struct scopes *scopes, Dwarf_Die *parent, Dwarf_Addr pc, int depth)
{
	Dwarf_Die child;

	if (depth > 200 || dwarf_child(parent, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child), before = scopes->count;
		bool here = (tag == DW_TAG_subprogram || (is_block(tag) && before)) &&
			    dwarf_haspc(&child, pc) == 1;

		if (!here && !is_holder(tag))
			continue;
		if (tag == DW_TAG_subprogram || !here)
			scopes->count = 0;
		if (here && scopes->count < SCOPES_MAX)
			scopes->die[scopes->count++] = child;
		if (scopes_at(scopes, &child, pc, depth + 1) || here)
			return true;
		scopes->count = before;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* The blocks from the function, or what was copied into another, down to the marker. */
static void
innermost_function(struct scopes *scopes)
{
	for (int i = scopes->count; i-- > 1;)
		if (dwarf_tag(&scopes->die[i]) == DW_TAG_inlined_subroutine) {
			memmove(scopes->die, scopes->die + i,
				(size_t)(scopes->count - i) * sizeof scopes->die[0]);
			scopes->count -= i;
			return;
		}
}

static Dwarf_Frame *
frame_at(Dwarf_CFI *cfi, Dwarf_Addr pc)
{
	Dwarf_Frame *frame = NULL;

	return cfi && dwarf_cfi_addrframe(cfi, pc, &frame) == 0 ? frame : NULL;
}

/*
 * Is the frame's address what debug information takes it for? The canonical frame address
 * must be rbp + 16 here; a function that aligns its stack has another.
 */
static bool
frame_is_plain(Dwfl_Module *module, uintptr_t pc)
{
	Dwarf_Addr bias = 0;
	Dwarf_CFI *eh = dwfl_module_eh_cfi(module, &bias);
	Dwarf_Frame *frame = frame_at(eh, pc - bias);
	Dwarf_Op *ops;
	size_t n;
	bool plain = false;

	/* Where a program has both, one of them may have functions of its start alone. */
	if (!frame)
		frame = frame_at(dwfl_module_dwarf_cfi(module, &bias), pc - bias);
	if (frame && dwarf_frame_cfa(frame, &ops, &n) == 0)
		plain = n == 1 && ((ops[0].atom == DW_OP_breg6 && ops[0].number == 16) ||
				   (ops[0].atom == DW_OP_bregx && ops[0].number == 6 &&
				    ops[0].number2 == 16));
	free(frame);
	return plain;
}

/* What fbreg counts from: the canonical frame address, or rbp itself. */
static bool
frame_base(struct scopes *scopes, Dwarf_Die *function)
{
	Dwarf_Attribute attr;
	Dwarf_Op *op;
	size_t n;

	if (!dwarf_attr_integrate(function, DW_AT_frame_base, &attr) ||
	    dwarf_getlocation_addr(&attr, scopes->pc, &op, &n, 1) != 1 || n != 1)
		return false;
	scopes->frame_base = op->atom == DW_OP_call_frame_cfa ? 16 : 0;
	return op->atom == DW_OP_call_frame_cfa || op->atom == DW_OP_reg6;
}

static int
say(char *why, size_t cap, const char *what)
{
	(void)snprintf(why, cap, "%s", what);
	return -1;
}

/*
 * The line and column of the marker, which stands in the innermost block. A unit that was
 * compiled without optimisation may have functions that were not (attributes, pragmas):
 * there a variable that nobody reads is not in the frame.
 */
static int
find_marker(struct scopes *scopes, unsigned line, char *why, size_t cap)
{
	Dwarf_Die child;
	bool optimized;

	if (scopes->count == 0 ||
	    dwarf_child(&scopes->die[scopes->count - 1], &child) != 0)
		return say(why, cap, "its debug information has no variables (-g1?)");
	do {
		if (scopes_marker(&child, &optimized) != line || optimized)
			continue;
		if (!scopes_kept(&child))
			return say(why, cap, SCOPES_OPTIMIZED);
		scopes_place(scopes, &child, line);
		return 0;
	} while (dwarf_siblingof(&child, &child) == 0);
	return say(why, cap, "its debug information has no variables (-g1?)");
}

static Dwarf_Die *
unit_at(Dwfl_Module *module, uintptr_t pc, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = NULL;

	/* The tables of ranges lack the files of some compilers: each is asked. */
	while ((unit = dwfl_module_nextcu(module, unit, bias)) != NULL)
		if (dwarf_haspc(unit, pc - *bias) == 1)
			return unit;
	return NULL;
}

/* Is the file still the one that was loaded? */
static bool
same_build(Dwfl_Module *module, const struct where *where)
{
	const unsigned char *bits = NULL;
	GElf_Addr address;
	int n;

	if (!where->id)
		return true; /* nothing to go by */
	n = dwfl_module_build_id(module, &bits, &address);
	return n > 0 && (size_t)n == where->id_len &&
	       memcmp(bits, where->id, where->id_len) == 0;
}

static int
in_module(Dwfl_Module *module, const struct where *where, unsigned line,
	  struct scopes *scopes, struct local_list *list, char *why, size_t cap)
{
	Dwarf_Addr bias = 0;
	GElf_Addr main_bias;
	Dwarf_Die *found = unit_at(module, where->pc, &bias), function, whole,
		  *unit = &whole;

	if (!dwfl_module_getelf(module, &main_bias) || !same_build(module, where))
		return say(why, cap, "its file is not the one that was loaded any more");
	if (found && !scopes_unit(found, unit))
		return say(why, cap,
			   "its debug information is in a .dwo file that is not there");
	if (!found)
		return say(why, cap,
			   "there is no debug information for it (compile with -g)");
	if (scopes_optimized(unit))
		return say(why, cap,
			   "compiled with optimisation, without a list of tape-locals");
	scopes->pc = where->pc - bias;
	scopes->bias = (int64_t)bias;
	scopes->clang = scopes_clang(unit);
	scopes->cpp = scopes_cpp(unit);
	if (!scopes_at(scopes, unit, scopes->pc, 0))
		return say(why, cap, "its debug information has no such function (-g1?)");
	function = scopes->die[0];
	innermost_function(scopes);
	if (find_marker(scopes, line, why, cap) < 0)
		return -1;
	if (!frame_is_plain(module, where->pc) || !frame_base(scopes, &function))
		return say(why, cap, "its frame is not one that can be read");
	return scopes_collect(scopes, list, why, cap);
}

__attribute__((visibility("default"))) int
tape_locals_at(uintptr_t pc, const char *file, unsigned line, struct local_list *list,
	       char *why, size_t cap)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		/* Not the standard one: it may ask a server, for minutes. */
		.find_debuginfo = dwfl_build_id_find_debuginfo,
	};
	struct where where = { .pc = pc };
	struct scopes *scopes = calloc(1, sizeof *scopes);
	Dwfl *dwfl = scopes ? dwfl_begin(&callbacks) : NULL;
	Dwfl_Module *module = NULL;
	int r = -1;

	(void)file;
	if (!dwfl) {
		(void)say(why, cap, "no memory");
		goto out;
	}
	scopes->runtime = true;
	if (dl_iterate_phdr(seek, &where)) {
		dwfl_report_begin(dwfl);
		module = dwfl_report_elf(dwfl, where.path, where.path, -1, where.bias,
					 false);
		dwfl_report_end(dwfl, NULL, NULL);
	}
	r = module ? in_module(module, &where, line, scopes, list, why, cap)
		   : say(why, cap, "its program or library cannot be read");
	if (r < 0)
		local_list_release(list);
out:
	dwfl_end(dwfl);
	free(scopes);
	return r;
}

#else

__attribute__((visibility("default"))) int
tape_locals_at(uintptr_t pc, const char *file, unsigned line, struct local_list *list,
	       char *why, size_t cap)
{
	(void)pc, (void)file, (void)line, (void)list;
	(void)snprintf(why, cap, "debug information is read on x86-64 alone");
	return -1;
}

#endif
