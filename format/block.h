/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block source: where parsers read from. A file, or memory for tests and
 * fuzzers. The size is taken once and never grows under the parser.
 */
#ifndef TAPE_FORMAT_BLOCK_H
#define TAPE_FORMAT_BLOCK_H

#include <stddef.h>
#include <stdint.h>

struct block_source {
	/* Reads up to len bytes at offset; the count (short only at the end), or negative errno. */
	int64_t (*pread)(void *user, void *buf, size_t len, uint64_t offset);
	void *user;
	uint64_t size;
};

struct block_source block_from_fd(const int *fd, uint64_t size); /* *fd must outlive it */
struct block_memory {
	const uint8_t *data;
	size_t size;
};
struct block_source block_from_memory(const struct block_memory *memory);

#endif
