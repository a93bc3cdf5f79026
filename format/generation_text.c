/* SPDX-License-Identifier: Apache-2.0 */
#include "format/generation_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/limits.h"
#include "format/os.h"
#include "format/path.h"

#define CHECK_LINE 45u /* {"check":"<32 hex>"} and a newline */

/* ---- writing ---- */

bool
text_add_line(struct pack_bytes *text, struct json_line *line)
{
	bool added;

	json_line_end(line);
	added = !line->failed && pack_bytes_add(text, line->text, line->len) == 0;
	json_line_release(line); /* the next one begins without its text */
	return added;
}

void
text_hex(struct json_line *line, const char *key, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	char hex[513];

	for (size_t i = 0; i < len && i < 256; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	json_line_text_n(line, key, hex, 2 * len);
}

int
text_finish(struct pack_bytes *text, struct json_line *line, char **out, size_t *len,
	    struct tape_error *err)
{
	struct tape_hash hash = hash_bytes(text->data, text->len);

	json_line_begin(line);
	text_hex(line, "check", hash.byte, sizeof hash.byte);
	if (!text_add_line(text, line))
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory for the list of a generation");
	if (text->len > LIMIT_LIST)
		return error_set(
			err, TAPE_ERR_LIMIT, NULL, 0,
			"the list of a generation would have %zu bytes, more than "
			"any reader takes",
			text->len);
	*out = (char *)text->data;
	*len = text->len;
	memset(text, 0, sizeof *text);
	return 0;
}

/* ---- reading ---- */

static bool
checked(const char *text, size_t len, size_t *body)
{
	static const char head[] = "{\"check\":\"";
	char hex[TAPE_HASH_TEXT] = "";
	struct tape_hash said, is;
	const char *line;

	if (len < CHECK_LINE - 1 || text[len - 1] != '\n')
		return false;
	for (line = text + len - 1; line > text && line[-1] != '\n'; line--)
		;
	if ((size_t)(text + len - line) != sizeof head - 1 + 32 + 3 ||
	    memcmp(line, head, sizeof head - 1) != 0 ||
	    memcmp(line + sizeof head - 1 + 32, "\"}\n", 3) != 0)
		return false;
	memcpy(hex, line + sizeof head - 1, 32);
	*body = (size_t)(line - text);
	is = hash_bytes(text, *body);
	return path_parse_hash(hex, &said) && hash_equal(&said, &is);
}

int
text_parse(const char *text, size_t len, const char *file, manifest_line_fn *fn,
	   void *user, struct tape_error *err)
{
	struct block_memory memory = { (const uint8_t *)text, 0 };
	struct block_source source;
	uint64_t bad = 0;
	size_t body;
	int r;

	if (!checked(text, len, &body))
		return error_set(err, TAPE_ERR_DAMAGED, file, 0,
				 "the file is damaged or cut off (its check line does "
				 "not fit); restore it from a copy");
	memory.size = body;
	source = block_from_memory(&memory);
	r = manifest_read(&source, fn, user, &bad, err);
	if (r == 0 && bad != 0)
		r = error_set(err, TAPE_ERR_DAMAGED, file, 0,
			      "the file has lines that are no JSON");
	return r;
}

int
text_load(int dir, const char *path, char **text, size_t *len, uint32_t *owner,
	  struct tape_error *err)
{
	struct os_stat st;
	int64_t got = 0;
	char *data;
	int fd = -1, r = os_open_read(dir, path, &fd);

	if (r == -ENOENT || r == -ENOTDIR)
		return error_set(err, TAPE_ERR_NOT_FOUND, path, 0, "no such file");
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r != 0) {
		os_close(&fd);
		return error_io(err, r, path, "cannot open the file");
	}
	if (st.size > LIMIT_LIST) {
		os_close(&fd);
		return error_set(err, TAPE_ERR_DAMAGED, path, 0,
				 "the file is too long to be what it should be");
	}
	data = malloc((size_t)st.size + 1);
	if (data != NULL)
		got = os_pread(fd, data, (size_t)st.size, 0);
	os_close(&fd);
	if (data == NULL)
		return error_set(err, TAPE_ERR_NOMEM, path, 0, "no memory for the file");
	if (got < 0) {
		free(data);
		return error_io(err, (int)got, path, "cannot read the file");
	}
	data[got] = '\0';
	if (owner != NULL)
		*owner = st.uid;
	*text = data;
	*len = (size_t)got;
	return 0;
}

const char *
text_member(const struct manifest_member *m, size_t count, const char *key, bool *bad)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(m[i].key, key) == 0)
			return m[i].value;
	*bad = true;
	return "";
}

static uint64_t
digits(const char *text, uint64_t most, bool *bad)
{
	uint64_t v = 0;

	if (*text == '\0')
		*bad = true;
	for (; *text != '\0'; text++) {
		unsigned d = (unsigned)(*text - '0');

		if (d > 9 || v > (most - d) / 10) {
			*bad = true;
			return 0;
		}
		v = v * 10 + d;
	}
	return v;
}

uint64_t
text_number(const struct manifest_member *m, size_t count, const char *key, bool *bad)
{
	return digits(text_member(m, count, key, bad), INT64_MAX, bad);
}

int64_t
text_signed(const struct manifest_member *m, size_t count, const char *key, bool *bad)
{
	const char *text = text_member(m, count, key, bad);
	bool minus = *text == '-';
	uint64_t v = digits(text + minus, (uint64_t)INT64_MAX + minus, bad);

	return minus ? (int64_t)(0 - v) : (int64_t)v;
}

void
text_bytes(const struct manifest_member *m, size_t count, const char *key, uint8_t *out,
	   size_t len, bool *bad)
{
	static const char digit[] = "0123456789abcdef";
	const char *hex = text_member(m, count, key, bad);

	if (strlen(hex) != 2 * len) {
		*bad = true;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		const char *high = strchr(digit, hex[2 * i]);
		const char *low = strchr(digit, hex[2 * i + 1]);

		if (high == NULL || low == NULL) {
			*bad = true;
			return;
		}
		out[i] = (uint8_t)((high - digit) << 4 | (low - digit));
	}
}

void
text_session(const struct manifest_member *m, size_t count, const char *key,
	     uint64_t session[2], bool *bad)
{
	if (!path_parse_session(text_member(m, count, key, bad), session))
		*bad = true;
}

void *
text_grow(void *list, size_t count, size_t size)
{
	void *more = list;

	/* At each power of two. */
	if ((count & (count - 1)) == 0)
		more = realloc(list, (count == 0 ? 1 : count * 2) * size);
	if (more != NULL)
		memset((char *)more + count * size, 0, size);
	return more;
}
