/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the variables of a scope to those of a program: all of them, or none. First
 * everything is looked up, checked, read and converted aside; what then is left to do
 * cannot fail.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "search/bind.h"
#include "search/name.h"
#include "search/partial.h"
#include "search/scope.h"

static __thread char problem[1024];

enum fill {
	FILL_SCALAR,
	FILL_ARRAY,
	FILL_TEXT,   /* an array of char: NULs behind the text */
	FILL_BYTES,  /* of just this size */
	FILL_STRING, /* memory of its own, a NUL behind it */
	FILL_NEW,    /* memory of its own, of any size */
	FILL_FILE,   /* a file of its own */
};

/* One output, and what it will be filled with. */
struct target {
	char name[2 * LIMIT_NAME + 2];
	uint8_t fill;
	uint8_t kind; /* of scalars: enum tape_kind */
	uint8_t dtype, ndim, fortran;
	bool optional, skip;
	void *to;
	size_t size;   /* of a scalar, or the room for text or bytes */
	size_t *count; /* FILL_NEW, FILL_STRING: may be NULL */
	uint64_t dims[TAPE_MAX_DIMS];

	uint8_t scalar[32];
	char *tmp;	  /* FILL_FILE: what it is called until all else is ready */
	const void *data; /* borrowed from the scope, or: */
	void *own; /* taken over by the program (FILL_NEW, FILL_STRING), or freed */
	size_t len;
};

struct binding {
	const struct bind_from *from;
	struct target *targets;
	size_t count, cap;
};

