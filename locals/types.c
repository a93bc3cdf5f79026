/* SPDX-License-Identifier: Apache-2.0 */
/* From a type to the variables that are recorded of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locals/walk.h"
#include "tape/record.h"

#define DEPTH_MAX 16u

static void add(struct local_list *list, const struct part *part, Dwarf_Die *type);

static const char *
or_empty(const char *text)
{
	return text ? text : "";
}

void
types_absent(struct local_list *list, const char *name, enum tape_absent reason)
{
	struct local_var *var = list_add(list);

	if (!var)
		return;
	var->name = list_text(list, "%s", name);
	var->form = LOCAL_ABSENT;
	var->reason = (uint8_t)reason;
}

static bool
type_of(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, DW_AT_type, &attr) &&
	       dwarf_formref_die(&attr, type) != NULL;
}

/* Without typedefs and qualifiers. False: void. */
static bool
peel(Dwarf_Die *type, bool *qualified)
{
	for (int i = 0; i < 64; i++) {
		switch (dwarf_tag(type)) {
		case DW_TAG_volatile_type:
		case DW_TAG_atomic_type:
			*qualified = true;
			/* fall through */
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_restrict_type:
			if (!type_of(type, type))
				return false;
			break;
		default:
			return true;
		}
	}
	return false;
}

static Dwarf_Word
unsigned_attr(Dwarf_Die *die, unsigned name, Dwarf_Word otherwise)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	return dwarf_attr_integrate(die, name, &attr) &&
			       dwarf_formudata(&attr, &value) == 0
		       ? value
		       : otherwise;
}

/* ---- scalars ---- */

struct scalar {
	uint8_t kind, dtype; /* 0: there is none */
	bool text;	     /* plain char */
	uint64_t size;
};

static uint8_t
integer_dtype(bool is_signed, uint64_t size)
{
	static const uint8_t of[2][9] = {
		{ 0, TAPE_U1, TAPE_U2, 0, TAPE_U4, 0, 0, 0, TAPE_U8 },
		{ 0, TAPE_I1, TAPE_I2, 0, TAPE_I4, 0, 0, 0, TAPE_I8 },
	};

	return size <= 8 ? of[is_signed][size] : 0;
}

static void
integer(bool is_signed, struct scalar *s)
{
	s->dtype = integer_dtype(is_signed, s->size);
	if (s->dtype)
		s->kind = is_signed ? tape_kind_i64 : tape_kind_u64;
}

static void
real(struct scalar *s)
{
	s->kind = s->size == 4	 ? tape_kind_f32
		  : s->size == 8 ? tape_kind_f64
				 : tape_kind_none;
	s->dtype = s->size == 4 ? TAPE_F4 : s->size == 8 ? TAPE_F8 : 0;
}

static void
complex_number(struct scalar *s)
{
	s->kind = s->size == 8	  ? tape_kind_c8
		  : s->size == 16 ? tape_kind_c16
				  : tape_kind_none;
	s->dtype = s->size == 8 ? TAPE_C8_T : s->size == 16 ? TAPE_C16_T : 0;
}

static struct scalar
base_type(Dwarf_Die *type)
{
	const char *name = or_empty(dwarf_diename(type));
	struct scalar s = { .size = unsigned_attr(type, DW_AT_byte_size, 0) };

	/* Bytes in another order than the machine's. */
	if (dwarf_hasattr(type, DW_AT_endianity))
		return s;
	switch (unsigned_attr(type, DW_AT_encoding, 0)) {
	case DW_ATE_boolean:
		if (s.size == 1) {
			s.kind = tape_kind_bool;
			s.dtype = TAPE_B1;
		}
		break;
	case DW_ATE_signed:
	case DW_ATE_signed_char:
		s.text = strcmp(name, "char") == 0;
		integer(true, &s);
		break;
	case DW_ATE_unsigned:
	case DW_ATE_unsigned_char:
		s.text = strcmp(name, "char") == 0;
		integer(false, &s);
		break;
	case DW_ATE_float:
		if (strcmp(name, "float") == 0 || strcmp(name, "double") == 0)
			real(&s);
		else if (strcmp(name, "long double") == 0 &&
			 s.size == sizeof(long double))
			s.kind = tape_kind_ld;
		break;
	case DW_ATE_complex_float:
		complex_number(&s);
		if (s.kind == tape_kind_none && strstr(name, "long double"))
			s.kind = tape_kind_cld;
		break;
	default:
		break;
	}
	return s;
}

