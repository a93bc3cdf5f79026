/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines to rows. One YAJL parser goes through all lines, one line at a
 * time, so that a bad line spoils no other; it is made anew only after an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "cli/mem.h"
#include "cli/record_in.h"

#define NAME_MAX_BYTES ((size_t)255)
#define NESTING_MAX 64

enum array_mode {
	ARRAY_NONE,
	ARRAY_NUMBERS,
	ARRAY_TEXT, /* something else is in it: its text is kept */
	ARRAY_LABELS,
};

struct frame {
	size_t prefix_len; /* of the object around it */
	size_t first_var;
	size_t column;
	bool blob; /* has a member "@blob" */
};

struct json_reader {
	yajl_handle yajl;
	const struct row_keys *keys;
	struct row *row;
	const char *line;
	size_t len;
	bool seen; /* a value has begun in this line */
	unsigned depth;
	struct frame frame[NESTING_MAX];
	char prefix[NAME_MAX_BYTES + 1];
	size_t prefix_len;
	/* The member whose value comes next. */
	const char *name;
	size_t name_len, name_column;
	enum row_role role;
	/* The array that is open. */
	enum array_mode array;
	unsigned array_depth, leaf; /* leaf: depth of its numbers, 0 = none yet */
	size_t array_start, array_slot;
	uint8_t array_dtype; /* of the slots: TAPE_I8, TAPE_U8, TAPE_F8 */
	bool array_negative;
	uint64_t dim[TAPE_MAX_DIMS], in_dim[TAPE_MAX_DIMS];
	bool dim_known[TAPE_MAX_DIMS];
};

/* ---- where we are ---- */

/* Behind the token that is being handled, from the start of the line. */
static size_t
at_end(const struct json_reader *r)
{
	return yajl_get_bytes_consumed(r->yajl);
}

/* The column at which a token of that length begins. */
static size_t
column_of(const struct json_reader *r, size_t len)
{
	size_t end = at_end(r);

	return end > len ? end - len + 1 : 1;
}

/* Does it stand in the line, as it is? What YAJL made of escapes does not. */
static inline bool
stands(const struct json_reader *r, const unsigned char *text)
{
	const char *from = (const char *)text;

	return from >= r->line && from <= r->line + r->len;
}

/* A control character must be escaped; only \u0000 is a NUL. */
static inline bool
has_nul(const struct json_reader *r, const unsigned char *text, size_t len)
{
	return !stands(r, text) && memchr(text, 0, len);
}

/* Text that stays: where it stands in the line, or a copy. */
static const char *
keep(struct json_reader *r, const unsigned char *text, size_t len)
{
	const char *from = (const char *)text;

	if (stands(r, text))
		return from;
	char *copy = row_alloc(r->row, len + 1);
	memcpy(copy, from, len);
	copy[len] = 0;
	return copy;
}

/* A value that stands by itself. */
static int
no_object(struct json_reader *r)
{
	size_t at = strspn(r->line, " \t\r");

	if (r->seen)
		return row_wrong(r->row, column_of(r, 1), "one object a line");
	return row_wrong(r->row, at + 1, "expected an object: {\"name\": value, ...}");
}

/* A new variable for the member at hand, or NULL after row_wrong. */
static struct row_var *
new_var(struct json_reader *r)
{
	if (r->depth == 0) {
		(void)no_object(r);
		return NULL;
	}
	return row_add(r->row, r->name, r->name_len, r->name_column);
}

/* ---- arrays ---- */

static void
slots_to_double(struct json_reader *r)
{
	struct row *row = r->row;

	for (size_t i = r->array_slot; i < row->slot_count; i++) {
		uint64_t bits = row->slot[i];
		double value =
			r->array_dtype == TAPE_U8 ? (double)bits : (double)(int64_t)bits;
		/* 2^53 and beyond: not every integer is a double. */
		row->rounded |= r->array_dtype == TAPE_U8
					? bits > UINT64_C(1) << 53
					: (int64_t)bits > INT64_C(1) << 53 ||
						  (int64_t)bits < -(INT64_C(1) << 53);
		memcpy(&row->slot[i], &value, sizeof(value));
	}
	r->array_dtype = TAPE_F8;
}

static void
array_add(struct json_reader *r, uint64_t bits)
{
	struct row *row = r->row;

	if (row->slot_count == row->slot_cap)
		row->slot = mem_grow(row->slot, &row->slot_cap, row->slot_count + 1,
				     sizeof(*row->slot));
	row->slot[row->slot_count++] = bits;
	r->in_dim[r->array_depth - 1]++;
}

