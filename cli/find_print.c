/* SPDX-License-Identifier: Apache-2.0 */
/* tape-find: scopes as text, made by several threads. */
#include <stdlib.h>

#include "cli/find.h"
#include "cli/mem.h"

/* What one thread makes text with. */
struct maker {
	struct show show;
	struct out out;
};

struct printing {
	struct find *find;
	struct maker *makers;
	uint64_t left; /* of the limit */
	struct tape_pos last;
};

static int
make_text(void *user, uint32_t thread, const struct tape_scope *scope,
	  struct tape_made *made)
{
	struct maker *m = &((struct printing *)user)->makers[thread];

	m->out.len = 0;
	show_scope(&m->show, scope);
	made->data = m->out.buf;
	made->len = m->out.len;
	return 0;
}

static int
take_text(void *user, const struct tape_pos *pos, const void *data, size_t len)
{
	struct printing *p = user;
	struct out *out = &p->find->cli.out;

	(void)pos;
	p->find->found++;
	out_mem(out, data, len);
	if (p->find->cli.tty_out)
		out_flush(out);
	return --p->left == 0 || out->error != 0; /* cli_finish says why */
}

static int
make_columns(void *user, uint32_t thread, const struct tape_scope *scope,
	     struct tape_made *made)
{
	(void)made;
	show_csv_learn(&((struct printing *)user)->makers[thread].show, scope);
	return 0;
}

static int
take_position(void *user, const struct tape_pos *pos, const void *data, size_t len)
{
	struct printing *p = user;

	(void)data;
	(void)len;
	p->last = *pos;
	return --p->left == 0;
}

static int
run(struct printing *p, struct tape_cursor *cursor, tape_make_fn *make,
    tape_take_fn *take)
{
	uint32_t jobs = p->find->threads;
	struct tape_error err;
	int r = 0;

	p->makers = mem_resize(NULL, jobs * sizeof(*p->makers));
	for (uint32_t i = 0; i < jobs; i++) {
		out_hold(&p->makers[i].out);
		show_copy(&p->find->show, &p->makers[i].show, &p->makers[i].out);
	}
	if (p->left != 0)
		r = tape_cursor_each(cursor, make, take, p, &err);
	return r < 0 ? cli_fail(&p->find->cli, p->find->tape, &err) : CLI_OK;
}

static void
release(struct printing *p)
{
	for (uint32_t i = 0; i < p->find->threads; i++) {
		show_copy_release(&p->makers[i].show);
		out_release(&p->makers[i].out);
	}
	free(p->makers);
}

int
find_print(struct find *find, struct tape_cursor *cursor, uint64_t limit)
{
	struct printing p = { .find = find, .left = limit };
	int status = run(&p, cursor, make_text, take_text);

	release(&p);
	return status;
}

int
find_columns(struct find *find, struct tape_cursor *cursor, uint64_t limit,
	     struct tape_pos *last)
{
	struct printing p = { .find = find, .left = limit };
	int status = run(&p, cursor, make_columns, take_position);

	/* Nothing was learnt before: what a copy has is its own. */
	for (uint32_t i = 0; i < find->threads; i++) {
		struct show *show = &p.makers[i].show;

		show_csv_join(&find->show, show);
		for (size_t k = 0; k < show->column_count; k++)
			free(show->column[k]);
		free(show->column);
	}
	release(&p);
	*last = p.last;
	return status;
}
