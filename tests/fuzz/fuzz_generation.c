/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MANIFEST and live lists. The first byte says what follows: 'M' or 'L' the file as it
 * stands, 'm' or 'l' its lines without the check line, which is added.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/generation.h"
#include "format/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read and written again reads the same. */
static void
try_manifest(const char *text, size_t len)
{
	struct generation_manifest m = { .scopes = 0 }, again = { .scopes = 0 };
	char *made = NULL;
	size_t made_len = 0;

	if (generation_manifest_parse(text, len, "MANIFEST", &m, NULL) != 0)
		return;
	if (generation_manifest_write(&m, &made, &made_len, NULL) == 0) {
		if (generation_manifest_parse(made, made_len, "MANIFEST", &again, NULL) !=
			    0 ||
		    again.input_count != m.input_count ||
		    again.file_count != m.file_count || again.scopes != m.scopes)
			abort();
		generation_manifest_release(&again);
	}
	free(made);
	generation_manifest_release(&m);
}

static void
try_live(const char *text, size_t len)
{
	struct live_list l = { .number = 0 }, again = { .number = 0 };
	char *made = NULL;
	size_t made_len = 0;

	if (live_list_parse(text, len, "live", &l, NULL) != 0)
		return;
	if (live_list_write(&l, &made, &made_len, NULL) == 0) {
		if (live_list_parse(made, made_len, "live", &again, NULL) != 0 ||
		    again.count != l.count || again.number != l.number)
			abort();
		live_list_release(&again);
	}
	free(made);
	live_list_release(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 64);
	size_t len = size == 0 ? 0 : size - 1;

	if (size == 0 || text == NULL) {
		free(text);
		return 0;
	}
	memcpy(text, data + 1, len);
	if (data[0] == 'm' || data[0] == 'l') {
		struct tape_hash hash = hash_bytes(text, len);
		char hex[TAPE_HASH_TEXT];

		tape_hash_text(&hash, hex);
		len += (size_t)snprintf(text + len, 64, "{\"check\":\"%s\"}\n", hex);
	}
	if (data[0] == 'M' || data[0] == 'm')
		try_manifest(text, len);
	else
		try_live(text, len);
	free(text);
	return 0;
}