static int
array_number(struct json_reader *r, const char *text, size_t len)
{
	struct row_var number;
	enum row_kind kind;

	if (r->array == ARRAY_LABELS)
		return row_wrong(r->row, column_of(r, len), "a label must be a string");
	if (r->leaf && r->leaf != r->array_depth) {
		r->array = ARRAY_TEXT;
		return 1;
	}
	r->leaf = r->array_depth;
	kind = row_number(text, len, &number, &r->row->rounded);
	if (kind == ROW_F64 && number.as.f - number.as.f != 0)
		return row_wrong(r->row, column_of(r, len),
				 "the number is larger than any double");
	bool negative = kind == ROW_I64 && number.as.i < 0;
	bool first = r->row->slot_count == r->array_slot;
	if (first)
		r->array_dtype = TAPE_I8;
	if (kind == ROW_U64 && r->array_dtype == TAPE_I8 && !r->array_negative)
		r->array_dtype = TAPE_U8;
	else if (kind == ROW_F64 && r->array_dtype != TAPE_F8)
		slots_to_double(r);
	else if ((kind == ROW_U64 && r->array_dtype == TAPE_I8) ||
		 (negative && r->array_dtype == TAPE_U8))
		slots_to_double(r); /* neither i64 nor u64 holds both */
	r->array_negative |= negative;
	if (r->array_dtype == TAPE_F8 && kind != ROW_F64) {
		double value =
			kind == ROW_U64 ? (double)number.as.u : (double)number.as.i;
		bool exact = value < 0x1p53 && value > -0x1p53;
		r->row->rounded |= !exact;
		number.as.f = value;
	}
	array_add(r, number.as.u);
	return 1;
}

static int
array_open(struct json_reader *r)
{
	size_t start = at_end(r) - 1;

	if (++r->depth > NESTING_MAX)
		return row_wrong(r->row, start + 1, "more than %d levels", NESTING_MAX);
	if (r->array == ARRAY_LABELS)
		return row_wrong(r->row, start + 1, "a label must be a string");
	if (r->array == ARRAY_NONE) {
		if (r->role == ROLE_TIME)
			return row_wrong(r->row, start + 1,
					 "a time is an integer (ns) or RFC 3339 text");
		r->array = r->role == ROLE_LABEL ? ARRAY_LABELS : ARRAY_NUMBERS;
		r->array_depth = 0;
		r->array_start = start;
		r->array_slot = r->row->slot_count;
		r->array_dtype = TAPE_F8; /* of an empty one */
		r->array_negative = false;
		r->leaf = 0;
		memset(r->dim_known, 0, sizeof(r->dim_known));
	} else if (r->array == ARRAY_NUMBERS) {
		r->in_dim[r->array_depth - 1]++;
		if (r->array_depth == TAPE_MAX_DIMS ||
		    (r->leaf && r->leaf <= r->array_depth))
			r->array = ARRAY_TEXT;
	}
	r->array_depth++;
	if (r->array == ARRAY_NUMBERS)
		r->in_dim[r->array_depth - 1] = 0;
	return 1;
}

/* The outermost bracket has closed. */
static int
array_done(struct json_reader *r)
{
	struct row_var *var;
	enum array_mode mode = r->array;

	r->array = ARRAY_NONE;
	if (mode == ARRAY_LABELS)
		return 1;
	var = new_var(r);
	if (!var)
		return 0;
	if (mode == ARRAY_TEXT) {
		r->row->slot_count = r->array_slot;
		var->kind = ROW_STR;
		var->as.str.text = r->line + r->array_start;
		var->as.str.len = at_end(r) - r->array_start;
		return 1;
	}
	var->kind = ROW_ARRAY;
	var->as.array = (struct row_array){
		.first = r->array_slot,
		.count = r->row->slot_count - r->array_slot,
		.dtype = r->array_dtype,
		.ndim = (uint8_t)(r->leaf ? r->leaf : 1),
	};
	for (unsigned i = 0; i < var->as.array.ndim; i++)
		var->as.array.dim[i] = r->leaf ? r->dim[i] : 0;
	return 1;
}

