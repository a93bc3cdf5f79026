/* SPDX-License-Identifier: Apache-2.0 */
/* A form with one variable of each type. */
#ifndef TESTS_SUPPORT_EVERY_FORM_H
#define TESTS_SUPPORT_EVERY_FORM_H

#include "format/form.h"

#define EVERY_FORM 15u
/* As captured: in an order that is not that of their names. */
extern const struct form_var every_form_vars[EVERY_FORM];
extern const char *const every_form_labels[3];
/* Form 5, from src/model.c:4711. */
void every_form_make(struct form *form);

#endif