static bool
is_plain_char(Dwarf_Die *type)
{
	return dwarf_tag(type) == DW_TAG_base_type && base_type(type).text;
}

/* ---- enums ---- */

static int64_t
constant(Dwarf_Die *enumerator, bool *is_signed)
{
	Dwarf_Attribute attr;
	Dwarf_Sword value = 0;
	Dwarf_Word word = 0;

	if (!dwarf_attr(enumerator, DW_AT_const_value, &attr))
		return 0;
	/* Which of the two the form is, libdw tells by failing; data forms are either. */
	if (dwarf_whatform(&attr) == DW_FORM_udata && dwarf_formudata(&attr, &word) == 0)
		return (int64_t)word;
	if (dwarf_formsdata(&attr, &value) == 0) {
		if (value < 0 && dwarf_whatform(&attr) == DW_FORM_sdata)
			*is_signed = true;
		return value;
	}
	return dwarf_formudata(&attr, &word) == 0 ? (int64_t)word : 0;
}

/* " (SLOW=0,FAST=1)" without the blank; *is_signed: some number is below 0. */
static char *
enumerators(struct local_list *list, Dwarf_Die *type, bool *is_signed)
{
	char *text = list_text(list, "(");
	Dwarf_Die child;
	unsigned n = 0;

	if (dwarf_child(type, &child) != 0)
		return text;
	do {
		const char *name = dwarf_diename(&child);
		char *more;

		if (dwarf_tag(&child) != DW_TAG_enumerator || !name)
			continue;
		more = list_text(list, "%s%s%s=%lld", or_empty(text), n++ ? "," : "",
				 name, (long long)constant(&child, is_signed));
		free(text);
		text = more;
	} while (dwarf_siblingof(&child, &child) == 0);
	return text;
}

/* As its underlying type has it, where it is said; else by its numbers. */
static bool
enum_signed(Dwarf_Die *type, bool by_numbers)
{
	Dwarf_Die under;
	bool ignored = false;
	Dwarf_Word encoding = unsigned_attr(type, DW_AT_encoding, 0);

	if (encoding == 0 && type_of(type, &under) && peel(&under, &ignored))
		encoding = unsigned_attr(&under, DW_AT_encoding, 0);
	return encoding == 0
		       ? by_numbers
		       : encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
}

/* ---- values and arrays of them ---- */

static struct local_var *
common(struct local_list *list, const struct part *part, uint64_t size)
{
	struct local_var *var = list_add(list);

	if (!var)
		return NULL;
	var->name = list_text(list, "%s", part->name);
	var->expression = list_text(list, "%s", part->expression);
	var->place = part->place;
	var->at = part->at;
	var->size = size;
	var->bits = part->bits;
	var->bit = part->bit;
	return var;
}

static void
add_array(struct local_list *list, const struct part *part, const struct scalar *s)
{
	struct local_var *var;

	if (s->dtype == 0 || part->bits) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	var = common(list, part, s->size);
	if (!var)
		return;
	var->form = LOCAL_ARRAY;
	var->dtype = s->dtype;
	var->ndim = (uint8_t)part->ndim;
	for (unsigned i = 0; i < part->ndim; i++) {
		var->dims[i] = part->dims[i];
		var->strides[i] = part->strides[i];
		var->row[i] = list_text(list, "%s", or_empty(part->row[i]));
	}
	var->plain = part->ndim == 1 && part->strides[0] == (int64_t)s->size &&
		     !part->qualified;
}

static void
add_scalar(struct local_list *list, const struct part *part, const struct scalar *s)
{
	struct local_var *var;

	if (part->ndim) {
		add_array(list, part, s);
		return;
	}
	if (s->kind == tape_kind_none) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	var = common(list, part, s->size);
	if (!var)
		return;
	var->form = LOCAL_VALUE;
	var->kind = s->kind;
}

/* A bit-field's type is that of the value that it promotes to, unless it is said. */
static void
add_base(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	struct scalar s = base_type(type);
	struct part cast = *part;
	char *text = NULL;

	/* A type of its own in C++, which the macros do not know. */
	if (part->cpp && strcmp(or_empty(dwarf_diename(type)), "wchar_t") == 0)
		s = (struct scalar){ .size = s.size };

	if (part->bits && !part->cpp) {
		text = list_text(list, "(%s)%s", or_empty(dwarf_diename(type)),
				 part->expression);
		cast.expression = or_empty(text);
	}
	add_scalar(list, &cast, &s);
	free(text);
}

