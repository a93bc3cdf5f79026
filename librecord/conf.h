/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: the [tape] section of tape.conf, and TAPE_* of the environment. */
#ifndef TAPE_LIBRECORD_CONF_H
#define TAPE_LIBRECORD_CONF_H

#include "librecord/recorder.h"

void conf_defaults(struct conf *conf);
/*
 * Reads a whole tape.conf. Each setting that is understood is applied, whatever
 * is wrong elsewhere; the first mistake is returned: TAPE_ERR_SYNTAX, err->file =
 * `file`, message with line and column. The text need not end with a NUL.
 */
int conf_parse(const char *text, size_t len, const char *file, struct conf *conf,
	       struct tape_error *err);
/* TAPE_SYNC, TAPE_COMMIT and so on. As conf_parse: applies what it can, returns the first mistake. */
int conf_environment(struct conf *conf, struct tape_error *err);
/* One setting; `value` in the spelling of the file. TAPE_ERR_SYNTAX with the message only. */
int conf_set(struct conf *conf, const char *key, const char *value,
	     struct tape_error *err);
/* "none", "commit" or the milliseconds. */
void conf_sync_text(const struct conf *conf, char text[24]);

#endif
