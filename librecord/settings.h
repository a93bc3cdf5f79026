/* SPDX-License-Identifier: Apache-2.0 */
/* Where settings come from: the file and the environment together; and listing them. */
#ifndef TAPE_LIBRECORD_SETTINGS_H
#define TAPE_LIBRECORD_SETTINGS_H

#include "librecord/conf.h"

struct settings_of {
	const struct conf *conf;
	struct rules *rules;
};

typedef void settings_wrong_fn(void *user, const struct tape_error *err);
/*
 * Defaults, then `config` or, if NULL, the tape.conf below `dir`, then the
 * environment. What is wrong is told, and never stops it.
 */
void settings_read(int dir, const char *config, struct conf *conf, struct rules *rules,
		   settings_wrong_fn *wrong, void *user);
/* All that holds for a label path ("a/b", "" or NULL: no labels). 0 or negative: no memory. */
int settings_list(const struct settings_of *of, const char *path, tape_setting_fn *each,
		  void *user);
/* Is it a setting of the whole session? */
bool settings_is_session(const char *key);

#endif
