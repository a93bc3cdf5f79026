/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/every_form.h"

#include <check.h>

const char *const every_form_labels[3] = { "run:17", "d\xc3\xa9j\xc3\xa0 vu", "iter" };
static struct form_enumerator phases[] = { { -1, "lost" },
					   { 0, "lag" },
					   { 7, "growth" } };

const struct form_var every_form_vars[EVERY_FORM] = {
	{ .name = "z", .unit = "m/s", .type = TAPE_F64 },
	{ .name = "phase",
	  .unit = "",
	  .type = TAPE_I64,
	  .enumerator_count = 3,
	  .enumerators = phases },
	{ .name = "nothing", .unit = "", .type = TAPE_NULL },
	{ .name = "gone", .unit = "", .type = TAPE_ABSENT },
	{ .name = "flag", .unit = "", .type = TAPE_BOOL },
	{ .name = "count", .unit = "1", .type = TAPE_U64 },
	{ .name = "single", .unit = "", .type = TAPE_F32 },
	{ .name = "cd", .unit = "", .type = TAPE_C16 },
	{ .name = "cf", .unit = "", .type = TAPE_C8 },
	{ .name = "text", .unit = "", .type = TAPE_STR },
	{ .name = "raw", .unit = "", .type = TAPE_BYTES_T },
	{ .name = "field", .unit = "g/L", .type = TAPE_ARRAY_T },
	{ .name = "stored", .unit = "", .type = TAPE_ARRAY_T, .store = TAPE_AS_BLOB },
	{ .name = "counted", .unit = "", .type = TAPE_BYTES_T, .store = TAPE_AS_HASH },
	{ .name = "Z", .unit = "", .type = TAPE_STR },
};

void
every_form_make(struct form *form)
{
	struct tape_error err;

	ck_assert_msg(form_build(5, "src/model.c", 4711, "step", every_form_labels, 3,
				 every_form_vars, EVERY_FORM, form, &err) == 0,
		      "%s", err.message);
}
