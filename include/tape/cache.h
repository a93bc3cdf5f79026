/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Have I computed this?": results kept on the tape under a key that is made of what
 * they depend on. Part of record.h, which it includes where somebody includes it alone;
 * docs/cache.md explains it with examples.
 *
 *	struct tape_key k = TAPE_KEY("yield", D, X0, seed);
 *	if (!TAPE_RECALL(t, k, &yield, TAPE_ARRAY(ts, n))) {
 *		yield = expensive(ts, n);
 *		TAPE_STORE(t, k, yield, TAPE_ARRAY(ts, n));
 *	}
 */
#ifndef TAPE_CACHE_H
#define TAPE_CACHE_H

#include "tape/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- keys: docs/format/hash.md section 4 ---- */

/*
 * A struct tape_key over named values: a name, then 1 to 32 variables as in TAPE, whose
 * order does not count. Integers go by value whatever their type, a float as the double
 * that it is, arrays and texts by what is in them; TAPE_OF gives all members of a
 * described structure; a struct tape_key may be among them. No recorder is needed.
 *	struct tape_key k = TAPE_KEY("yield", D, X0, TAPE_ARRAY(grid, n));
 * A key over nothing, with a name twice, or with an array that cannot be read is no key:
 * all zero, nothing is found or kept under it.
 */
