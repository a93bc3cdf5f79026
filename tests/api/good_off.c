/* SPDX-License-Identifier: Apache-2.0 */
/* Switched off: no library, no warning about what is then unused, nothing evaluated. */
#define TAPE_OFF
#include <tape/record.h>

struct described {
	int n;
	double x[3];
};
TAPE_DESCRIBE(described, struct described, n, x);
TAPE_OPTIONAL(described, x);
TAPE_ENUMS(described, TAPE_NAMES(n, 1, 2));

static int
never(void)
{
	__builtin_trap();
}

static int
hook(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	(void)user;
	return tape_view_fail(view, tape_view_label(view, tape_view_count(view)));
}

int
main(void)
{
	struct tape *t = tape_open("nowhere", TAPE_OPTIONS(.name = "off"));
	int only_recorded = 1, set_but_recorded;
	double a[2] = { 1, 2 };
	struct tape_build *b = tape_build_begin(t, "x");
	struct tape_ref ref;
	struct described s = { 1, { 2, 3, 4 } };

	set_but_recorded = 2;
	TAPE_LABEL(t, "outer");
	TAPE_LABELF(t, "run:%d", never());
	TAPE_WITH(t, only_recorded, TAPE_UNIT(never(), "s"));
	TAPE_INHERIT(t, tape_context(t));
	TAPE(t, "x", set_but_recorded, never(), TAPE_ARRAY(a, never()), TAPE_AS("y", a));
	TAPE_V(t, "v", "n", only_recorded);
	TAPE(t, "enum", TAPE_ENUM(never(), 1, 2));
	(void)tape_build_enum(b, NULL, 0);
	TAPE_LOCALS(t, "locals");
	TAPE_TARE(t, never(), only_recorded);
	TAPE_TARE_LOCALS(t, never());
	TAPE(t, "of", TAPE_OF(described, &s),
	     TAPE_AS("p", TAPE_OF(described, &s + never())));
	if (tape_describe(t, &described))
		return 1;
	if (tape_build_i64(b, "i", 1, 1) || tape_build_end(b) || tape_commit(t) ||
	    tape_stream_close(tape_stream_open(t), &ref) || ref.size)
		return 1;
	const struct tape_scope *scope = NULL;
	if (TAPE_RESTORE(t, "x", &only_recorded, TAPE_ARRAY(a, never()),
			 TAPE_OF(described, &s)) ||
	    tape_latest(t, "", &scope) || tape_at(t, "@x", &scope) || tape_resume(t) ||
	    tape_continue(t, tape_restored(t)))
		return 1;
	tape_note(t, "k", "v");
	if (tape_input(t, "none") || tape_output(t, "none"))
		return 1;
	if (tape_bookmark(t, "m").seq || tape_bookmark_at(t, "m", tape_position(t)).seq)
		return 1;
	if (tape_hook(t, TAPE_HOOK_CALL, NULL, hook, NULL) ||
	    tape_call(t, "c", &only_recorded) || tape_unhook(t, 1))
		return 1;
	tape_hooks_reset(t);
	struct tape_key_build *kb = tape_key_begin("k");
	struct tape_key key =
		TAPE_KEY("k", only_recorded, never(), TAPE_OF(described, &s));
	tape_key_put_f64(kb, "x", 1, 2);
	if (key.lo | tape_key_end(kb).hi)
		return 1;
	if (TAPE_RECALL(t, key, &only_recorded, TAPE_AS("y", a)) ||
	    TAPE_STORE(t, TAPE_KEY("k", never()), never(), a) ||
	    tape_cache_put(t, key, NULL) || tape_cache_drop(t, key))
		return 1;
	tape_refresh(t);
	TAPE_ADD(t, only_recorded, never(), TAPE_HASHED(a, never()));
	if (TAPE_SEEN(t, "x", only_recorded, never()) || tape_build_seen(NULL))
		return 1;
	tape_tare(t, 1);
	tape_untare(t);
	return tape_close(t) || tape_position(t).seq || tape_lost(t) || *tape_error(t);
}
