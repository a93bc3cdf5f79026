/* SPDX-License-Identifier: Apache-2.0 */
/* The spelling of values in JSON (docs/format/values.md section 4). */
#ifndef TAPE_CLI_JSON_H
#define TAPE_CLI_JSON_H

#include "cli/out.h"
#include "tape/value.h"

/* A JSON string with its quotes. */
void json_text(struct out *out, const char *text, size_t len);
void json_str(struct out *out, const char *text); /* NUL-terminated */
void json_double(struct out *out, double value);
void json_float(struct out *out, float value);
void json_value(struct out *out, const struct tape_value *value);
void json_base64(struct out *out, const void *data, size_t len);
/* {"blob":...}, whatever the value's store. */
void json_blob(struct out *out, const struct tape_value *value);

#endif