#define TAPE_KEY(...)                                                                    \
	TAPE_KEY_(__COUNTER__, TAPE_COUNT_(__VA_ARGS__), #__VA_ARGS__, __VA_ARGS__, 0)

/* ---- results ---- */

/*
 * Fills the outputs with the result that is kept under the key, all of them or none: 1,
 * or 0: there is none, or it cannot be used, and nothing was touched. Results go by name,
 * as they were stored; a single one by itself. An output is what TAPE_BIND takes. A key
 * that is none, a recorder that is NULL or closed: 0.
 */
#define TAPE_RECALL(t, ...)                                                              \
	TAPE_RECALL_(TAPE_COUNT_(__VA_ARGS__), t, #__VA_ARGS__, __VA_ARGS__,             \
		     TAPE_BIND_END_)
/*
 * Keeps a result, 0 to 32 variables as in TAPE, under the key: for this process at once,
 * for others once it is committed. 1, or 0: there is one already, and the first one holds
 * (another one is told once, in the manifest), or it was not recorded.
 */
#define TAPE_STORE(t, ...)                                                               \
	TAPE_STORE_(TAPE_COUNT_(__VA_ARGS__), t, #__VA_ARGS__, __VA_ARGS__, 0)

/*
 * An output of TAPE_RECALL and TAPE_BIND: the bytes of a text, an array or a blob become
 * the file `path`, which is there as a whole or as it was. TAPE_AS names the value:
 *	TAPE_RECALL(t, k, TAPE_AS("mesh", TAPE_TO_FILE("mesh.bin")))
 */
#define TAPE_TO_FILE(path) TAPE_TO_FILE_(path, #path)

struct tape_key_build;

#ifndef TAPE_OFF

/*
 * Puts a file on the tape as a blob: *ref is a variable then, as after
 * tape_stream_close. 0, or -1: it cannot be read (tape_error says why).
 *	struct tape_ref mesh;
 *	if (tape_stream_file(t, "mesh.bin", &mesh) == 0)
 *		TAPE_STORE(t, k, &mesh);
 */
TAPE_API int tape_stream_file(struct tape *t, const char *path, struct tape_ref *ref);

/* Looks at once at what other sessions have committed, which else is done every 100 ms. */
TAPE_API void tape_refresh(struct tape *t);
/* Under the macros. */
TAPE_API int tape_recall(struct tape *t, struct tape_site *site, struct tape_key key,
			 const struct tape_named *outs);
TAPE_API int tape_store(struct tape *t, struct tape_site *site, struct tape_key key,
			const unsigned char *kinds, const struct tape_word *values);
/*
 * The same for bindings. names: of the outputs, with commas. `results` was begun with
 * tape_build_begin and is freed; its labels, site and time do not count.
 */
TAPE_API int tape_cache_get(struct tape *t, struct tape_key key, const char *names,
			    size_t count, const struct tape_named *outs);
TAPE_API int tape_cache_put(struct tape *t, struct tape_key key,
			    struct tape_build *results);
/*
 * Is there a result? 1 and *pos (may be NULL): the scope that has it; its seq is 0 until
 * it is committed by this session, or is met where another one has committed it.
 */
TAPE_API int tape_cache_has(struct tape *t, struct tape_key key, struct tape_pos *pos);
/* Withdraws it: 1, or 0: there is none. The next TAPE_STORE keeps another one. */
TAPE_API int tape_cache_drop(struct tape *t, struct tape_key key);

/* Under the macro. */
TAPE_API struct tape_key tape_key_of(struct tape_site *site, const char *name,
				     const unsigned char *kinds,
				     const struct tape_word *values);
/*
 * A key in pieces, for bindings: begin .. put .. end. Names and text are copied; a name's
 * length may be TAPE_NUL. What goes wrong makes the key none. NULL is fine everywhere;
 * tape_key_end frees it.
 */
TAPE_API struct tape_key_build *tape_key_begin(const char *name);
TAPE_API void tape_key_put_null(struct tape_key_build *b, const char *name, size_t len);
TAPE_API void tape_key_put_bool(struct tape_key_build *b, const char *name, size_t len,
				int v);
TAPE_API void tape_key_put_i64(struct tape_key_build *b, const char *name, size_t len,
			       int64_t v);
TAPE_API void tape_key_put_u64(struct tape_key_build *b, const char *name, size_t len,
			       uint64_t v);
/* A float is the double that it is. */
TAPE_API void tape_key_put_f32(struct tape_key_build *b, const char *name, size_t len,
			       float v);
TAPE_API void tape_key_put_c8(struct tape_key_build *b, const char *name, size_t len,
			      const float v[2]);
TAPE_API void tape_key_put_f64(struct tape_key_build *b, const char *name, size_t len,
			       double v);
TAPE_API void tape_key_put_c16(struct tape_key_build *b, const char *name, size_t len,
			       const double v[2]);
/* Text that is not UTF-8 is bytes; text_len may be TAPE_NUL; NULL text is a null value. */
TAPE_API void tape_key_put_str(struct tape_key_build *b, const char *name, size_t len,
			       const char *text, size_t text_len);
TAPE_API void tape_key_put_bytes(struct tape_key_build *b, const char *name, size_t len,
				 const void *data, size_t size);
TAPE_API void tape_key_put_nd(struct tape_key_build *b, const char *name, size_t len,
			      const struct tape_nd *nd);
/* By the hash that it has already. */
TAPE_API void tape_key_put_ref(struct tape_key_build *b, const char *name, size_t len,
			       const struct tape_ref *ref);
TAPE_API void tape_key_put_key(struct tape_key_build *b, const char *name, size_t len,
			       struct tape_key key);
TAPE_API struct tape_key tape_key_end(struct tape_key_build *b);

#endif /* TAPE_OFF */

/* 32 digits: as it is printed, and as a scope shows a key that is among its variables. */
static inline __attribute__((__unused__)) void
tape_key_text(struct tape_key tape_key_, char tape_text_[TAPE_HASH_TEXT])
{
	for (unsigned tape_i_ = 0; tape_i_ < 32; tape_i_++) {
		uint64_t tape_half_ = tape_i_ < 16 ? tape_key_.hi : tape_key_.lo;

		tape_text_[tape_i_] =
			"0123456789abcdef"[tape_half_ >> (60 - 4 * (tape_i_ % 16)) & 15];
	}
	tape_text_[32] = 0;
}

#ifdef __cplusplus
}
#endif

/* ---- how the macros are done ---- */

#ifdef TAPE_OFF
/* clang-format off */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define TAPE_STUB_(type, name, parameters, value)                                        \
	static inline __attribute__((__unused__)) type name parameters                   \
	{                                                                                \
		return value;                                                            \
	}
#define TAPE_STUB_PUT_(what, ...)                                                        \
	TAPE_STUB_(void, tape_key_put_##what, (struct tape_key_build * tape_b_, const char *tape_name_, size_t tape_len_, __VA_ARGS__), )
static inline __attribute__((__unused__)) struct tape_key
tape_key_end(struct tape_key_build *tape_b_)
{
	struct tape_key tape_none_ = { 0, 0 };

	return tape_none_;
}
TAPE_STUB_(struct tape_key, tape_key_of, (struct tape_site *tape_site_, const char *tape_name_, const unsigned char *tape_kinds_, const struct tape_word *tape_words_), tape_key_end(0))
static inline __attribute__((__unused__)) int
tape_stream_file(struct tape *tape_t_, const char *tape_path_, struct tape_ref *tape_ref_)
{
	__builtin_memset(tape_ref_, 0, sizeof(*tape_ref_));
	return 0;
}
TAPE_STUB_(void, tape_refresh, (struct tape *tape_t_), )
TAPE_STUB_(int, tape_recall, (struct tape *tape_t_, struct tape_site *tape_site_, struct tape_key tape_key_, const struct tape_named *tape_outs_), 0)
TAPE_STUB_(int, tape_store, (struct tape *tape_t_, struct tape_site *tape_site_, struct tape_key tape_key_, const unsigned char *tape_kinds_, const struct tape_word *tape_words_), 0)
TAPE_STUB_(int, tape_cache_get, (struct tape *tape_t_, struct tape_key tape_key_, const char *tape_names_, size_t tape_n_, const struct tape_named *tape_outs_), 0)
TAPE_STUB_(int, tape_cache_put, (struct tape *tape_t_, struct tape_key tape_key_, struct tape_build *tape_b_), 0)
TAPE_STUB_(int, tape_cache_has, (struct tape *tape_t_, struct tape_key tape_key_, struct tape_pos *tape_pos_), 0)
TAPE_STUB_(int, tape_cache_drop, (struct tape *tape_t_, struct tape_key tape_key_), 0)
TAPE_STUB_(struct tape_key_build *, tape_key_begin, (const char *tape_name_), 0)
TAPE_STUB_(void, tape_key_put_null, (struct tape_key_build *tape_b_, const char *tape_name_, size_t tape_len_), )
TAPE_STUB_PUT_(bool, int tape_v_)
TAPE_STUB_PUT_(i64, int64_t tape_v_)
TAPE_STUB_PUT_(u64, uint64_t tape_v_)
TAPE_STUB_PUT_(f64, double tape_v_)
TAPE_STUB_PUT_(f32, float tape_v_)
TAPE_STUB_PUT_(c8, const float tape_v_[2])
TAPE_STUB_PUT_(c16, const double tape_v_[2])
TAPE_STUB_PUT_(str, const char *tape_v_, size_t tape_n_)
TAPE_STUB_PUT_(bytes, const void *tape_v_, size_t tape_n_)
TAPE_STUB_PUT_(nd, const struct tape_nd *tape_v_)
TAPE_STUB_PUT_(ref, const struct tape_ref *tape_v_)
TAPE_STUB_PUT_(key, struct tape_key tape_v_)
#undef TAPE_STUB_PUT_
#undef TAPE_STUB_
#pragma GCC diagnostic pop
/* clang-format on */
#endif /* TAPE_OFF */

#define TAPE_RECALL_(n, ...) TAPE_RECALL2_(n, __VA_ARGS__)
#define TAPE_STORE_(n, ...) TAPE_STORE2_(n, __VA_ARGS__)
#define TAPE_KEY_(id, n, ...) TAPE_KEY2_(id, n, __VA_ARGS__)
#define TAPE_KEY2_(id, n, names, name, ...)                                              \
	TAPE_KEY3_(tape_key_##id##_, tape_key_kinds_##id##_, tape_key_site_##id##_,      \
		   tape_key_words_##id##_, n, names, name, __VA_ARGS__)

#ifndef __cplusplus

static inline __attribute__((__always_inline__, __unused__)) struct tape_word
tape_word_key(size_t tape_size_, struct tape_key tape_v_)
{
	struct tape_word tape_w_ = { tape_v_.lo, tape_v_.hi };

	(void)tape_size_;
	return tape_w_;
}
static inline __attribute__((__always_inline__, __unused__)) struct tape_named *
tape_named_key(struct tape_named *tape_named_, size_t tape_size_, struct tape_key tape_v_)
{
	tape_named_->value = tape_word_key(tape_size_, tape_v_);
	tape_named_->kind = tape_kind_key;
	return tape_named_;
}

#define TAPE_KEY3_(key, kinds, site, words, n, names, name, ...)                         \
	__extension__({                                                                  \
		_Static_assert((n) <= 32, "TAPE_KEY takes at most 32 variables: "        \
					  "make a key of some, and one with that");      \
		struct tape_key key = { 0, 0 };                                          \
		if (TAPE_ON_(1)) {                                                       \
			static const unsigned char kinds[] = { TAPE_EACH_(               \
				n, TAPE_KIND_, __VA_ARGS__) };                           \
			static struct tape_site site =                                   \
				TAPE_SITE_(names, n, TAPE_SITE_HAS_LABEL);               \
			const struct tape_word words[] = { TAPE_EACH_(n, TAPE_WORD_,     \
								      __VA_ARGS__) };    \
			key = tape_key_of(&site, (name), kinds, words);                  \
		}                                                                        \
		key;                                                                     \
	})

#define TAPE_TO_FILE_(path, text)                                                        \
	(&(struct tape_out){                                                             \
		{ 0,                                                                     \
		  0,                                                                     \
		  text,                                                                  \
		  { (uint64_t)(uintptr_t)(1 ? (path) : (const char *)0), 0 },            \
		  TAPE_TO + TAPE_OUT_FILE,                                               \
		  0,                                                                     \
		  0 } })
#define TAPE_RECALL2_(n, t, names, key, ...)                                             \
	__extension__({                                                                  \
		_Static_assert((n) <= 32, "TAPE_RECALL takes at most 32 outputs");       \
		int tape_hit_ = 0;                                                       \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				const struct tape_key tape_k_ = (key);                   \
				static struct tape_site tape_site_ =                     \
					TAPE_SITE_(names, n, TAPE_SITE_HAS_LABEL);       \
				const struct tape_named tape_outs_[] = { TAPE_EACH_(     \
					n, TAPE_TO_, __VA_ARGS__) };                     \
				tape_hit_ = tape_recall(tape_to_, &tape_site_, tape_k_,  \
							tape_outs_);                     \
			}                                                                \
		}                                                                        \
		tape_hit_;                                                               \
	})
#define TAPE_STORE2_(n, t, names, key, ...)                                              \
	__extension__({                                                                  \
		_Static_assert((n) <= 32, "TAPE_STORE takes at most 32 variables");      \
		int tape_stored_ = 0;                                                    \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				const struct tape_key tape_k_ = (key);                   \
				static const unsigned char tape_kinds_[] = { TAPE_EACH_( \
					n, TAPE_KIND_, __VA_ARGS__) };                   \
				static struct tape_site tape_site_ =                     \
					TAPE_SITE_(names, n, TAPE_SITE_HAS_LABEL);       \
				const struct tape_word tape_words_[] = { TAPE_EACH_(     \
					n, TAPE_WORD_, __VA_ARGS__) };                   \
				tape_stored_ =                                           \
					tape_store(tape_to_, &tape_site_, tape_k_,       \
						   tape_kinds_, tape_words_);            \
			}                                                                \
		}                                                                        \
		tape_stored_;                                                            \
	})