static int
array_close(struct json_reader *r)
{
	unsigned level = --r->array_depth;

	r->depth--;
	if (r->array == ARRAY_NUMBERS) {
		uint64_t n = r->in_dim[level];
		/* Rows of different lengths, and empty ones inside, make no array. */
		if ((level > 0 && n == 0) || (r->dim_known[level] && r->dim[level] != n))
			r->array = ARRAY_TEXT;
		r->dim[level] = n;
		r->dim_known[level] = true;
	}
	return r->array_depth ? 1 : array_done(r);
}

/* ---- scalars ---- */

static int
on_number(void *user, const char *text, size_t len)
{
	struct json_reader *r = user;
	struct row_var *var;

	if (r->array == ARRAY_TEXT)
		return 1;
	if (r->array != ARRAY_NONE)
		return array_number(r, text, len);
	if (r->role == ROLE_TIME && r->depth)
		return row_time_number(r->row, text, len, column_of(r, len));
	if (r->role == ROLE_LABEL && r->depth)
		return row_wrong(r->row, column_of(r, len),
				 "labels are a string or an array of strings");
	var = new_var(r);
	if (!var)
		return 0;
	if (row_number(text, len, var, &r->row->rounded) == ROW_F64 &&
	    var->as.f - var->as.f != 0)
		return row_wrong(r->row, column_of(r, len),
				 "the number is larger than any double");
	return 1;
}

static int
on_string(void *user, const unsigned char *text, size_t len)
{
	struct json_reader *r = user;
	size_t column = column_of(r, len + 2);
	struct row_var *var;

	if (r->array == ARRAY_NUMBERS)
		r->array = ARRAY_TEXT;
	if (r->array == ARRAY_TEXT)
		return 1;
	if (r->array == ARRAY_LABELS) {
		if (len == 0 || len > NAME_MAX_BYTES || has_nul(r, text, len))
			return row_wrong(r->row, column,
					 "a label has 1 to 255 bytes, no NUL");
		row_add_label(r->row, keep(r, text, len), len);
		return 1;
	}
	if (r->role == ROLE_LABEL && r->depth)
		return row_label_path(r->row, keep(r, text, len), len, column);
	if (r->role == ROLE_TIME && r->depth)
		return row_time_text(r->row, (const char *)text, len, column);
	var = new_var(r);
	if (!var)
		return 0;
	var->kind = ROW_STR;
	var->as.str.text = keep(r, text, len);
	var->as.str.len = len;
	return 1;
}

/* true, false and null. */
static int
on_word(struct json_reader *r, enum row_kind kind, bool truth)
{
	struct row_var *var;

	if (r->array == ARRAY_LABELS)
		return row_wrong(r->row, column_of(r, 4), "a label must be a string");
	if (r->array == ARRAY_NUMBERS)
		r->array = ARRAY_TEXT;
	if (r->array == ARRAY_TEXT)
		return 1;
	if (r->role != ROLE_VARIABLE && r->depth)
		return kind == ROW_NULL ||
		       row_wrong(r->row, column_of(r, 4), "'%.*s' is no %s here",
				 (int)r->name_len, r->name,
				 r->role == ROLE_TIME ? "time" : "label");
	var = new_var(r);
	if (!var)
		return 0;
	var->kind = (uint8_t)kind;
	var->as.truth = truth;
	return 1;
}

static int
on_null(void *user)
{
	return on_word(user, ROW_NULL, false);
}

static int
on_boolean(void *user, int value)
{
	return on_word(user, ROW_BOOL, value != 0);
}

/* ---- objects ---- */

static int
on_start_map(void *user)
{
	struct json_reader *r = user;
	size_t column = column_of(r, 1);

	if (r->depth == NESTING_MAX)
		return row_wrong(r->row, column, "more than %d levels", NESTING_MAX);
	if (r->array == ARRAY_LABELS)
		return row_wrong(r->row, column, "a label must be a string");
	if (r->array != ARRAY_NONE) {
		r->array = ARRAY_TEXT;
		r->depth++;
		return 1;
	}
	if (r->depth == 0 && r->seen)
		return row_wrong(r->row, column, "one object a line");
	if (r->depth && r->role != ROLE_VARIABLE)
		return row_wrong(r->row, column, "'%.*s' cannot be an object",
				 (int)r->name_len, r->name);
	r->seen = true;
	struct frame *frame = &r->frame[r->depth++];
	*frame = (struct frame){ r->prefix_len, r->row->count, column, false };
	if (r->depth > 1) {
		memcpy(r->prefix, r->name, r->name_len);
		r->prefix_len = r->name_len;
	} else {
		r->prefix_len = 0;
	}
	return 1;
}

