/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json.h"

#include <math.h>

#include "cli/cli.h"

/* ---- text ---- */

/* What stands after the backslash; 'u' for \u00xx, 0 for a byte that stands as it is. */
static char
escape_of(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\t':
		return 't';
	case '\n':
		return 'n';
	case '\f':
		return 'f';
	case '\r':
		return 'r';
	default:
		return c < 0x20 || c == 0x7f ? 'u' : 0;
	}
}

/* True if one of 8 bytes needs an escape or is not ASCII. May say so when none is. */
static bool
any_special(const unsigned char *text)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	uint64_t x, control, quote, slash, del;

	memcpy(&x, text, sizeof(x));
	control = x - ones * 0x20;
	quote = (x ^ (ones * '"')) - ones;
	slash = (x ^ (ones * '\\')) - ones;
	del = (x ^ (ones * 0x7f)) - ones;
	return ((control | quote | slash | del | x) & tops) != 0;
}

/* Bytes that stand as they are: up to one that needs an escape or is not UTF-8. */
static size_t
plain_length(const unsigned char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n = 1;

		if (len - at >= 8 && !any_special(text + at))
			n = 8;
		else if (text[at] >= 0x80)
			n = tape_utf8_char(text + at, len - at);
		else if (escape_of(text[at]))
			n = 0;
		if (!n)
			break;
		at += n;
	}
	return at;
}

static void
json_escape(struct out *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char escape = escape_of(c);

	if (!escape) { /* no UTF-8: a forged or damaged tape; the line must stay JSON */
		out_mem(out, "\xef\xbf\xbd", 3);
		return;
	}
	out_char(out, '\\');
	out_char(out, escape);
	if (escape == 'u') {
		out_mem(out, "00", 2);
		out_char(out, hex[c >> 4]);
		out_char(out, hex[c & 15]);
	}
}

void
json_text(struct out *out, const char *text, size_t len)
{
	const unsigned char *from = (const unsigned char *)text;

	out_char(out, '"');
	while (len) {
		size_t plain = plain_length(from, len);

		out_mem(out, from, plain);
		from += plain;
		len -= plain;
		if (!len)
			break;
		json_escape(out, *from++);
		len--;
	}
	out_char(out, '"');
}

void
json_str(struct out *out, const char *text)
{
	json_text(out, text, strlen(text));
}

void
json_base64(struct out *out, const void *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *from = data;

	for (; len; from += 3) {
		uint32_t word = (uint32_t)from[0] << 16;
		if (len > 1)
			word |= (uint32_t)from[1] << 8;
		if (len > 2)
			word |= from[2];
		char *to = out_room(out, 4);
		to[0] = digits[word >> 18];
		to[1] = digits[word >> 12 & 63];
		to[2] = len > 1 ? digits[word >> 6 & 63] : '=';
		to[3] = len > 2 ? digits[word & 63] : '=';
		out_add(out, 4);
		len -= len < 3 ? len : 3;
	}
}

/* ---- numbers ---- */

