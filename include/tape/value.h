/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values a tape holds, positions, and errors: what the recorder, the
 * reader and the tools have in common. docs/format/values.md is normative.
 */
#ifndef TAPE_VALUE_H
#define TAPE_VALUE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TAPE_VERSION "0.1.0"

#define TAPE_API __attribute__((__visibility__("default")))
#define TAPE_MUST_CHECK __attribute__((__warn_unused_result__))

/* What a function returns below 0. Lookups and iterators add 1 = item, 0 = end. */
enum tape_status {
	TAPE_ERR_IO = -1,	 /* the system refused; err->code is its errno */
	TAPE_ERR_DAMAGED = -2,	 /* bytes that do not verify */
	TAPE_ERR_TOO_NEW = -3,	 /* made by a later version */
	TAPE_ERR_NOT_TAPE = -4,	 /* no tape there */
	TAPE_ERR_NOT_FOUND = -5, /* the thing asked for is not there */
	TAPE_ERR_MISUSE = -6,	 /* the caller broke the contract */
	TAPE_ERR_NOMEM = -7,
	TAPE_ERR_SYNTAX =
		-8,	     /* a query or a setting; err->offset is the column, from 1 */
	TAPE_ERR_LIMIT = -9, /* a limit of docs/format/limits.md */
	TAPE_ERR_BUSY = -10, /* another process holds it */
	TAPE_ERR_STOPPED = -11, /* the caller asked to stop */
};

/*
 * Details of a failure. Filled by the function that failed, read by whoever
 * prints it; never both printed and returned. Zero it before first use or not
 * at all: it is written on failure only.
 */
struct tape_error {
	int status;	   /* enum tape_status */
	int code;	   /* errno, or 0 */
	uint64_t offset;   /* byte offset in `file`, or column of a query; 0 = none */
	char file[512];	   /* path, relative to the tape where it can be; "" = none */
	char message[512]; /* one line: cause, and what to do about it */
};

/* A place on a tape. All zero = none. Compares as text does: session, then seq. */
struct tape_pos {
	uint64_t session[2]; /* start in us since 1970 UTC, random bits */
	uint64_t seq;	     /* from 1 */
};

/* "20261122T101112.123456Z-0a1b2c3d:" and up to 20 digits, NUL. */
#define TAPE_SESSION_TEXT 33 /* with NUL */
#define TAPE_POS_TEXT 54     /* with NUL */

/* 16 bytes in print order (big-endian XXH3-128, as xxh128sum prints). */
struct tape_hash {
	uint8_t byte[16];
};
#define TAPE_HASH_TEXT 33 /* with NUL */

/* What a result depends on, as a hash (tape/cache.h): its low and high half. All zero = none. */
struct tape_key {
	uint64_t lo, hi;
};

enum tape_type {
	TAPE_NULL = 0,
	TAPE_ABSENT = 1,
	TAPE_BOOL = 2,
	TAPE_I64 = 3,
	TAPE_U64 = 4,
	TAPE_F64 = 5,
	TAPE_F32 = 6,
	TAPE_C16 = 7,
	TAPE_C8 = 8,
	TAPE_STR = 16,
	TAPE_BYTES_T = 17,
	TAPE_ARRAY_T = 18,
};

enum tape_dtype {
	TAPE_B1 = 1,
	TAPE_I1,
	TAPE_I2,
	TAPE_I4,
	TAPE_I8,
	TAPE_U1,
	TAPE_U2,
	TAPE_U4,
	TAPE_U8,
	TAPE_F2,
	TAPE_F4,
	TAPE_F8,
	TAPE_C8_T,
	TAPE_C16_T,
};

enum tape_absent {
	TAPE_LOST = 1,
	TAPE_OPTIMIZED_OUT = 2,
	TAPE_UNREADABLE = 3,
	TAPE_WILD_POINTER = 4,
	TAPE_NOT_SELECTED = 5,
	TAPE_TOO_LARGE = 6,
};

/* A name of a number of an enum. */
struct tape_enumerator {
	int64_t number;
	const char *name;
};

enum tape_store {
	TAPE_INLINE = 0,
	TAPE_AS_BLOB = 1,
	TAPE_AS_HASH = 2,
};