static int
on_map_key(void *user, const unsigned char *text, size_t len)
{
	struct json_reader *r = user;
	size_t column = column_of(r, len + 2);
	size_t full = len + (r->prefix_len ? r->prefix_len + 1 : 0);

	if (r->array != ARRAY_NONE)
		return 1; /* its text is kept */
	if (len == 0)
		return row_wrong(r->row, column, "a name is empty");
	if (full > NAME_MAX_BYTES)
		return row_wrong(r->row, column, "a name has more than 255 bytes");
	if (has_nul(r, text, len))
		return row_wrong(r->row, column, "a name holds a NUL");
	if (r->prefix_len) {
		char *name = row_alloc(r->row, full);
		memcpy(name, r->prefix, r->prefix_len);
		name[r->prefix_len] = '.';
		memcpy(name + r->prefix_len + 1, text, len);
		r->name = name;
	} else {
		r->name = keep(r, text, len);
	}
	r->name_len = full;
	r->name_column = column;
	r->role = row_role(r->keys, r->name, full);
	if (len != 5 || memcmp(text, "@blob", 5) != 0)
		return 1;
	if (!r->keys->blobs)
		return row_wrong(r->row, column,
				 "\"@blob\" needs the option --blob-dir DIR");
	if (r->depth == 1)
		return row_wrong(r->row, column,
				 "a blob needs a name: {\"NAME\":{\"@blob\":...}}");
	r->frame[r->depth - 1].blob = true;
	return 1;
}

/* ---- {"@blob":NAME,"dtype":...,"shape":[...]} ---- */

static bool
blob_shape(struct json_reader *r, struct row_blob *blob, const struct row_var *var)
{
	const struct row_array *array = &var->as.array;

	if (var->kind != ROW_ARRAY || array->ndim != 1 || array->count > TAPE_MAX_DIMS ||
	    array->count == 0 || array->dtype != TAPE_I8)
		return row_wrong(r->row, var->column,
				 "\"shape\" is an array of 1 to %d sizes", TAPE_MAX_DIMS);
	blob->ndim = (uint8_t)array->count;
	for (size_t i = 0; i < array->count; i++) {
		int64_t size = (int64_t)r->row->slot[array->first + i];
		if (size < 0)
			return row_wrong(r->row, var->column,
					 "\"shape\" holds a size below 0");
		blob->dim[i] = (uint64_t)size;
	}
	return true;
}

static bool
blob_member(struct json_reader *r, struct row_blob *blob, const char *name, size_t len,
	    const struct row_var *var)
{
	bool text = var->kind == ROW_STR;

	if (len == 5 && memcmp(name, "@blob", 5) == 0) {
		if (!text || memchr(var->as.str.text, 0, var->as.str.len))
			return row_wrong(r->row, var->column,
					 "\"@blob\" is the name of a file");
		char *file = row_alloc(r->row, var->as.str.len + 1);
		memcpy(file, var->as.str.text, var->as.str.len);
		file[var->as.str.len] = 0;
		blob->file = file;
		return true;
	}
	if (len == 5 && memcmp(name, "dtype", 5) == 0) {
		if (text && var->as.str.len < sizeof(blob->dtype)) {
			memcpy(blob->dtype, var->as.str.text, var->as.str.len);
			blob->dtype[var->as.str.len] = 0;
		}
		if (!tape_dtype_parse(blob->dtype))
			return row_wrong(
				r->row, var->column,
				"\"dtype\" is one of NumPy's: \"f8\", \"i4\", ...");
		return true;
	}
	if (len == 5 && memcmp(name, "shape", 5) == 0)
		return blob_shape(r, blob, var);
	if (len == 5 && memcmp(name, "order", 5) == 0 && text && var->as.str.len == 1 &&
	    strchr("CF", var->as.str.text[0])) {
		blob->fortran = var->as.str.text[0] == 'F';
		return true;
	}
	return row_wrong(r->row, var->column,
			 "beside \"@blob\" there may be dtype, shape and order (C or F)");
}