#else /* C++ */

#define TAPE_TO_FILE_(path, text) tape_cpp_::tape_to_file_(text, path)
#define TAPE_RECALL2_(n, t, names, key, ...)                                             \
	__extension__({                                                                  \
		static_assert((n) <= 32, "TAPE_RECALL takes at most 32 outputs");        \
		int tape_hit_ = 0;                                                       \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				const struct tape_key tape_k_ = (key);                   \
				static struct tape_site tape_site_ =                     \
					TAPE_SITE_(names, n, TAPE_SITE_HAS_LABEL);       \
				tape_hit_ = tape_cpp_::tape_recall_(                     \
					tape_to_, &tape_site_, tape_k_, __VA_ARGS__);    \
			}                                                                \
		}                                                                        \
		tape_hit_;                                                               \
	})
#define TAPE_STORE2_(n, t, names, key, ...)                                              \
	__extension__({                                                                  \
		static_assert((n) <= 32, "TAPE_STORE takes at most 32 variables");       \
		int tape_stored_ = 0;                                                    \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				const struct tape_key tape_k_ = (key);                   \
				static struct tape_site tape_site_ =                     \
					TAPE_SITE_(names, n, TAPE_SITE_HAS_LABEL);       \
				tape_stored_ = tape_cpp_::tape_store_(                   \
					tape_to_, &tape_site_, tape_k_, __VA_ARGS__);    \
			}                                                                \
		}                                                                        \
		tape_stored_;                                                            \
	})