#define TAPE_MAX_DIMS 8

/*
 * One value. For the variable-width types `size` is the length in bytes and
 * `data` points to the bytes where they are at hand, else NULL (a blob, or a
 * hashed value): then `hash` names them. Borrowed from whatever gave it.
 */
struct tape_value {
	uint8_t type;	  /* enum tape_type */
	uint8_t store;	  /* enum tape_store */
	uint8_t dtype;	  /* arrays: enum tape_dtype */
	uint8_t ndim;	  /* arrays: 1..8 */
	uint8_t fortran;  /* arrays: 1 = first index runs fastest */
	uint8_t absent;	  /* TAPE_ABSENT: enum tape_absent */
	uint8_t has_hash; /* `hash` is known (always when data is NULL) */
	uint8_t reserved;
	union {
		int64_t i; /* TAPE_I64, TAPE_BOOL */
		uint64_t u;
		double f;    /* TAPE_F64, and TAPE_F32 widened exactly */
		double c[2]; /* TAPE_C16, and TAPE_C8 widened exactly */
	} as;
	uint64_t size;
	const void *data;
	struct tape_hash hash;
	uint64_t dims[TAPE_MAX_DIMS];
};

/* Text of the values' spelling in JSON (docs/format/values.md section 4). */

/* Enough for any f64 and its NUL. */
#define TAPE_DOUBLE_TEXT 32
/*
 * The shortest decimal that reads back as the same bits, laid out as Python's
 * repr. NaN and infinities as NaN, Infinity, -Infinity without quotes.
 * Returns the length written, NUL not counted. Thread-safe, independent of locale.
 */
TAPE_API size_t tape_double_text(double value, char text[TAPE_DOUBLE_TEXT]);
TAPE_API size_t tape_float_text(float value, char text[TAPE_DOUBLE_TEXT]);
/* An element of an f2 array, by its bits. */
TAPE_API size_t tape_half_text(uint16_t bits, char text[TAPE_DOUBLE_TEXT]);
/*
 * Reads [+-]digits[.digits][e[+-]digits] (digits on one side of the point are
 * enough), nothing else around it; correctly rounded; too large is infinity.
 * Returns 0 or TAPE_ERR_SYNTAX; *value written on success only.
 */
TAPE_API int tape_double_parse(const char *text, size_t len,
			       double *value) TAPE_MUST_CHECK;

/* Lower-case hex; NUL-terminated. */
TAPE_API void tape_hash_text(const struct tape_hash *hash, char text[TAPE_HASH_TEXT]);
TAPE_API void tape_session_text(const uint64_t session[2], char text[TAPE_SESSION_TEXT]);
TAPE_API void tape_pos_text(const struct tape_pos *pos, char text[TAPE_POS_TEXT]);
/* A full "SESSION:SEQ". Returns 0 or TAPE_ERR_SYNTAX; *pos written on success only. */
TAPE_API int tape_pos_parse(const char *text, struct tape_pos *pos) TAPE_MUST_CHECK;
/* <0, 0, >0 in tape order. */
TAPE_API int tape_pos_compare(const struct tape_pos *a, const struct tape_pos *b);

/* "2026-11-22T10:11:12.123456789Z" */
#define TAPE_TIME_TEXT 40
TAPE_API size_t tape_time_text(int64_t time_ns, char text[TAPE_TIME_TEXT]);

/* NumPy's spelling ("f8"), or NULL for an unknown code. Static storage. */
TAPE_API const char *tape_dtype_name(unsigned dtype);
/* Bytes of an element, 0 for an unknown code. */
TAPE_API size_t tape_dtype_size(unsigned dtype);
/* The code for "f8", "<f8", "float64" or 0 if it is none we know. */
TAPE_API unsigned tape_dtype_parse(const char *name);
/* "lost" and so on; "reason-N" is written to `text` for unknown ones. */
TAPE_API const char *tape_absent_name(unsigned reason, char text[16]);
/* Bytes (1 to 4) of the UTF-8 character that text begins with (RFC 3629); 0 if it begins with none. */
TAPE_API size_t tape_utf8_char(const void *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