static int fail(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int
fail(const char *name, const char *format, ...)
{
	va_list ap;
	int n = snprintf(problem, sizeof problem, "%s: ", name);

	va_start(ap, format);
	vsnprintf(problem + n, sizeof problem - (size_t)n, format, ap);
	va_end(ap);
	return -1;
}

/* ---- what is to be filled ---- */

static struct target *
target_new(struct binding *b)
{
	size_t cap = b->cap == 0 ? 32 : b->cap * 2;
	struct target *more;

	if (b->count == b->cap) {
		more = realloc(b->targets, cap * sizeof *more);
		if (more == NULL) {
			(void)fail("tape_bind", "no memory");
			return NULL;
		}
		b->targets = more;
		b->cap = cap;
	}
	memset(&b->targets[b->count], 0, sizeof b->targets[0]);
	return &b->targets[b->count++];
}

/* The name that was given, else the one that follows from the text. */
static void
name_target(struct target *t, const struct tape_named *out, const char *text, size_t len)
{
	if (out->name != NULL && *out->name != '\0')
		(void)name_clean(out->name, strlen(out->name), t->name, NULL, NULL);
	else if (out->text != NULL)
		(void)name_from_text(out->text, strlen(out->text), t->name);
	else
		(void)name_from_text(text, len, t->name);
}

static int
add_dense(struct target *t, const struct tape_dense *d, const struct tape_named *out)
{
	if (out->name == NULL && d->text != NULL)
		(void)name_from_text(d->text, strlen(d->text), t->name);
	t->to = (void *)(uintptr_t)d->data;
	t->size = (size_t)d->dims[0];
	if (d->flags & (TAPE_DENSE_ND | TAPE_DENSE_BAD) || d->stride != 0)
		return fail(t->name, "only dense arrays can be filled");
	if (d->flags & TAPE_DENSE_TEXT) {
		t->fill = FILL_TEXT;
	} else if (d->flags & TAPE_DENSE_BYTES) {
		t->fill = FILL_BYTES;
	} else {
		t->fill = FILL_ARRAY;
		t->dtype = d->dtype;
		t->ndim = d->ndim;
		t->fortran = d->ndim > 1 && (d->flags & TAPE_DENSE_FORTRAN) != 0;
		memcpy(t->dims, d->dims, sizeof t->dims);
	}
	return 0;
}

static int
add_member(struct target *t, const struct tape_member *member, void *base)
{
	struct partial_shape shape;

	t->to = (char *)base + member->offset;
	if (!partial_member_shape(member, &shape))
		return fail(t->name,
			    "TAPE_DESCRIBE is of another version of the library");
	t->size = shape.size;
	t->kind = shape.kind;
	if (shape.text) {
		t->fill = FILL_TEXT;
	} else if (shape.ndim != 0) {
		t->fill = FILL_ARRAY;
		t->dtype = shape.dtype;
		t->ndim = shape.ndim;
		memcpy(t->dims, shape.dims, sizeof t->dims);
	} else {
		t->fill = shape.kind == tape_kind_text ? FILL_STRING : FILL_SCALAR;
	}
	return 0;
}

static int
add_struct(struct binding *b, const struct tape_of *of, const char *prefix)
{
	const struct tape_partial *p = of->partial;
	const struct tape_member *members;
	const char *rest;
	char name[LIMIT_NAME + 1];

	if (!partial_known(p))
		return fail("TAPE_OF",
			    "TAPE_DESCRIBE is of another version of the library");
	if (of->at == NULL || !of->writable)
		return fail(p->name, of->at == NULL
					     ? "TAPE_OF was given a null pointer"
					     : "TAPE_OF was given a pointer to const");
	members = p->list();
	rest = p->members;
	for (uint32_t i = 0; i < p->count; i++) {
		struct target *t = target_new(b);

		if (t == NULL)
			return -1;
		(void)partial_member_name(&rest, name);
		snprintf(t->name, sizeof t->name, "%s%s%s", prefix, *prefix ? "." : "",
			 name);
		t->optional = partial_member_optional(p, name);
		if (add_member(t, &members[i], (void *)(uintptr_t)of->at) != 0)
			return -1;
	}
	return 0;
}

/* An output of a kind that is TAPE_TO and more. */
static int
add_pointer(struct target *t, const struct tape_named *out)
{
	unsigned kind = out->kind - (unsigned)TAPE_TO;

	t->size = (size_t)out->value.hi;
	t->kind = (uint8_t)kind;
	if (kind == TAPE_OUT_FILE) {
		t->fill = FILL_FILE;
		return 0;
	}
	if (kind == tape_kind_text || kind > tape_kind_array) {
		t->fill = kind == tape_kind_text ? FILL_STRING : FILL_NEW;
		/* &p of a char * gives the size of p there; TAPE_NEW an address. */
		t->count = out->value.hi == sizeof(char *)
				   ? NULL
				   : (size_t *)(uintptr_t)out->value.hi;
		t->dtype = (uint8_t)(kind > tape_kind_array ? kind - tape_kind_array : 0);
	}
	return 0;
}

static int
add_out(struct binding *b, const struct tape_named *out, const char *text, size_t len)
{
	const void *at = (const void *)(uintptr_t)out->value.lo;
	struct target *t;

	if (out->kind == tape_kind_of)
		return add_struct(b, at, out->name != NULL ? out->name : "");
	t = target_new(b);
	if (t == NULL)
		return -1;
	name_target(t, out, text, len);
	t->to = (void *)(uintptr_t)out->value.lo;
	if (t->to == NULL)
		return fail(t->name, "the output is a null pointer");
	if (out->kind == tape_kind_dense)
		return add_dense(t, at, out);
	if (out->kind > TAPE_TO)
		return add_pointer(t, out);
	t->size = (size_t)out->value.hi;
	if (out->kind == tape_kind_text) {
		t->fill = FILL_TEXT;
		return t->size <= PTRDIFF_MAX ? 0
					      : fail(t->name, "a char * is no output: "
							      "say TAPE_TEXT(p, n)");
	}
	if (out->kind <= tape_kind_array ||
	    tape_dtype_size(out->kind - (unsigned)tape_kind_array) == 0)
		return fail(t->name, "a value is no output: give its address");
	t->fill = FILL_ARRAY;
	t->dtype = (uint8_t)(out->kind - tape_kind_array);
	t->ndim = 1;
	t->dims[0] = t->size / tape_dtype_size(t->dtype);
	return 0;
}

/* ---- what it is filled with ---- */

static const char *
type_name(const struct tape_value *v, char text[TAPE_MAX_DIMS * 24 + 16])
{
	static const char *const names[] = {
		"null",	  "absent", "a bool", "an i64", "a u64",
		"an f64", "an f32", "a c16",  "a c8",
	};
	struct partial_field field = { .name = (char *)"", .type = (char *)"" };
	struct partial_fault fault = { &field, v->type, false };
	char whole[400], *end;

	if (v->type < sizeof names / sizeof names[0])
		return names[v->type];
	if (v->type != TAPE_ARRAY_T)
		return v->type == TAPE_STR ? "text" : "bytes";
	/* ": is f8[3], expected " */
	partial_fault_text(&fault, v, whole, sizeof whole);
	end = strchr(whole, ']');
	if (end != NULL)
		end[1] = '\0';
	snprintf(text, TAPE_MAX_DIMS * 24 + 16, "%.200s", whole + 5);
	return text;
}

static int
wrong_type(const struct target *t, const struct tape_value *v, const char *expected)
{
	char text[TAPE_MAX_DIMS * 24 + 16];

	return fail(t->name, "is %s on the tape, the output is %s", type_name(v, text),
		    expected);
}

/* An integer of size bytes. */
static int
fill_integer(struct target *t, const struct tape_value *v)
{
	bool is_signed = t->kind == tape_kind_i64;
	unsigned bits = (unsigned)(8 * t->size);
	uint64_t u = v->as.u;
	bool negative = v->type == TAPE_I64 && v->as.i < 0;
	bool fits;

	if (v->type != TAPE_I64 && v->type != TAPE_U64)
		return wrong_type(t, v, "an integer");
	if (is_signed)
		fits = negative ? v->as.i >= -(INT64_MAX >> (64 - bits)) - 1
				: u <= (uint64_t)(INT64_MAX >> (64 - bits));
	else
		fits = !negative && u <= UINT64_MAX >> (64 - bits);
	if (!fits && negative)
		return fail(t->name,
			    "is %lld on the tape, which does not fit the %zu bytes "
			    "of the output",
			    (long long)v->as.i, t->size);
	if (!fits)
		return fail(t->name,
			    "is %llu on the tape, which does not fit the %zu bytes "
			    "of the output",
			    (unsigned long long)u, t->size);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "values are taken from the low end"
#endif
	memcpy(t->scalar, &u, t->size);
	return 0;
}

static int
fill_float(struct target *t, const struct tape_value *v)
{
	long double wide = (long double)v->as.f;
	float narrow = (float)v->as.f;

	if (t->kind == tape_kind_f32) {
		if (v->type != TAPE_F32)
			return wrong_type(t, v, "a float");
		memcpy(t->scalar, &narrow, sizeof narrow);
		return 0;
	}
	if (v->type != TAPE_F64 && v->type != TAPE_F32)
		return wrong_type(t, v, "a double");
	if (t->kind == tape_kind_ld)
		memcpy(t->scalar, &wide, sizeof wide);
	else
		memcpy(t->scalar, &v->as.f, sizeof v->as.f);
	return 0;
}

static int
fill_complex(struct target *t, const struct tape_value *v)
{
	float narrow[2] = { (float)v->as.c[0], (float)v->as.c[1] };
	long double wide[2] = { (long double)v->as.c[0], (long double)v->as.c[1] };

	if (t->kind == tape_kind_c8) {
		if (v->type != TAPE_C8)
			return wrong_type(t, v, "a float _Complex");
		memcpy(t->scalar, narrow, sizeof narrow);
		return 0;
	}
	if (v->type != TAPE_C16 && v->type != TAPE_C8)
		return wrong_type(t, v, "a double _Complex");
	if (t->kind == tape_kind_cld)
		memcpy(t->scalar, wide, sizeof wide);
	else
		memcpy(t->scalar, v->as.c, sizeof v->as.c);
	return 0;
}

static int
fill_scalar(struct target *t, const struct tape_value *v)
{
	bool truth = v->as.i != 0;

	switch (t->kind) {
	case tape_kind_bool:
		if (v->type != TAPE_BOOL)
			return wrong_type(t, v, "a bool");
		memcpy(t->scalar, &truth, sizeof truth);
		return 0;
	case tape_kind_i64:
	case tape_kind_u64:
	case TAPE_MEMBER_ENUM:
		return fill_integer(t, v);
	case tape_kind_f64:
	case tape_kind_f32:
	case tape_kind_ld:
		return fill_float(t, v);
	default:
		return fill_complex(t, v);
	}
}

/* The bytes of a wide value, wherever they are; in memory of its own if `keep`. */
static int
take_bytes(const struct binding *b, struct target *t, size_t index,
	   const struct tape_value *v, bool keep)
{
	struct tape_error err = { 0 };
	uint8_t *own = NULL;

	t->len = (size_t)v->size;
	if (v->data != NULL || v->size == 0) {
		t->data = v->data;
		if (!keep)
			return 0;
		t->own = malloc(t->len + 1);
		if (t->own == NULL)
			return fail(t->name, "no memory for %zu bytes", t->len);
		if (t->len != 0)
			memcpy(t->own, v->data, t->len);
		((char *)t->own)[t->len] = '\0';
		return 0;
	}
	if (v->store == TAPE_AS_HASH)
		return fail(t->name, "only its hash was recorded");
	if (b->from->bytes(b->from->user, index, &own, &err) != 0)
		return fail(t->name, "its blob cannot be read: %s", err.message);
	t->data = t->own = own;
	return 0;
}

static int
check_array(const struct target *t, const struct tape_value *v)
{
	struct tape_value output = { .type = TAPE_ARRAY_T,
				     .dtype = t->dtype,
				     .ndim = t->ndim };
	char text[TAPE_MAX_DIMS * 24 + 16];

	memcpy(output.dims, t->dims, sizeof output.dims);
	if (v->type != TAPE_ARRAY_T || v->dtype != t->dtype || v->ndim != t->ndim ||
	    memcmp(v->dims, t->dims, v->ndim * sizeof v->dims[0]) != 0)
		return wrong_type(t, v, type_name(&output, text));
	if (v->ndim > 1 && v->fortran != t->fortran)
		return fail(t->name,
			    "is stored with its %s index running fastest: say %s",
			    v->fortran ? "first" : "last",
			    v->fortran ? "TAPE_FARRAY" : "TAPE_ARRAY");
	return 0;
}

static int
check_text(const struct target *t, const struct tape_value *v)
{
	if (v->type != TAPE_STR && v->type != TAPE_BYTES_T)
		return wrong_type(t, v, t->fill == FILL_BYTES ? "bytes" : "text");
	if (t->fill == FILL_STRING)
		return 0;
	if (t->fill == FILL_BYTES ? v->size != t->size : v->size > t->size)
		return fail(t->name, "has %llu bytes on the tape, the output has %zu",
			    (unsigned long long)v->size, t->size);
	return 0;
}

/* Text, bytes, elements as they lie in memory: whole, under another name until all is ready. */
static int
write_file(struct target *t)
{
	const char *path = t->to;
	size_t cap = strlen(path) + 32;
	char cause[128];
	int fd = -1, r = 0;

	t->tmp = malloc(cap);
	if (t->tmp == NULL)
		return fail(t->name, "no memory for the name of a file");
	for (unsigned n = 0; n < 1000; n++) {
		snprintf(t->tmp, cap, "%s.%u-%u.tmp", path, (unsigned)os_getpid(), n);
		r = os_create(OS_CWD, t->tmp, &fd);
		if (r != -EEXIST)
			break;
	}
	if (r == 0) {
		r = os_write_all(fd, t->data, t->len, NULL);
		os_close(&fd);
		if (r != 0)
			(void)os_unlink(OS_CWD, t->tmp);
	}
	if (r != 0) {
		free(t->tmp);
		t->tmp = NULL;
		return fail(t->name, "cannot write the file %s: %s", path,
			    os_strerror(r, cause, sizeof cause));
	}
	return 0;
}

/* The files that are ready get their names; after a failure those that are left go. */
static int
name_files(struct binding *b, int r)
{
	char cause[128];

	for (size_t i = 0; i < b->count; i++) {
		struct target *t = &b->targets[i];
		int status = 0;

		if (t->tmp == NULL)
			continue;
		if (r == 0)
			status = os_rename(OS_CWD, t->tmp, OS_CWD, t->to);
		if (status != 0)
			r = fail(t->name, "cannot name the file %s: %s", (char *)t->to,
				 os_strerror(status, cause, sizeof cause));
		if (r != 0)
			(void)os_unlink(OS_CWD, t->tmp);
		free(t->tmp);
		t->tmp = NULL;
	}
	return r;
}

static int
check_new(const struct target *t, const struct tape_value *v)
{
	bool bytes = t->dtype == TAPE_U1 && v->type == TAPE_BYTES_T;

	char text[64];

	if (!bytes && (v->type != TAPE_ARRAY_T || v->dtype != t->dtype)) {
		snprintf(text, sizeof text, "an array of %s", tape_dtype_name(t->dtype));
		return wrong_type(t, v, text);
	}
	return 0;
}

/* One output: found, checked, read. */
static int
prepare(const struct binding *b, struct target *t)
{
	int64_t at = b->from->find(b->from->user, t->name);
	const struct tape_value *v;
	char reason[16];
	int r;

	if (at < 0 && b->count == 1)
		at = b->from->only;
	v = at < 0 ? NULL : b->from->value(b->from->user, (size_t)at);

	if (v == NULL || v->type == TAPE_NULL || v->type == TAPE_ABSENT) {
		t->skip = t->optional;
		if (t->skip)
			return 0;
		if (v != NULL && v->type == TAPE_ABSENT)
			return fail(t->name, "is absent from the scope: %s",
				    tape_absent_name(v->absent, reason));
		return fail(t->name, v == NULL ? "is missing in the scope"
					       : "is null in the scope");
	}
	switch (t->fill) {
	case FILL_SCALAR:
		return fill_scalar(t, v);
	case FILL_ARRAY:
		r = check_array(t, v);
		break;
	case FILL_NEW:
		r = check_new(t, v);
		break;
	case FILL_FILE:
		r = v->type < TAPE_STR ? wrong_type(t, v, "a file")
				       : take_bytes(b, t, (size_t)at, v, false);
		return r == 0 ? write_file(t) : r;
	default:
		r = check_text(t, v);
		break;
	}
	if (r != 0)
		return r;
	return take_bytes(b, t, (size_t)at, v,
			  t->fill == FILL_NEW || t->fill == FILL_STRING);
}

/* ---- filling ---- */

static void
commit(struct target *t)
{
	size_t element = tape_dtype_size(t->dtype);

	if (t->skip)
		return;
	switch (t->fill) {
	case FILL_SCALAR:
		memcpy(t->to, t->scalar, t->size);
		break;
	case FILL_FILE:
		break;
	case FILL_STRING:
	case FILL_NEW:
		memcpy(t->to, &t->own, sizeof t->own);
		t->own = NULL;
		if (t->count != NULL)
			*t->count = t->len / (element != 0 ? element : 1);
		break;
	default:
		if (t->len != 0)
			memcpy(t->to, t->data, t->len);
		if (t->fill == FILL_TEXT && t->len < t->size)
			memset((char *)t->to + t->len, 0, t->size - t->len);
		break;
	}
}

const char *
tape_bind_error(void)
{
	return problem;
}

void
bind_problem(const char *text)
{
	(void)snprintf(problem, sizeof problem, "%s", text);
}

int
bind_outputs(const struct bind_from *from, const char *names, size_t count,
	     const struct tape_named *outs)
{
	struct binding b = { .from = from };
	const char *piece = "?";
	size_t len = 1;
	int r = 0;

	problem[0] = '\0';
	for (size_t i = 0; i < count && r == 0; i++) {
		if (names == NULL || !name_next_piece(&names, &piece, &len)) {
			piece = "?";
			len = 1;
		}
		r = add_out(&b, &outs[i], piece, len);
	}
	for (size_t i = 0; i < b.count && r == 0; i++)
		r = prepare(&b, &b.targets[i]);
	r = name_files(&b, r);
	for (size_t i = 0; i < b.count && r == 0; i++)
		commit(&b.targets[i]);
	for (size_t i = 0; i < b.count; i++)
		free(b.targets[i].own);
	free(b.targets);
	return r == 0;
}

/* ---- from a scope ---- */

static int64_t
scope_find(void *user, const char *name)
{
	return tape_scope_var_find(user, name);
}

static const struct tape_value *
scope_at(void *user, size_t index)
{
	return tape_scope_var(user, index).value;
}

int
bind_scope_bytes(void *user, size_t index, uint8_t **out, struct tape_error *err)
{
	const struct tape_value *v = tape_scope_var(user, index).value;
	struct tape_blob *blob = NULL;
	uint8_t *own = NULL;
	int64_t n = 0;
	/* What a file says about its size is looked at before memory is asked for. */
	int r = tape_blob_open(user, index, &blob, err);

	if (r != 0)
		return r;
	own = tape_blob_size(blob) == v->size ? malloc((size_t)v->size + 1) : NULL;
	if (own == NULL)
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for %llu bytes",
			      (unsigned long long)v->size);
	else
		n = tape_blob_read(blob, own, (size_t)v->size, 0, err);
	tape_blob_close(blob);
	if (r == 0 && n < 0)
		r = (int)n;
	if (r == 0 && (uint64_t)n != v->size)
		r = error_set(err, TAPE_ERR_DAMAGED, NULL, 0, "it became shorter");
	if (r != 0) {
		free(own);
		return r;
	}
	own[v->size] = '\0';
	*out = own;
	return 0;
}

int
tape_bind(const struct tape_scope *scope, const char *names, size_t count,
	  const struct tape_named *outs)
{
	struct bind_from from = { .user = (void *)(uintptr_t)scope,
				  .find = scope_find,
				  .value = scope_at,
				  .bytes = bind_scope_bytes,
				  .only = -1 };

	problem[0] = '\0';
	if (scope == NULL)
		return fail("TAPE_BIND", "there is no scope") + 1;
	return bind_outputs(&from, names, count, outs);
}