static bool
json_special(struct out *out, double value)
{
	if (isnan(value))
		out_str(out, "\"NaN\"");
	else if (isinf(value))
		out_str(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else
		return false;
	return true;
}

void
json_double(struct out *out, double value)
{
	if (!json_special(out, value))
		out_add(out, tape_double_text(value, out_room(out, TAPE_DOUBLE_TEXT)));
}

void
json_float(struct out *out, float value)
{
	if (!json_special(out, (double)value))
		out_add(out, tape_float_text(value, out_room(out, TAPE_DOUBLE_TEXT)));
}

static void
json_half(struct out *out, uint16_t bits)
{
	const uint16_t infinity = 0x7c00;

	if ((bits & infinity) != infinity)
		out_add(out, tape_half_text(bits, out_room(out, TAPE_DOUBLE_TEXT)));
	else if (bits & 0x3ff)
		(void)json_special(out, (double)NAN);
	else
		(void)json_special(out, (double)(bits >> 15 ? -INFINITY : INFINITY));
}

/* ---- arrays ---- */

static void
json_pair(struct out *out, double re, double im, bool single)
{
	out_char(out, '[');
	if (single)
		json_float(out, (float)re);
	else
		json_double(out, re);
	out_char(out, ',');
	if (single)
		json_float(out, (float)im);
	else
		json_double(out, im);
	out_char(out, ']');
}

#define ELEMENT(type, name)                                                              \
	type name;                                                                       \
	memcpy(&(name), at, sizeof(name))

static void
json_real_element(struct out *out, unsigned dtype, const uint8_t *at)
{
	if (dtype == TAPE_F8) {
		ELEMENT(double, value);
		json_double(out, value);
	} else if (dtype == TAPE_F4) {
		ELEMENT(float, value);
		json_float(out, value);
	} else if (dtype == TAPE_F2) {
		ELEMENT(uint16_t, value);
		json_half(out, value);
	} else if (dtype == TAPE_C16_T) {
		double value[2];
		memcpy(value, at, sizeof(value));
		json_pair(out, value[0], value[1], false);
	} else {
		float value[2];
		memcpy(value, at, sizeof(value));
		json_pair(out, (double)value[0], (double)value[1], true);
	}
}

static void
json_element(struct out *out, unsigned dtype, const uint8_t *at)
{
	switch (dtype) {
	case TAPE_B1:
		out_str(out, *at ? "true" : "false");
		return;
	case TAPE_I1:
		out_i64(out, (int8_t)*at);
		return;
	case TAPE_U1:
		out_u64(out, *at);
		return;
	case TAPE_I2: {
		ELEMENT(int16_t, value);
		out_i64(out, value);
		return;
	}
	case TAPE_U2: {
		ELEMENT(uint16_t, value);
		out_u64(out, value);
		return;
	}
	case TAPE_I4: {
		ELEMENT(int32_t, value);
		out_i64(out, value);
		return;
	}
	case TAPE_U4: {
		ELEMENT(uint32_t, value);
		out_u64(out, value);
		return;
	}
	case TAPE_I8: {
		ELEMENT(int64_t, value);
		out_i64(out, value);
		return;
	}
	case TAPE_U8: {
		ELEMENT(uint64_t, value);
		out_u64(out, value);
		return;
	}
	default:
		json_real_element(out, dtype, at);
	}
}

/* Outermost index first, whatever the order in memory. */
static void
json_array(struct out *out, const struct tape_value *value)
{
	uint64_t stride[TAPE_MAX_DIMS], index[TAPE_MAX_DIMS] = { 0 };
	size_t item = tape_dtype_size(value->dtype);
	unsigned n = value->ndim;
	const uint8_t *at = value->data;
	unsigned depth = 0; /* brackets that are open */

	for (unsigned i = 0; i < n; i++) {
		uint64_t size = item;
		for (unsigned j = 0; j < n; j++)
			if (value->fortran ? j < i : j > i)
				size *= value->dims[j];
		stride[i] = size;
	}
	for (;;) {
		/* Go down to an element, or to a dim of 0. */
		while (depth < n) {
			out_char(out, '[');
			index[depth++] = 0;
			if (value->dims[depth - 1] == 0)
				break;
		}
		if (value->dims[depth - 1] != 0)
			json_element(out, value->dtype, at);
		/* Go up until an index has a successor. */
		while (depth) {
			unsigned i = depth - 1;
			if (index[i] + 1 < value->dims[i]) {
				index[i]++;
				at += stride[i];
				out_char(out, ',');
				break;
			}
			at -= stride[i] * index[i];
			out_char(out, ']');
			depth--;
		}
		if (!depth || out->error)
			return;
	}
}

/* ---- values ---- */

void
json_blob(struct out *out, const struct tape_value *value)
{
	char hash[TAPE_HASH_TEXT];

	tape_hash_text(&value->hash, hash);
	out_str(out, "{\"blob\":\"");
	out_mem(out, hash, TAPE_HASH_TEXT - 1);
	out_str(out, "\",\"size\":");
	out_u64(out, value->size);
	if (value->type == TAPE_ARRAY_T) {
		out_printf(out, ",\"dtype\":\"%s\",\"shape\":[",
			   tape_dtype_name(value->dtype));
		for (unsigned i = 0; i < value->ndim; i++) {
			if (i)
				out_char(out, ',');
			out_u64(out, value->dims[i]);
		}
		out_char(out, ']');
	} else {
		out_printf(out, ",\"dtype\":\"%s\",\"shape\":[%llu]",
			   value->type == TAPE_STR ? "str" : "bytes",
			   (unsigned long long)value->size);
	}
	if (value->type == TAPE_ARRAY_T && value->fortran)
		out_str(out, ",\"order\":\"F\"");
	if (value->store == TAPE_AS_HASH)
		out_str(out, ",\"stored\":false");
	out_char(out, '}');
}

static void
json_absent(struct out *out, const struct tape_value *value)
{
	char text[16];

	out_str(out, "{\"absent\":\"");
	out_str(out, tape_absent_name(value->absent, text));
	out_str(out, "\"}");
}

static void
json_wide(struct out *out, const struct tape_value *value)
{
	if (value->store != TAPE_INLINE || (!value->data && value->size)) {
		json_blob(out, value);
	} else if (value->type == TAPE_STR) {
		json_text(out, value->data, value->size);
	} else if (value->type == TAPE_ARRAY_T) {
		json_array(out, value);
	} else {
		out_str(out, "{\"bytes\":\"");
		json_base64(out, value->data, value->size);
		out_str(out, "\"}");
	}
}

void
json_value(struct out *out, const struct tape_value *value)
{
	switch (value->type) {
	case TAPE_NULL:
		out_mem(out, "null", 4);
		return;
	case TAPE_ABSENT:
		json_absent(out, value);
		return;
	case TAPE_BOOL:
		out_str(out, value->as.i ? "true" : "false");
		return;
	case TAPE_I64:
		out_i64(out, value->as.i);
		return;
	case TAPE_U64:
		out_u64(out, value->as.u);
		return;
	case TAPE_F64:
		json_double(out, value->as.f);
		return;
	case TAPE_F32:
		json_float(out, (float)value->as.f);
		return;
	case TAPE_C16:
	case TAPE_C8:
		json_pair(out, value->as.c[0], value->as.c[1], value->type == TAPE_C8);
		return;
	default:
		json_wide(out, value);
	}
}
