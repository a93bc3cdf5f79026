/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of elements put together by their place in the element: all first bytes,
 * then all second ones, and so on. With `chain`, each element but the first was
 * replaced by itself xor the one before. in and out do not overlap, and hold
 * count * width bytes.
 */
#ifndef TAPE_FORMAT_SHUFFLE_H
#define TAPE_FORMAT_SHUFFLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void shuffle_apart(const uint8_t *in, size_t count, unsigned width, bool chain,
		   uint8_t *out);
void shuffle_together(const uint8_t *in, size_t count, unsigned width, bool chain,
		      uint8_t *out);

#endif