/* The members of this object become one variable. */
static int
blob_done(struct json_reader *r, const struct frame *frame)
{
	struct row_blob *blob = (struct row_blob *)row_alloc(r->row, sizeof(*blob));
	size_t skip = r->prefix_len + 1;

	memset(blob, 0, sizeof(*blob));
	for (size_t i = frame->first_var; i < r->row->count; i++) {
		const struct row_var *var = &r->row->var[i];
		if (!blob_member(r, blob, var->name + skip, var->name_len - skip, var))
			return 0;
	}
	if (!blob->file)
		return row_wrong(r->row, frame->column,
				 "\"@blob\" is the name of a file");
	char *name = row_alloc(r->row, r->prefix_len);
	memcpy(name, r->prefix, r->prefix_len);
	r->row->count = frame->first_var;
	struct row_var *var = row_add(r->row, name, r->prefix_len, frame->column);
	var->kind = ROW_BLOB;
	var->as.blob = blob;
	return 1;
}

static int
on_end_map(void *user)
{
	struct json_reader *r = user;

	r->depth--;
	if (r->array != ARRAY_NONE)
		return 1;
	const struct frame *frame = &r->frame[r->depth];
	if (frame->blob && !blob_done(r, frame))
		return 0;
	r->prefix_len = frame->prefix_len;
	return 1;
}

static int
on_start_array(void *user)
{
	struct json_reader *r = user;

	if (r->depth == 0)
		return no_object(r);
	return array_open(r);
}

static int
on_end_array(void *user)
{
	return array_close(user);
}

/* ---- the reader ---- */

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_map_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* YAJL looks at no result of its allocator: one that ends the program is what it needs. */
static void *
parser_malloc(void *context, size_t size)
{
	(void)context;
	return mem_resize(NULL, size);
}

static void *
parser_realloc(void *context, void *old, size_t size)
{
	(void)context;
	return mem_resize(old, size);
}

static void
parser_free(void *context, void *memory)
{
	(void)context;
	free(memory);
}

static void
start_parser(struct json_reader *r)
{
	static yajl_alloc_funcs memory = { parser_malloc, parser_realloc, parser_free,
					   NULL };

	if (r->yajl)
		yajl_free(r->yajl);
	r->yajl = yajl_alloc(&callbacks, &memory, r);
	(void)yajl_config(r->yajl, yajl_allow_multiple_values, 1);
}

struct json_reader *
json_reader_new(const struct row_keys *keys)
{
	struct json_reader *r = mem_resize(NULL, sizeof(*r));

	memset(r, 0, sizeof(*r));
	r->keys = keys;
	start_parser(r);
	return r;
}

void
json_reader_free(struct json_reader *r)
{
	if (!r)
		return;
	yajl_free(r->yajl);
	free(r);
}

/* What YAJL did not like, without its prefix and newline. */
static void
parser_message(struct json_reader *r)
{
	unsigned char *text = yajl_get_error(r->yajl, 0, NULL, 0);
	const char *message = text ? (const char *)text : "not JSON";
	const char *colon = strstr(message, ": ");

	if (colon)
		message = colon + 2;
	size_t len = strcspn(message, "\n");
	if (len && message[len - 1] == '.')
		len--;
	size_t column = at_end(r);
	const char *word = r->line + (column && column <= r->len ? column - 1 : 0);
	if (strncmp(word, "NaN", 3) == 0 || strncmp(word, "Inf", 3) == 0)
		(void)row_wrong(r->row, column ? column : 1,
				"JSON has no NaN and no Infinity: write null instead");
	else if (column > r->len)
		(void)row_wrong(r->row, r->len + 1, "the line ends before the JSON does");
	else
		(void)row_wrong(r->row, column ? column : 1, "not JSON: %.*s", (int)len,
				message);
	if (text)
		yajl_free_error(r->yajl, text);
}

int
json_reader_line(struct json_reader *r, const char *line, size_t len, struct row *row)
{
	yajl_status status;

	row_clear(row);
	r->row = row;
	r->line = line;
	r->len = len;
	r->seen = false;
	r->depth = 0;
	r->prefix_len = 0;
	r->array = ARRAY_NONE;
	r->role = ROLE_VARIABLE;
	status = yajl_parse(r->yajl, (const unsigned char *)line, len + 1);
	if (status == yajl_status_error)
		parser_message(r);
	else if (status == yajl_status_ok && r->depth)
		(void)row_wrong(row, len + 1, "the line ends before its object does");
	if (row->message[0] || !row_check_names(row)) {
		start_parser(r);
		return -1;
	}
	return r->seen;
}
