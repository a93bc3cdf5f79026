/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAPE_LOCALS without a list: of a function that was compiled without optimisation the
 * debug information says where its variables are. It is read once for each place of the
 * program, by a library that is loaded when the first such place is met, so that no
 * other program has to do with it.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "librecord/capture.h"
#include "librecord/report.h"
#include "locals/locals.h"

/* A place in the program: one site may have several, where its function was copied. Never freed. */
struct found {
	struct found *next;
	uintptr_t pc;
	struct tape_site site; /* of its own: its names come from here */
	uint32_t count;
	size_t bytes; /* for words and arrays of one scope */
	struct local_var *vars;
	unsigned char *kinds;
	char why[200]; /* why there are none, or "" */
};

/* Finding takes long; what was found is read without a lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
locals_after_fork(void)
{
	pthread_mutex_init(&lock, NULL);
}

/* ---- the library ---- */

/* It lies beside this one, or where the system looks. Under the lock. */
static locals_at_fn *
library(void)
{
	static bool tried;
	static locals_at_fn *at;
	char path[4096];
	const char *slash;
	void *handle = NULL;
	Dl_info info;

	if (tried)
		return at;
	tried = true;
	if (dladdr((void *)(uintptr_t)&tape_locals, &info) && info.dli_fname &&
	    (slash = strrchr(info.dli_fname, '/')) != NULL &&
	    snprintf(path, sizeof path, "%.*s/%s", (int)(slash - info.dli_fname),
		     info.dli_fname, LOCALS_LIBRARY) < (int)sizeof path)
		handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle)
		handle = dlopen(LOCALS_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (handle)
		at = (locals_at_fn *)(uintptr_t)dlsym(handle, LOCALS_AT);
	return at;
}

/*
 * AddressSanitizer may keep variables in memory of its own, where debug information does
 * not look for them: if it was asked to find the use of frames that are gone.
 */
static bool
frames_elsewhere(void)
{
	const int *asked =
		dlsym(RTLD_DEFAULT, "__asan_option_detect_stack_use_after_return");

	return asked && *asked;
}

/* ---- from a list to a site ---- */

/* Arrays of one dimension need no description. */
static bool
needs_nd(const struct local_var *var)
{
	return var->form == LOCAL_ARRAY &&
	       !(var->ndim == 1 && var->strides[0] == (int64_t)var->size);
}

static unsigned char
kind_of(const struct local_var *var)
{
	switch (var->form) {
	case LOCAL_VALUE:
		return var->kind;
	case LOCAL_TEXT:
		return tape_kind_text;
	case LOCAL_STRING:
		return tape_kind_safe;
	case LOCAL_ARRAY:
		return needs_nd(var) ? (unsigned char)tape_kind_dense
				     : (unsigned char)(tape_kind_array + var->dtype);
	default:
		return tape_kind_absent;
	}
}

struct array {
	struct tape_dense dense;
	struct tape_nd nd;
};

static void
take(struct found *f, const struct local_list *list)
{
	struct bytes names = { 0 };

	f->kinds = calloc(list->count + 1, 1);
	f->bytes = (list->count + 1) * sizeof(struct tape_word);
	for (size_t i = 0; i < list->count && f->kinds; i++) {
		const struct local_var *var = &list->vars[i];

		f->kinds[i] = kind_of(var);
		f->bytes += needs_nd(var) ? sizeof(struct array) : 0;
		bytes_put(&names, ",", i != 0);
		bytes_put(&names, var->name, strlen(var->name));
	}
	bytes_put(&names, "", 1);
	if (names.failed || !f->kinds) {
		bytes_release(&names);
		(void)snprintf(f->why, sizeof f->why, "no memory");
		return;
	}
	f->site.names = (const char *)names.data;
	f->site.count = f->count = (uint32_t)list->count;
	f->vars = list->vars;
}

static char *
copy_of(const char *text)
{
	char *copy = strdup(text);

	return copy ? copy : (char *)(uintptr_t) "";
}

/* Under the lock. NULL: no memory. */
static struct found *
find(const struct tape_site *site, uintptr_t pc)
{
	struct found *f = calloc(1, sizeof *f);
	struct local_list list = { 0 };
	locals_at_fn *at;
	char why[160];

	if (!f)
		return NULL;
	f->pc = pc;
	/* Copies: the site may be in a library that is unloaded. */
	f->site = (struct tape_site){ .version = TAPE_SITE_VERSION,
				      .line = site->line,
				      .file = copy_of(site->file),
				      .func = copy_of(site->func),
				      .names = "",
				      .flags = site->flags };
	if (site->flags & TAPE_SITE_OPTIMIZED)
		(void)snprintf(
			f->why, sizeof f->why,
			"compiled with optimisation, without a list of tape-locals");
	else if (frames_elsewhere())
		(void)snprintf(f->why, sizeof f->why,
			       "AddressSanitizer keeps variables elsewhere "
			       "(detect_stack_use_after_return)");
	else if ((at = library()) == NULL)
		(void)snprintf(f->why, sizeof f->why,
			       "no list of tape-locals, and the library %s is not there",
			       LOCALS_LIBRARY);
	else if (at(pc, site->file, site->line, &list, why, sizeof why) < 0)
		(void)snprintf(f->why, sizeof f->why, "%s", why);
	else
		take(f, &list);
	return f;
}

