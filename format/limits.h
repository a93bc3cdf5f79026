/* SPDX-License-Identifier: Apache-2.0 */
/* docs/format/limits.md in C. */
#ifndef TAPE_FORMAT_LIMITS_H
#define TAPE_FORMAT_LIMITS_H

#define LIMIT_NAME 255u
#define LIMIT_SITE_TEXT 1023u
#define LIMIT_LABELS 64u
#define LIMIT_VARS 65536u
#define LIMIT_DIMS 8u
/* An array without elements: its other dims and the element size multiplied. */
#define LIMIT_EMPTY_ARRAY (1u << 20)
#define LIMIT_RECORD (32u << 20)
#define LIMIT_FRAME (64u << 20)
#define LIMIT_GROUP (1u << 30)
#define LIMIT_SEGMENT (64u << 20)
#define LIMIT_FORMS ((1u << 24) - 1u)
#define LIMIT_CONTEXTS (1u << 20)
#define LIMIT_ENUMERATORS 65535u
#define LIMIT_INLINE (1u << 20)
#define LIMIT_EMBED (16u << 20)
#define LIMIT_NOTE_VALUE (1u << 20)
#define LIMIT_DIFF (1u << 20)
/* MANIFEST of a generation, and a live list. */
#define LIMIT_LIST (128u << 20)
#define LIMIT_INPUTS 400000u
#define LIMIT_UNREFERENCED 500000u

/* Variable-width values up to this many bytes stand in the canonical part. */
#define CANON_BYTES 64u

#define DEFAULT_INLINE_MAX 4096u
#define DEFAULT_EMBED_MAX 65536u
#define DEFAULT_STAGE_BYTES 65536u
#define DEFAULT_COMMIT_MS 500u
#define DEFAULT_SYNC_MS 1000u

#endif
