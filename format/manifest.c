/* SPDX-License-Identifier: Apache-2.0 */
#include "format/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "format/error.h"
#include "format/path.h"
#include "format/utf8.h"

/* ---- writing ---- */

static void
append(struct json_line *line, const char *text, size_t len)
{
	if (line->failed)
		return;
	if (len >= SIZE_MAX / 2 - line->len) {
		line->failed = true;
		return;
	}
	if (line->len + len + 1 > line->cap) {
		size_t cap = (line->len + len + 1) * 2;
		char *grown = realloc(line->text, cap);

		if (!grown) {
			line->failed = true;
			return;
		}
		line->text = grown;
		line->cap = cap;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
	line->text[line->len] = '\0';
}

static void
append_text(struct json_line *line, const char *text)
{
	append(line, text, strlen(text));
}

static void
append_escape(struct json_line *line, unsigned char c)
{
	static const char letters[] = "\bb\tt\nn\ff\rr\"\"\\\\";
	char text[8];

	for (size_t i = 0; i + 1 < sizeof letters; i += 2)
		if ((unsigned char)letters[i] == c) {
			append(line, (const char[]){ '\\', letters[i + 1] }, 2);
			return;
		}
	snprintf(text, sizeof text, "\\u%04x", c);
	append(line, text, 6);
}

/* A JSON string. What is not UTF-8 (arguments, paths) becomes U+FFFD: the line must stay JSON. */
static void
append_string(struct json_line *line, const char *value, size_t len)
{
	const unsigned char *text = (const unsigned char *)value;
	size_t plain = 0, at = 0;

	append_text(line, "\"");
	while (at < len) {
		size_t n = utf8_len(text + at, len - at);

		if (n > 1 || (n == 1 && text[at] >= 0x20 && text[at] != '"' &&
			      text[at] != '\\' && text[at] != 0x7f)) {
			at += n;
			continue;
		}
		append(line, value + plain, at - plain);
		if (n == 0)
			append_text(line, "\xef\xbf\xbd");
		else
			append_escape(line, text[at]);
		plain = ++at;
	}
	append(line, value + plain, at - plain);
	append_text(line, "\"");
}

static void
append_key(struct json_line *line, const char *key)
{
	if (!line->first)
		append_text(line, ",");
	line->first = false;
	append_string(line, key, strlen(key));
	append_text(line, ":");
}

void
json_line_begin(struct json_line *line)
{
	*line = (struct json_line){ .first = true };
	append_text(line, "{");
}

void
json_line_text_n(struct json_line *line, const char *key, const char *value, size_t len)
{
	append_key(line, key);
	append_string(line, value, len);
}

void
json_line_text(struct json_line *line, const char *key, const char *value)
{
	if (value)
		json_line_text_n(line, key, value, strlen(value));
}

void
json_line_int(struct json_line *line, const char *key, int64_t value)
{
	char text[24];

	append_key(line, key);
	snprintf(text, sizeof text, "%" PRId64, value);
	append_text(line, text);
}

void
json_line_bool(struct json_line *line, const char *key, bool value)
{
	append_key(line, key);
	append_text(line, value ? "true" : "false");
}

void
json_line_list_begin(struct json_line *line, const char *key)
{
	append_key(line, key);
	append_text(line, "[");
	line->first = true;
}

void
json_line_list_item(struct json_line *line, const char *value)
{
	if (!line->first)
		append_text(line, ",");
	line->first = false;
	append_string(line, value, strlen(value));
}

void
json_line_list_end(struct json_line *line)
{
	append_text(line, "]");
	line->first = false;
}

void
json_line_end(struct json_line *line)
{
	append_text(line, "}\n");
}

void
json_line_release(struct json_line *line)
{
	free(line->text);
	*line = (struct json_line){ .text = NULL };
}

/* ---- reading ---- */

/* A note of 1 MiB may take six times that when escaped. */
#define LINE_MAX_BYTES ((size_t)8 << 20)
#define MEMBERS_MAX ((size_t)1 << 16)
#define DEPTH_MAX 64
#define READ_CHUNK ((size_t)64 << 10)

/*
 * YAJL does not look at what its allocator returns. So ours never returns
 * NULL: it leaves the parser by longjmp, and since every block is in a list,
 * nothing is lost.
 */
struct block {
	_Alignas(max_align_t) struct block *next;
	struct block *previous;
};

struct parser {
	jmp_buf no_memory;
	struct block blocks; /* head of a ring */
	int depth;
	bool in_list, too_many;
	char *key; /* of the member or list that is open */
	struct manifest_member *members;
	size_t count, cap;
};

static void *
parser_realloc(void *user, void *old, size_t size)
{
	struct parser *parser = user;
	struct block *block = old ? (struct block *)old - 1 : NULL;

	if (size > SIZE_MAX - sizeof *block)
		longjmp(parser->no_memory, 1);
	/* Out of the ring first: realloc may move it. */
	struct block *grown = realloc(block, sizeof *block + size);

	if (!grown)
		longjmp(parser->no_memory, 1);
	if (!block) {
		grown->next = parser->blocks.next;
		grown->previous = &parser->blocks;
	}
	grown->next->previous = grown;
	grown->previous->next = grown;
	return grown + 1;
}

static void *
parser_malloc(void *user, size_t size)
{
	return parser_realloc(user, NULL, size);
}

static void
parser_free(void *user, void *old)
{
	struct block *block = old ? (struct block *)old - 1 : NULL;

	(void)user;
	if (!block)
		return;
	block->next->previous = block->previous;
	block->previous->next = block->next;
	free(block);
}

static char *
parser_copy(struct parser *parser, const void *text, size_t len)
{
	char *copy = parser_malloc(parser, len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

/* One value under the open key; only those of the line's own object and of lists in it count. */
static int
add_member(struct parser *parser, const void *text, size_t len)
{
	if (parser->depth == 0)
		return 0; /* the line is not an object */
	if (parser->depth > (parser->in_list ? 2 : 1) || !parser->key)
		return 1;
	if (parser->count == MEMBERS_MAX)
		return 0;
	if (parser->count == parser->cap) {
		size_t cap = parser->cap ? parser->cap * 2 : 32;

		parser->members = parser_realloc(parser, parser->members,
						 cap * sizeof *parser->members);
		parser->cap = cap;
	}
	parser->members[parser->count].key = parser->key;
	parser->members[parser->count].value = parser_copy(parser, text, len);
	parser->count++;
	return 1;
}

static int
on_null(void *user)
{
	struct parser *parser = user;

	return parser->depth > 0;
}

static int
on_boolean(void *user, int value)
{
	return add_member(user, value ? "true" : "false", value ? 4 : 5);
}

static int
on_number(void *user, const char *text, size_t len)
{
	return add_member(user, text, len);
}

static int
on_string(void *user, const unsigned char *text, size_t len)
{
	return add_member(user, text, len);
}

static int
on_key(void *user, const unsigned char *text, size_t len)
{
	struct parser *parser = user;

	/* Keys of nested objects are nobody's. The last key stays in memory: members point to it. */
	if (parser->depth == 1)
		parser->key = parser_copy(parser, text, len);
	return 1;
}

static int
on_start_map(void *user)
{
	struct parser *parser = user;

	return ++parser->depth <= DEPTH_MAX;
}

static int
on_start_array(void *user)
{
	struct parser *parser = user;

	if (parser->depth == 0)
		return 0;
	if (parser->depth == 1)
		parser->in_list = true;
	return ++parser->depth <= DEPTH_MAX;
}

static int
on_end(void *user)
{
	struct parser *parser = user;

	if (--parser->depth == 1)
		parser->in_list = false;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end,
};

/* 1: parsed, members are set. 0: not an object of JSON. -ENOMEM. */
static int
parse_line(struct parser *parser, const char *text, size_t len)
{
	yajl_alloc_funcs alloc = { parser_malloc, parser_realloc, parser_free, parser };

	if (setjmp(parser->no_memory))
		return -ENOMEM;

	yajl_handle handle = yajl_alloc(&callbacks, &alloc, parser);

	/* It is freed with all other blocks. */
	if (yajl_parse(handle, (const unsigned char *)text, len) != yajl_status_ok ||
	    yajl_complete_parse(handle) != yajl_status_ok)
		return 0;
	return 1;
}

/* One line, without its newline. *parsed: it was an object. Returns 0, what fn returned, or -ENOMEM with *no_memory. */
static int
handle_line(const char *text, size_t len, manifest_line_fn *fn, void *user, bool *parsed,
	    bool *no_memory)
{
	struct parser *parser = calloc(1, sizeof *parser);
	int r;

	*parsed = false;
	*no_memory = !parser;
	if (!parser)
		return -ENOMEM;
	parser->blocks.next = parser->blocks.previous = &parser->blocks;
	r = parse_line(parser, text, len);
	*parsed = r == 1;
	*no_memory = r < 0;
	if (r == 1)
		r = fn(user, parser->members, parser->count);
	while (parser->blocks.next != &parser->blocks)
		parser_free(parser, parser->blocks.next + 1);
	free(parser);
	return r;
}

struct reader {
	const struct block_source *source;
	manifest_line_fn *fn;
	void *user;
	uint64_t *bad;
	struct tape_error *err;
	char *line; /* what is known of the line that is being read */
	size_t len, cap;
	bool skipping; /* it is too long: what comes until its end is dropped */
};

static int
reader_add(struct reader *reader, const char *text, size_t len)
{
	if (reader->skipping || len == 0)
		return 0;
	if (len > LINE_MAX_BYTES - reader->len) {
		reader->skipping = true;
		return 0;
	}
	if (reader->len + len > reader->cap) {
		size_t cap = (reader->len + len) * 2;
		char *grown = realloc(reader->line, cap);

		if (!grown)
			return error_set(reader->err, TAPE_ERR_NOMEM, PATH_MANIFEST, 0,
					 "no memory for a line of the manifest");
		reader->line = grown;
		reader->cap = cap;
	}
	memcpy(reader->line + reader->len, text, len);
	reader->len += len;
	return 0;
}

/* last: the file ends here without a newline, as it does while a line is being written. */
static int
reader_end_line(struct reader *reader, bool last)
{
	bool parsed = false, no_memory = false;
	int r = 0;

	if (!reader->skipping && reader->len > 0)
		r = handle_line(reader->line, reader->len, reader->fn, reader->user,
				&parsed, &no_memory);
	if (no_memory)
		r = error_set(reader->err, TAPE_ERR_NOMEM, PATH_MANIFEST, 0,
			      "no memory for a line of the manifest");
	else if (!parsed && !last)
		++*reader->bad;
	reader->len = 0;
	reader->skipping = false;
	return r;
}

static int
reader_feed(struct reader *reader, const char *chunk, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(chunk, '\n', len);
		size_t n = newline ? (size_t)(newline - chunk) : len;
		int r = reader_add(reader, chunk, n);

		if (r == 0 && newline)
			r = reader_end_line(reader, false);
		if (r != 0)
			return r;
		n += newline != NULL;
		chunk += n;
		len -= n;
	}
	return 0;
}

int
manifest_read(const struct block_source *source, manifest_line_fn *fn, void *user,
	      uint64_t *bad, struct tape_error *err)
{
	uint64_t unparsed = 0;
	struct reader reader = { source, fn, user, &unparsed, err, NULL, 0, 0, false };
	char *chunk = malloc(READ_CHUNK);
	uint64_t at = 0;
	int r = 0;

	if (!chunk)
		return error_set(err, TAPE_ERR_NOMEM, PATH_MANIFEST, 0,
				 "no memory to read the manifest");
	while (r == 0 && at < source->size) {
		size_t want = source->size - at < READ_CHUNK ? (size_t)(source->size - at)
							     : READ_CHUNK;
		int64_t n = source->pread(source->user, chunk, want, at);

		if (n < 0)
			r = error_io(err, (int)n, PATH_MANIFEST,
				     "cannot read the manifest");
		if (n <= 0)
			break;
		at += (uint64_t)n;
		r = reader_feed(&reader, chunk, (size_t)n);
	}
	if (r == 0)
		r = reader_end_line(&reader, true);
	if (r == 0)
		*bad = unparsed;
	free(reader.line);
	free(chunk);
	return r;
}
