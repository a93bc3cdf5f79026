/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms: (site, label path, shape), and the bodies laid out by them.
 * docs/format/values.md is normative.
 */
#ifndef TAPE_FORMAT_FORM_H
#define TAPE_FORMAT_FORM_H

#include <stdbool.h>

#include "tape/value.h"

struct form_enumerator {
	int64_t number;
	const char *name;
};

struct form_var {
	const char *name; /* NUL-terminated copies, owned by the form */
	const char *unit; /* "" = none */
	uint32_t name_len;
	uint8_t type;  /* enum tape_type */
	uint8_t store; /* enum tape_store */
	uint16_t capture_index;
	uint32_t enumerator_count;
	struct form_enumerator *enumerators;
	/* Fixed-width: offset of the value in the body. Variable-width: its rank among those. */
	uint32_t offset;
};

struct form {
	uint32_t number;
	uint32_t line;
	const char *file, *func;
	uint32_t label_count;
	const char **labels;
	uint32_t var_count;
	struct form_var *vars; /* in name order */
	uint32_t *canonical;   /* indices into vars, canonical order */
	uint32_t fixed_count;  /* the first so many of canonical */
	uint32_t fixed_bytes;  /* size of the fixed-width part of a body */
	uint32_t bool_count;   /* variables whose value has to be looked at in a check */
	struct tape_hash head16;
	void *memory; /* one block that everything above points into */
};

/* Decodes what follows the 8-byte record header. *out is the caller's to form_release. TAPE_ERR_DAMAGED, TOO_NEW (unknown type tag), NOMEM. */
int form_decode(const uint8_t *data, size_t len, uint32_t number, struct form *out,
		struct tape_error *err);
/*
 * Builds a form from parts: what a recorder or a test has at hand. vars may be
 * in any order (capture order: capture_index is set from it); names must be
 * distinct. Strings are copied. head16 and layout are computed.
 * TAPE_ERR_MISUSE for a name given twice, TAPE_ERR_LIMIT, NOMEM.
 */
int form_build(uint32_t number, const char *file, uint32_t line, const char *func,
	       const char *const *labels, size_t label_count, const struct form_var *vars,
	       size_t var_count, struct form *out, struct tape_error *err);
/* Size of the whole FORM record, and the record (with its 8 byte header). */
size_t form_record_size(const struct form *form);
void form_record_write(const struct form *form, uint8_t *buf);
/* The bytes that head16 is the hash of (docs/format/hash.md section 2). */
size_t form_head_size(const struct form *form);
void form_head_write(const struct form *form, uint8_t *buf);
void form_release(struct form *form); /* all-zero is fine */

/* Index into vars, or -1. */
int64_t form_find(const struct form *form, const char *name, size_t name_len);
/*
 * Are bytes of some variable kept nowhere? A scope of it has the content of one whose
 * bytes are kept, and must not stand for such a one.
 */
bool form_hashes_only(const struct form *form);
/* True if labels, names and types agree, so that a body of one reads as the other. */
bool form_same_content(const struct form *a, const struct form *b);

/* ---- bodies ---- */

/* A blob hint of the tail. */
#define BODY_NO_SEGMENT 0xffffffffu
#define BODY_BLOB_SEGMENT 0x80000000u
struct body_hint {
	uint32_t segment;
	uint64_t offset;
};

/*
 * Checks a whole body against its form: every length, dtype, dim, bool, and
 * that it ends at len. After 0, body_value may be called without further checks.
 * canonical_len: size of the canonical part.
 */
int body_check(const struct form *form, const uint8_t *body, size_t len,
	       size_t *canonical_len, struct tape_error *err);
/* The value of vars[index]. hint may be NULL; it is written for store=blob values over 64 bytes (segment = BODY_NO_SEGMENT if none). Fixed-width: O(1). */
void body_value(const struct form *form, const uint8_t *body, uint32_t index,
		struct tape_value *out, struct body_hint *hint);
/* All values at once, out[var_count], in name order. hints may be NULL. */
void body_values(const struct form *form, const uint8_t *body, struct tape_value *out,
		 struct body_hint *hints);
/* Those of `own`, whose variables are all in `form` with their types; as long as the body, however many. */
void body_values_subset(const struct form *form, const uint8_t *body,
			const struct form *own, struct tape_value *out,
			struct body_hint *hints);
/* A variable-width entry of a canonical part: size of the value, its bytes if at most 64, else its hash. */
struct body_entry {
	uint64_t size;
	const uint8_t *content, *next;
};
/* The entry of `var` at `at`, checked. TAPE_ERR_DAMAGED. */
int body_canonical_entry(const struct form_var *var, const uint8_t *at,
			 const uint8_t *end, struct body_entry *out);
/* XXH3-128(head16 || canonical). */
struct tape_hash body_hash(const struct form *form, const uint8_t *body,
			   size_t canonical_len);

/*
 * Lays out a body from values in NAME order (slow path: tests, tools, bindings
 * without a plan). values[i].data must be at hand for inline ones; for blobs
 * over 64 bytes the hash is used and hints[i] (or no hint). Returns the size,
 * or negative status. With buf NULL only measures.
 */
int64_t body_write(const struct form *form, const struct tape_value *values,
		   const struct body_hint *hints, uint8_t *buf, size_t cap,
		   size_t *canonical_len, struct tape_error *err);

#endif