static struct local_var *
last_added(struct local_list *list, size_t before)
{
	return list->count > before ? &list->vars[before] : NULL;
}

static void
add_enum(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	struct scalar s = { .size = unsigned_attr(type, DW_AT_byte_size, 4) };
	struct part named = *part;
	bool negative = false;
	char *names = enumerators(list, type, &negative);
	bool is_signed = enum_signed(type, negative);
	char *name = NULL, *text = NULL;
	size_t before = list->count;
	struct local_var *last;

	integer(is_signed, &s);
	if (part->ndim == 0 && s.kind != tape_kind_none) {
		name = list_text(list, "%s%s)", part->name, or_empty(names));
		text = list_text(list, "%s%s", part->bits ? "(int64_t)" : "",
				 part->expression);
		named.name = or_empty(name);
		named.expression = or_empty(text);
		add_scalar(list, &named, &s);
		last = last_added(list, before);
		/* Loaded by its own sign, and an i64 whatever that is. */
		if (last) {
			last->kind = tape_kind_i64;
			last->no_sign = !is_signed;
		}
	} else {
		add_scalar(list, part, &s);
		last = last_added(list, before);
		if (last)
			last->plain = false;
	}
	free(name);
	free(names);
	free(text);
}

/* ---- pointers ---- */

/* Recorders are no variables of the program. */
static bool
is_recorder(Dwarf_Die *to)
{
	const char *name = dwarf_diename(to);

	return dwarf_tag(to) == DW_TAG_structure_type && name &&
	       strcmp(name, "tape") == 0;
}

static void
add_pointer(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	struct local_var *var;
	Dwarf_Die to;
	bool qualified = false;

	if (!type_of(type, &to) || !peel(&to, &qualified)) {
		types_absent(list, part->name, TAPE_NOT_SELECTED);
		return;
	}
	if (is_recorder(&to))
		return;
	if (part->ndim || !is_plain_char(&to)) {
		types_absent(list, part->name, TAPE_NOT_SELECTED);
		return;
	}
	var = common(list, part, sizeof(char *));
	if (var)
		var->form = LOCAL_STRING;
}

/* ---- arrays ---- */

/* The elements of one dimension; UINT64_MAX: known at run time. */
static uint64_t
extent(Dwarf_Die *range)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (dwarf_attr(range, DW_AT_count, &attr))
		return dwarf_formudata(&attr, &value) == 0 ? value : UINT64_MAX;
	if (!dwarf_attr(range, DW_AT_upper_bound, &attr))
		return 0; /* int a[]: the end of a structure, or a[0] */
	if (dwarf_whatform(&attr) == DW_FORM_exprloc ||
	    dwarf_formudata(&attr, &value) != 0 || value > INT64_MAX)
		return UINT64_MAX;
	return value + 1;
}

static bool
extents(Dwarf_Die *type, uint64_t dims[TAPE_MAX_DIMS], unsigned *count)
{
	Dwarf_Die child;

	*count = 0;
	if (dwarf_child(type, &child) != 0)
		return false;
	do {
		if (dwarf_tag(&child) != DW_TAG_subrange_type)
			continue;
		if (*count == TAPE_MAX_DIMS)
			return false;
		dims[(*count)++] = extent(&child);
	} while (dwarf_siblingof(&child, &child) == 0);
	return *count > 0;
}

/* One more dimension of `part`, whose elements have this size (0: known at run time). */
static bool
add_dim(struct part *part, const char *row, uint64_t dim, uint64_t stride)
{
	if (part->ndim == TAPE_MAX_DIMS)
		return false;
	part->row[part->ndim] = row;
	part->dims[part->ndim] = dim;
	part->strides[part->ndim++] = (int64_t)stride;
	return true;
}

static void
add_text(struct local_list *list, const struct part *part, uint64_t size)
{
	struct local_var *var;

	if (part->qualified && !part->runtime) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	var = common(list, part, 1);
	if (!var)
		return;
	var->form = LOCAL_TEXT;
	var->dims[0] = size;
	var->ndim = 1;
}

