/* SPDX-License-Identifier: Apache-2.0 */
#include "search/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Steps of the matcher for one text: a hostile expression ends in milliseconds. */
#define MATCH_STEPS 1000000u
#define MATCH_HEAP_KIB 16384u

static size_t
char_len(const char *text, size_t len)
{
	size_t n = 1;

	while (n < len && ((unsigned char)text[n] & 0xc0u) == 0x80u)
		n++;
	return n;
}

bool
pattern_glob(const char *glob, size_t glob_len, const char *text, size_t len)
{
	size_t g = 0, t = 0, star = SIZE_MAX, mark = 0;

	while (t < len) {
		if (g < glob_len && glob[g] == '*') {
			star = g++;
			mark = t;
		} else if (g < glob_len && glob[g] == '?') {
			t += char_len(text + t, len - t);
			g++;
		} else if (g < glob_len && glob[g] == text[t]) {
			g++;
			t++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (g < glob_len && glob[g] == '*')
		g++;
	return g == glob_len;
}

/* What one match at a time works with. Threads take one that is free. */
struct workplace {
	atomic_flag busy;
	pcre2_match_data *data; /* of who has it; the first is made beforehand */
};
#define WORKPLACES 16u

struct pattern {
	pcre2_code *code;
	pcre2_match_context *context;
	struct workplace places[WORKPLACES];
};

struct pattern *
pattern_compile(const char *text, size_t len, size_t *error_at, char *message,
		size_t message_cap)
{
	struct pattern *p = calloc(1, sizeof *p);
	int code = 0;
	PCRE2_SIZE at = 0;

	*error_at = 0;
	snprintf(message, message_cap, "out of memory");
	if (p == NULL)
		return NULL;
	p->code = pcre2_compile((PCRE2_SPTR)text, len,
				PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
					PCRE2_NEVER_BACKSLASH_C,
				&code, &at, NULL);
	if (p->code == NULL) {
		*error_at = at;
		pcre2_get_error_message(code, (PCRE2_UCHAR *)message, message_cap);
		pattern_free(p);
		return NULL;
	}
	/* Without executable memory the interpreter does the work. */
	(void)pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	for (unsigned i = 0; i < WORKPLACES; i++)
		atomic_flag_clear(&p->places[i].busy);
	p->places[0].data = pcre2_match_data_create(1, NULL);
	p->context = pcre2_match_context_create(NULL);
	if (p->places[0].data == NULL || p->context == NULL) {
		pattern_free(p);
		return NULL;
	}
	pcre2_set_match_limit(p->context, MATCH_STEPS);
	pcre2_set_heap_limit(p->context, MATCH_HEAP_KIB);
	return p;
}

static int
match_with(const struct pattern *p, const char *text, size_t len, pcre2_match_data *data)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)(len != 0 ? text : "");
	int r = pcre2_match(p->code, subject, len, 0, 0, data, p->context);

	if (r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = pcre2_match(p->code, subject, len, 0, PCRE2_NO_JIT, data, p->context);
	if (r >= 0)
		return 1;
	return r == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

/* The patterns of a query are const to those who match: where they work is no part of what they are. */
static struct workplace *
take_place(const struct pattern *p)
{
	struct pattern *mutable = (struct pattern *)(uintptr_t)p;

	for (;;)
		for (unsigned i = 0; i < WORKPLACES; i++) {
			struct workplace *w = &mutable->places[i];

			if (atomic_flag_test_and_set_explicit(&w->busy,
							      memory_order_acquire))
				continue;
			if (w->data == NULL)
				w->data = pcre2_match_data_create(1, NULL);
			if (w->data != NULL)
				return w;
			/* No memory for another: the first one becomes free. */
			atomic_flag_clear_explicit(&w->busy, memory_order_release);
		}
}

int
pattern_match(const struct pattern *p, const char *text, size_t len)
{
	struct workplace *w = take_place(p);
	int r = match_with(p, text, len, w->data);

	atomic_flag_clear_explicit(&w->busy, memory_order_release);
	return r;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_match_context_free(p->context);
	for (unsigned i = 0; i < WORKPLACES; i++)
		pcre2_match_data_free(p->places[i].data);
	pcre2_code_free(p->code);
	free(p);
}