#define TAPE_KEY3_(key, kinds, site, words, n, names, name, ...)                         \
	__extension__({                                                                  \
		static_assert((n) <= 32, "TAPE_KEY takes at most 32 variables: "         \
					 "make a key of some, and one with that");       \
		struct tape_key key = { 0, 0 };                                          \
		if (TAPE_ON_(1)) {                                                       \
			static struct tape_site site =                                   \
				TAPE_SITE_(names, n, TAPE_SITE_HAS_LABEL);               \
			key = tape_cpp_::tape_key_(&site, name, __VA_ARGS__);            \
		}                                                                        \
		key;                                                                     \
	})

namespace tape_cpp_
{

template <> struct as_<tape_key, void> {
	static const unsigned char kind = tape_kind_key;
	static tape_word
	word(const tape_key &tape_v_)
	{
		return tape_word{ tape_v_.lo, tape_v_.hi };
	}
};

template <class L, class... Ts>
tape_key
tape_key_(struct tape_site *tape_site_, const L &tape_name_, const Ts &...tape_vars_)
{
	const tape_word tape_words_[] = { as_<Ts>::word(tape_vars_)... };

	return tape_key_of(tape_site_, tape_label_of_(tape_name_), kinds_<Ts...>::of,
			   tape_words_);
}

inline tape_out
tape_to_file_(const char *tape_text_, const char *tape_path_)
{
	return tape_out{ { 0, 0, tape_text_, at_(tape_path_, 0),
			   static_cast<unsigned char>(TAPE_TO + TAPE_OUT_FILE), 0, 0 } };
}

template <class... Ts>
int
tape_recall_(struct tape *tape_t_, struct tape_site *tape_site_, tape_key tape_key_,
	     Ts &&...tape_vars_)
{
	const tape_named tape_outs_[] = { to_<typename unref_<Ts>::type>::out(
		tape_vars_)... };

	return tape_recall(tape_t_, tape_site_, tape_key_, tape_outs_);
}

template <class... Ts>
int
tape_store_(struct tape *tape_t_, struct tape_site *tape_site_, tape_key tape_key_,
	    const Ts &...tape_vars_)
{
	const tape_word tape_words_[] = { as_<Ts>::word(tape_vars_)... };

	return tape_store(tape_t_, tape_site_, tape_key_, kinds_<Ts...>::of, tape_words_);
}

} /* namespace tape_cpp_ */

#endif

#endif