static void
add_elements(struct local_list *list, const struct part *part, Dwarf_Die *element,
	     const uint64_t *dims, unsigned count, uint64_t size)
{
	struct part inner = *part;
	char *rows[TAPE_MAX_DIMS + 1] = { NULL };
	uint64_t strides[TAPE_MAX_DIMS];
	bool fine = true;

	for (unsigned i = count; i-- > 0;) {
		strides[i] = size;
		if (dims[i] == UINT64_MAX || __builtin_mul_overflow(size, dims[i], &size))
			size = 0;
	}
	rows[0] = list_text(list, "%s", part->expression);
	for (unsigned i = 0; i < count && fine; i++) {
		fine = add_dim(&inner, or_empty(rows[i]), dims[i], strides[i]);
		rows[i + 1] = list_text(list, "%s[0]", or_empty(rows[i]));
	}
	inner.expression = or_empty(rows[count]);
	if (fine)
		add(list, &inner, element);
	else
		types_absent(list, part->name, TAPE_UNREADABLE);
	for (unsigned i = 0; i <= count; i++)
		free(rows[i]);
}

static void
add_array_type(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	uint64_t dims[TAPE_MAX_DIMS];
	unsigned count;
	Dwarf_Die element;
	struct part whole = *part;
	Dwarf_Word size;
	bool known = extents(type, dims, &count) && type_of(type, &element),
	     varies = false;

	for (unsigned i = 0; known && i < count; i++)
		varies |= dims[i] == UINT64_MAX;
	if (!known || dwarf_hasattr_integrate(type, DW_AT_GNU_vector) ||
	    (varies && part->runtime)) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	if (!peel(&element, &whole.qualified) ||
	    dwarf_aggregate_size(&element, &size) != 0) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	if (part->ndim == 0 && count == 1 && is_plain_char(&element)) {
		add_text(list, &whole, dims[0]);
		return;
	}
	add_elements(list, &whole, &element, dims, count, size);
}

/* ---- structures ---- */

/* Where a member is; false: not known, or not fixed. */
static bool
member_place(Dwarf_Die *member, struct part *part)
{
	Dwarf_Word at = 0, bit;
	Dwarf_Attribute attr;

	/* DWARF 2 has a block there. */
	if (dwarf_attr(member, DW_AT_data_member_location, &attr) &&
	    dwarf_formudata(&attr, &at) != 0)
		return false;

	part->bits = (uint8_t)unsigned_attr(member, DW_AT_bit_size, 0);
	if (part->bits == 0) {
		part->at += (int64_t)at;
		return true;
	}
	if (dwarf_attr(member, DW_AT_data_bit_offset, &attr)) {
		if (dwarf_formudata(&attr, &bit) != 0)
			return false;
	} else {
		/* From the other end of a whole that is at `at`, as DWARF 3 has it. */
		Dwarf_Word whole = unsigned_attr(member, DW_AT_byte_size, 0) * 8;
		Dwarf_Word above = unsigned_attr(member, DW_AT_bit_offset, 0);

		if (whole == 0 || above + part->bits > whole ||
		    __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
			return false;
		bit = at * 8 + whole - above - part->bits;
	}
	part->at += (int64_t)(bit / 8);
	part->bit = (uint8_t)(bit % 8);
	return part->bit + part->bits <= 64;
}

static bool
hidden(Dwarf_Die *member, int tag)
{
	Dwarf_Word access = unsigned_attr(member, DW_AT_accessibility,
					  tag == DW_TAG_class_type ? DW_ACCESS_private
								   : DW_ACCESS_public);

	return access != DW_ACCESS_public;
}

static void
add_member(struct local_list *list, const struct part *part, Dwarf_Die *member, bool base)
{
	const char *name = base ? NULL : dwarf_diename(member);
	struct part inner = *part;
	char *on_tape = NULL, *text = NULL;
	Dwarf_Die type;
	bool there = member_place(member, &inner);

	if (name) {
		on_tape = list_text(list, "%s.%s", part->name, name);
		text = list_text(list, "%s.%s", part->expression, name);
		inner.name = or_empty(on_tape);
		inner.expression = or_empty(text);
	}
	inner.depth++;
	if (!type_of(member, &type))
		;
	else if (!there && part->runtime)
		types_absent(list, inner.name, TAPE_UNREADABLE);
	else
		add(list, &inner, &type);
	free(on_tape);
	free(text);
}

/* Are its members the business of whoever wrote the library that it is from? */
static bool
is_closed(Dwarf_Die *type)
{
	Dwarf_Die child, base;
	bool closed = false;

	if (dwarf_child(type, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);
		const char *name = NULL;

		if (tag == DW_TAG_member)
			name = dwarf_diename(&child);
		else if (tag == DW_TAG_inheritance && type_of(&child, &base))
			name = dwarf_diename(&base);
		closed = name && name[0] == '_' &&
			 (name[1] == '_' || (name[1] >= 'A' && name[1] <= 'Z'));
	} while (!closed && dwarf_siblingof(&child, &child) == 0);
	return closed;
}

static void
add_struct(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	int tag = dwarf_tag(type);
	size_t before = list->count;
	bool any = false;
	Dwarf_Die child;

	if (part->depth >= DEPTH_MAX || dwarf_hasattr(type, DW_AT_declaration) ||
	    (part->cpp && is_closed(type))) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	if (dwarf_child(type, &child) != 0)
		return; /* without members */
	do {
		int what = dwarf_tag(&child);

		if (what == DW_TAG_inheritance && !hidden(&child, tag) &&
		    !dwarf_hasattr(&child, DW_AT_virtuality))
			add_member(list, part, &child, true);
		if (what != DW_TAG_member || dwarf_hasattr(&child, DW_AT_artificial) ||
		    dwarf_hasattr(&child, DW_AT_external) ||
		    dwarf_hasattr(&child, DW_AT_declaration))
			continue;
		any = true;
		if (part->cpp && hidden(&child, tag))
			continue;
		add_member(list, part, &child, false);
	} while (dwarf_siblingof(&child, &child) == 0);
	if (any && part->cpp && list->count == before)
		types_absent(list, part->name, TAPE_UNREADABLE);
}

/* ---- classes that the macros of C++ take as they are ---- */

static bool
starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* std::string, and std::vector, std::array, std::complex of numbers. */
static bool
is_known_class(Dwarf_Die *type)
{
	static const char *const elements[] = {
		"double",	 "float",
		"int",		 "unsigned int",
		"long",		 "unsigned long",
		"short",	 "unsigned short",
		"unsigned char", "signed char",
		"long long",	 "unsigned long long",
		"long int",	 "long unsigned int",
		"short int",	 "short unsigned int",
		"long long int", "long long unsigned int",
	};
	const char *name = or_empty(dwarf_diename(type)), *open = strchr(name, '<');

	if (starts(name, "basic_string<char,"))
		return true;
	if (!open || (!starts(name, "vector<") && !starts(name, "array<") &&
		      !starts(name, "complex<")))
		return false;
	for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
		size_t n = strlen(elements[i]);

		if (strncmp(open + 1, elements[i], n) == 0 &&
		    (open[1 + n] == ',' || open[1 + n] == '>'))
			return !starts(name, "complex<") || i < 2;
	}
	return false;
}

