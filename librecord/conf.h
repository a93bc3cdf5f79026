/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: tape.conf, and TAPE_* of the environment. Those for labels go to rules.h. */
#ifndef TAPE_LIBRECORD_CONF_H
#define TAPE_LIBRECORD_CONF_H

#include "librecord/rules.h"

void conf_defaults(struct conf *conf);
/*
 * Reads a whole tape.conf. In [tape], each setting that is understood is applied,
 * whatever is wrong elsewhere. A mistake in a [rule ...] leaves the whole file out:
 * conf and rules are as before. The first mistake is returned, one in a rule before
 * others: TAPE_ERR_SYNTAX, err->file = `file`, message with line and column. The text
 * need not end with a NUL.
 */
int conf_parse(const char *text, size_t len, const char *file, struct conf *conf,
	       struct rules *rules, struct tape_error *err);
/* TAPE_SYNC, TAPE_EVERY and so on: applies what it can, returns the first mistake. */
int conf_environment(struct conf *conf, struct rules *rules, struct tape_error *err);
/* One setting of the session; `value` in the spelling of the file. TAPE_ERR_SYNTAX with the message only. */
int conf_set(struct conf *conf, const char *key, const char *value,
	     struct tape_error *err);
/* Key and environment variable of one of CONF_SETTINGS. */
const char *conf_setting(size_t index, const char **variable);
/* Its value in the spelling of the file. */
void conf_setting_text(const struct conf *conf, size_t index, char text[CONF_TEXT]);
/* "none", "commit" or the milliseconds. */
void conf_sync_text(const struct conf *conf, char text[24]);
/* off, exact (or on), subset. */
bool conf_dedup(const char *text, enum dedup_mode *out);
const char *conf_dedup_text(unsigned mode);
/* TAPE_EVERY for "every". */
#define CONF_VARIABLE 40
void conf_variable(const char *key, char variable[CONF_VARIABLE]);
/* A variable of the environment is a setting's but for one letter: TAPE_ERR_SYNTAX. Else 0. */
int conf_mistyped(struct tape_error *err);
/* Decimal digits up to `max`, nothing else. */
bool conf_digits(const char *text, uint64_t max, uint64_t *out);
/* "65536", "64K", "1M", "2G", with or without B or iB. */
bool conf_size(const char *text, uint64_t *out);
void conf_size_text(uint64_t size, char text[24]);

#endif