static struct found *
found_at(struct tape_site *site, uintptr_t pc)
{
	struct found *head = __atomic_load_n(&site->reserved, __ATOMIC_ACQUIRE);
	struct found *f = head;

	while (f && f->pc != pc)
		f = f->next;
	if (f)
		return f;
	pthread_mutex_lock(&lock);
	head = site->reserved;
	for (f = head; f && f->pc != pc;)
		f = f->next;
	if (!f && (f = find(site, pc)) != NULL) {
		f->next = head;
		__atomic_store_n(&site->reserved, (void *)f, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
	return f;
}

/* ---- values ---- */

static struct tape_word
load_bits(const struct local_var *var, const uint8_t *at)
{
	struct tape_word word = { 0, 0 };
	unsigned last = var->bit + var->bits - 1u, shift = 64u - var->bits;

	for (unsigned i = 0; i <= last / 8u && i < 8; i++)
		word.lo |= (uint64_t)at[i] << 8 * i;
	word.lo = word.lo >> var->bit << shift;
	word.lo = var->kind == tape_kind_i64 && !var->no_sign
			  ? (uint64_t)((int64_t)word.lo >> shift)
			  : word.lo >> shift;
	return word;
}

static struct tape_word
load_array(const struct local_var *var, const uint8_t *at, struct array *array)
{
	if (!array)
		return (struct tape_word){ (uint64_t)(uintptr_t)at,
					   var->dims[0] * var->size };
	array->nd = (struct tape_nd){ .data = at,
				      .dtype = tape_dtype_name(var->dtype),
				      .ndim = var->ndim };
	for (unsigned i = 0; i < var->ndim; i++) {
		array->nd.dims[i] = var->dims[i];
		array->nd.strides[i] = (ptrdiff_t)var->strides[i];
	}
	array->dense = (struct tape_dense){ .data = &array->nd,
					    .ndim = 1,
					    .flags = TAPE_DENSE_ND };
	return (struct tape_word){ (uint64_t)(uintptr_t)&array->dense, 0 };
}

static struct tape_word
load(const struct local_var *var, const uint8_t *frame, struct array *array)
{
	const uint8_t *at = var->place == LOCAL_FRAME
				    ? frame + var->at
				    : (const uint8_t *)(uintptr_t)var->at;
	const void *pointer;

	switch (var->form) {
	case LOCAL_VALUE:
		return var->bits ? load_bits(var, at)
				 : word_load(var->no_sign ? (unsigned)tape_kind_u64
							  : var->kind,
					     (size_t)var->size, at);
	case LOCAL_TEXT:
		return (struct tape_word){ (uint64_t)(uintptr_t)at, var->dims[0] };
	case LOCAL_STRING:
		memcpy(&pointer, at, sizeof pointer);
		return (struct tape_word){ (uint64_t)(uintptr_t)pointer, TAPE_SAFE_TEXT };
	case LOCAL_ARRAY:
		return load_array(var, at, array);
	default:
		return (struct tape_word){ var->reason, 0 };
	}
}

static void
record(struct tape *t, struct found *f, const char *label, const uint8_t *frame,
       void *memory)
{
	struct tape_word *words = memory;
	struct array *array = (struct array *)(void *)(words + f->count + 1);

	for (uint32_t i = 0; i < f->count; i++) {
		bool nd = needs_nd(&f->vars[i]);

		words[i] = load(&f->vars[i], frame, nd ? array : NULL);
		array += nd;
	}
	words[f->count] = (struct tape_word){ 0, 0 };
	tape_record(t, &f->site, label, f->kinds, words);
}

/* Says, once for each recorder, why a site has no variables. */
static void
complain(struct tape *t, struct found *f)
{
	struct thread_state *ts = capture_thread(t);
	struct found *first = f;
	struct plan *plan;
	char text[300];

	/* One place may have several addresses, where its function was copied. */
	while (first->next)
		first = first->next;
	if (first->count)
		first = f;
	plan = ts ? plan_find(ts, &first->site, NULL, NULL) : NULL;
	if (!plan || !said_first(&plan->said, SAID_LOCALS))
		return;
	(void)snprintf(text, sizeof text, "TAPE_LOCALS records no variables: %s", f->why);
	recorder_warn(t, "%s:%u: %s", plan->file, plan->line, text);
}

#define ON_STACK 4096u

void
tape_locals(struct tape *t, struct tape_site *site, const char *label, const void *frame)
{
	uintptr_t pc = (uintptr_t)__builtin_return_address(0) - 1;
	_Alignas(16) unsigned char some[ON_STACK];
	void *memory = some;
	struct found *f;

	if (!capture_thread(t))
		return;
	f = found_at(site, pc);
	if (!f || f->why[0] || f->count == 0) {
		static const unsigned char none[1];
		static const struct tape_word nothing[1];

		tape_record(t, f ? &f->site : site, label, none, nothing);
		if (f && f->why[0])
			complain(t, f);
		return;
	}
	if (f->bytes > sizeof some && (memory = malloc(f->bytes)) == NULL) {
		recorder_lost(t, 1);
		return;
	}
	record(t, f, label, frame, memory);
	if (memory != some)
		free(memory);
}