static void
add_class(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	struct local_var *var;

	if (!part->cpp || !is_known_class(type)) {
		add_struct(list, part, type);
		return;
	}
	if (part->runtime || part->ndim) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	/* The compiler knows better what it is. */
	var = common(list, part, 0);
	if (var)
		var->form = LOCAL_VALUE;
}

static void
add_reference(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	Dwarf_Die to;

	if (part->runtime || part->depth >= DEPTH_MAX || !type_of(type, &to)) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	add(list, part, &to);
}

static void
add(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	struct part peeled = *part;
	Dwarf_Die of = *type;

	if (!peel(&of, &peeled.qualified)) {
		types_absent(list, part->name, TAPE_UNREADABLE);
		return;
	}
	switch (dwarf_tag(&of)) {
	case DW_TAG_base_type:
		add_base(list, &peeled, &of);
		break;
	case DW_TAG_enumeration_type:
		add_enum(list, &peeled, &of);
		break;
	case DW_TAG_pointer_type:
		add_pointer(list, &peeled, &of);
		break;
	case DW_TAG_array_type:
		add_array_type(list, &peeled, &of);
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		add_class(list, &peeled, &of);
		break;
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		add_reference(list, &peeled, &of);
		break;
	default: /* a union: which member counts, nobody knows */
		types_absent(list, part->name, TAPE_UNREADABLE);
	}
}

bool
types_recorder(Dwarf_Die *type)
{
	Dwarf_Die of = *type;
	bool qualified = false;

	for (int i = 0; i < 4; i++) {
		if (!peel(&of, &qualified))
			return false;
		switch (dwarf_tag(&of)) {
		case DW_TAG_pointer_type:
		case DW_TAG_reference_type:
		case DW_TAG_rvalue_reference_type:
			if (!type_of(&of, &of))
				return false;
			break;
		default:
			return i > 0 && is_recorder(&of);
		}
	}
	return false;
}

void
types_add(struct local_list *list, const struct part *part, Dwarf_Die *type)
{
	add(list, part, type);
}
