/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How structures that exist already are described, and what a scope is bound to:
 * part of record.h, never included by itself. docs/partials.md explains it.
 */
#ifndef TAPE_PARTIAL_IMPL_H
#define TAPE_PARTIAL_IMPL_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the binary interface ---- */

#define TAPE_PARTIAL_VERSION 2u

/*
 * A member as the compiler sees it, then its elements, then those of its elements:
 * kind 0 and an array of arrays leads to the next one.
 */
struct tape_member {
	size_t offset;
	size_t size[4];
	unsigned char
		kind[4]; /* enum tape_kind, but TAPE_MEMBER_TEXT and TAPE_MEMBER_ENUM */
};
#define TAPE_MEMBER_TEXT 32 /* an array of char */
#define TAPE_MEMBER_ENUM 10 /* recorded as an i64, in memory without a sign */

/* Names of the values of a member: what TAPE_NAMES makes. A count of 0 ends a list. */
struct tape_member_names {
	size_t offset;
	const char *names; /* as written, with commas */
	uint32_t count, reserved;
	int64_t numbers[32];
};

/* Which members of a structure are recorded together: what TAPE_DESCRIBE makes. */
struct tape_partial {
	uint32_t version, count;
	size_t size;
	const char *name, *members; /* as written, with commas */
	const struct tape_member *(*list)(void);
	const char *const *optional; /* likewise, or NULL */
	const struct tape_member_names *(*const *enums)(
		void); /* or NULL; from version 2 */
};

/* One structure in memory. */
struct tape_of {
	const struct tape_partial *partial;
	const void *at;
	const char *text; /* the pointer as it was written */
	unsigned char writable;
};

/* A place for a value: kind is TAPE_TO + the kind of what value.lo points to. */
struct tape_out {
	struct tape_named named;
};
#define TAPE_TO 128
#define TAPE_OUT_FILE 64 /* TAPE_TO + this: lo is the path of a file */

struct tape_scope;
/*
 * Fills what `outs` name from the variables of a scope (<tape/search.h>; the function is
 * in the library tapesearch): all of it, or nothing. 1: filled. 0: it was not, and
 * tape_bind_error() names the field and the reason. names: as written, with commas.
 */
TAPE_API int tape_bind(const struct tape_scope *scope, const char *names, size_t count,
		       const struct tape_named *outs);
/* Why the last tape_bind of this thread filled nothing; "" if it did. Until the next one. */
TAPE_API const char *tape_bind_error(void);

#ifdef __cplusplus
}
#endif

/* ---- describing ---- */

/*
 * At file scope: these members (1 to 32; inner.x and a[2] too) of a structure that
 * exists, by the types that they have there. `desc` becomes their name.
 *	TAPE_DESCRIBE(params, struct params, alpha, grid.nx, name);
 */
#define TAPE_DESCRIBE(desc, type, ...)                                                   \
	TAPE_DESCRIBE_(TAPE_COUNT_(0, __VA_ARGS__), desc, type, #desc, #__VA_ARGS__,     \
		       __VA_ARGS__)
/* At file scope, after it: members, or structures above members, that may be missing in a scope. */
#define TAPE_OPTIONAL(desc, ...) TAPE_OPTIONAL_(desc, #__VA_ARGS__)

/*
 * At file scope, after it: names for the values of its members, any integers.
 *	TAPE_ENUMS(params, TAPE_NAMES(mode, SLOW, FAST), TAPE_NAMES(grid.kind, FLAT, ROUND));
 */
#define TAPE_ENUMS(desc, ...)                                                            \
	static __attribute__((__unused__))                                               \
	const struct tape_member_names *tape_names_of_##desc(void)                       \
	{                                                                                \
		typedef tape_described_##desc tape_type_;                                \
		static const struct tape_member_names tape_list_[] = {                   \
			__VA_ARGS__, { 0, 0, 0, 0, { 0 } }                               \
		};                                                                       \
		return tape_list_;                                                       \
	}                                                                                \
	TAPE_ENUMS_(desc)
#define TAPE_NAMES(member, ...)                                                          \
	TAPE_NAMES_(TAPE_COUNT_(0, __VA_ARGS__), member, #__VA_ARGS__, __VA_ARGS__)

/* The members of a described structure as variables, each under its name; TAPE_AS puts a prefix and a dot before them. */
#define TAPE_OF(desc, p) TAPE_OF_(desc, p, #p)

/*
 * Fills variables of the program from those of a scope that has their names, or nothing:
 *	if (TAPE_BIND(scope, &energy, TAPE_ARRAY(x, n), TAPE_OF(params, &p)))
 * An output is &scalar; a real array, TAPE_ARRAY and its like, where element type and
 * extents must agree; char[] and TAPE_TEXT, where the text must fit; TAPE_BYTES;
 * TAPE_OF; TAPE_NEW; &p of a char *p, which becomes the caller's to free(). TAPE_AS
 * gives another name. 1: all of them were filled. 0: none was, and tape_bind_error()
 * says why. What TAPE_OPTIONAL names may be missing, and is left as it was.
 */
#define TAPE_BIND(scope, ...)                                                            \
	TAPE_BIND_(TAPE_COUNT_(scope, __VA_ARGS__), scope, #__VA_ARGS__, __VA_ARGS__,    \
		   TAPE_BIND_END_)
/* An output of any size: T **pp gets malloc'd memory, the caller's to free(), and size_t *pn the number of elements. */
#define TAPE_NEW(pp, pn) TAPE_NEW_(pp, pn, #pp)

#define TAPE_NAMES_(n, ...) TAPE_NAMES2_(n, __VA_ARGS__)
#define TAPE_NAMES2_(n, member, text, ...)                                               \
	{                                                                                \
		__builtin_offsetof(tape_type_, member), text,                            \
			TAPE_NAMES_COUNT_(n, ((tape_type_ *)0)->member), 0,              \
		{                                                                        \
			TAPE_EACH_(n, TAPE_NUMBER_, __VA_ARGS__, 0)                      \
		}                                                                        \
	}
#define TAPE_DESCRIBE_(n, ...) TAPE_DESCRIBE2_(n, __VA_ARGS__)
#define TAPE_DESCRIBE3_(n, desc, type, text, names, ...)                                 \
	typedef type tape_described_##desc __attribute__((__unused__));                  \
	TAPE_OPTIONALS_(desc)                                                            \
	static __attribute__((__unused__))                                               \
	const struct tape_member *tape_members_##desc(void)                              \
	{                                                                                \
		typedef type tape_type_;                                                 \
		static const struct tape_member tape_list_[] = { TAPE_EACH_(             \
			n, TAPE_MEMBER_, __VA_ARGS__) };                                 \
		return tape_list_;                                                       \
	}                                                                                \
	static const struct tape_partial desc                                            \
		__attribute__((__unused__)) = { TAPE_PARTIAL_VERSION,                    \
						n,                                       \
						sizeof(type),                            \
						text,                                    \
						names,                                   \
						tape_members_##desc,                     \
						&tape_optional_##desc,                   \
						&tape_enums_##desc }
#define TAPE_BIND_(n, ...) TAPE_BIND2_(n, __VA_ARGS__)

#ifndef __cplusplus

#define TAPE_BIND_END_ 0
/* Pointers that are outputs; plain char is left to TAPE_TEXT. */
#define TAPE_OUT_ARMS_(pre)                                                                                                                                                                                                                                                         \
	_Bool ** : pre##o_bool,                                                                                                                                                                                                                                                     \
		   signed char *                                                                                                                                                                                                                                                    \
			   * : pre##o_i64sc,                                                                                                                                                                                                                                        \
			       short ** : pre##o_i64s,                                                                                                                                                                                                                              \
					  int ** : pre##o_i64,                                                                                                                                                                                                                      \
						   long ** : pre##o_i64l,                                                                                                                                                                                                           \
							     long long *                                                                                                                                                                                                            \
								     * : pre##o_ll,                                                                                                                                                                                                 \
									 unsigned char *                                                                                                                                                                                            \
										 * : pre##o_u64uc,                                                                                                                                                                                  \
										     unsigned short *                                                                                                                                                                               \
											     * : pre##o_u64us,                                                                                                                                                                      \
												 unsigned ** : pre##o_u64,                                                                                                                                                          \
													       unsigned long                                                                                                                                                        \
														       ** : pre##o_u64ul,                                                                                                                                           \
															    unsigned long long ** : pre##o_ull,                                                                                                                     \
																		    float                                                                                                                           \
																			    *                                                                                                                       \
																				    * : pre##o_f32,                                                                                                 \
																					double                                                                                                      \
																						*                                                                                                   \
																							* : pre##o_f64,                                                                             \
																							    long double                                                                             \
																								    *                                                                               \
																									    * : pre##o_ld,                                                          \
																										float _Complex                                                      \
																											*                                                           \
																												* : pre##o_c8,                                      \
																												    double _Complex *                               \
																													    * : pre##o_c16,                         \
																														long double _Complex                \
																															** : pre##o_cld,            \
																															     char *** : pre##o_str, \
																																	struct      \
																																	tape_out *  \
																																		* : pre##out
#define TAPE_AS_FN_(x)                                                                   \
	_Generic((__typeof__(x) *)0, TAPE_OUT_ARMS_(tape_as_fn_), default : tape_as_)
/* Tentative: TAPE_OPTIONAL and TAPE_ENUMS define them. */
#define TAPE_OPTIONALS_(desc)                                                            \
	static const char *const tape_optional_##desc __attribute__((__unused__));       \
	static const struct tape_member_names *(*const tape_enums_##desc)(               \
		void)__attribute__((__unused__));
#define TAPE_ENUMS_(desc)                                                                \
	static const struct tape_member_names *(*const tape_enums_##desc)(               \
		void)__attribute__((__unused__)) = tape_names_of_##desc
#define TAPE_NAMES_COUNT_(n, x)                                                          \
	((n) + 0 * sizeof(struct {                                                       \
		       int tape_x_;                                                      \
		       _Static_assert((n) >= 1 && (n) <= 32,                             \
				      "TAPE_NAMES takes a member and 1 to 32 names");    \
		       _Static_assert(TAPE_MEMBER_KIND_(x) == tape_member_i64 ||         \
					      TAPE_MEMBER_KIND_(x) == tape_member_u64 || \
					      TAPE_MEMBER_KIND_(x) == tape_member_enum,  \
				      "TAPE_NAMES takes a member that is an integer");   \
	       }))
#define TAPE_OPTIONAL_(desc, names)                                                      \
	static const char *const tape_optional_##desc __attribute__((__unused__)) = names

#define TAPE_DESCRIBE2_(n, desc, type, text, names, ...)                                 \
	_Static_assert((n) >= 1 && (n) <= 32,                                            \
		       "TAPE_DESCRIBE takes a name, a type and 1 to 32 members");        \
	TAPE_DESCRIBE3_(n, desc, type, text, names, __VA_ARGS__, 0)
#define TAPE_NONE_TAPE_MEMBER_                                                           \
	{                                                                                \
		0, { 0 },                                                                \
		{                                                                        \
			0                                                                \
		}                                                                        \
	}

/* An element of x, or something else if x is neither array nor pointer. */
struct tape_no_row_ {
	char tape_x_;
};
/* 5: a pointer, or an array that becomes one. */
#define TAPE_CLASS_(x) __builtin_classify_type(_Generic((x), float : 0, default : (x)))
#define TAPE_ROW_(x)                                                                     \
	(*__builtin_choose_expr(TAPE_CLASS_(x) == 5, (x), (struct tape_no_row_ *)0))
#define TAPE_IS_ARRAY_(x)                                                                \
	(TAPE_CLASS_(x) == 5 &&                                                          \
	 !__builtin_types_compatible_p(__typeof__(x), __typeof__(&TAPE_ROW_(x))))
#define TAPE_MEMBER_(m) TAPE_MEMBER2_(((tape_type_ *)0)->m, m)
#define TAPE_MEMBER2_(x, m)                                                              \
	TAPE_MEMBER3_(x, TAPE_ROW_(x), TAPE_ROW_(TAPE_ROW_(x)),                          \
		      TAPE_ROW_(TAPE_ROW_(TAPE_ROW_(x))), m)
#define TAPE_MEMBER_KIND_(x) ((unsigned char)TAPE_PICK_KIND_(tape_member_, x))
#define TAPE_ROWS_KIND_(of, x)                                                           \
	(TAPE_IS_ARRAY_(of) && TAPE_MEMBER_KIND_(x) >= TAPE_MEMBER_TEXT                  \
		 ? TAPE_MEMBER_KIND_(x)                                                  \
		 : (unsigned char)0)
#define TAPE_MEMBER3_(x, x1, x2, x3, m)                                                  \
	{                                                                                \
		__builtin_offsetof(tape_type_, m) +                                      \
			0 * sizeof(struct {                                              \
				int tape_x_;                                             \
				_Static_assert(                                          \
					TAPE_MEMBER_KIND_(x) ||                          \
						TAPE_ROWS_KIND_(x, x1) ||                \
						(TAPE_IS_ARRAY_(x) &&                    \
						 (TAPE_ROWS_KIND_(x1, x2) ||             \
						  (TAPE_IS_ARRAY_(x1) &&                 \
						   TAPE_ROWS_KIND_(x2, x3)))),           \
					"tape: a member is no scalar, string or array "  \
					"of numbers: name the members of a structure, "  \
					"as in inner.x");                                \
			}),                                                              \
			{ sizeof(x), sizeof(x1), sizeof(x2), sizeof(x3) },               \
		{                                                                        \
			TAPE_MEMBER_KIND_(x), TAPE_ROWS_KIND_(x, x1),                    \
				TAPE_ROWS_KIND_(x1, x2), TAPE_ROWS_KIND_(x2, x3)         \
		}                                                                        \
	}
enum {
	tape_member_bad = 0,
	tape_member_named = 0,
	tape_member_dense = 0,
	tape_member_ref = 0,
	tape_member_key = 0,
	tape_member_of = 0,
	tape_member_bool = tape_kind_bool,
	tape_member_i64 = tape_kind_i64,
	tape_member_ll = tape_kind_i64,
	tape_member_enum = TAPE_MEMBER_ENUM,
	tape_member_u64 = tape_kind_u64,
	tape_member_ull = tape_kind_u64,
	tape_member_f32 = tape_kind_f32,
	tape_member_f64 = tape_kind_f64,
	tape_member_ld = tape_kind_ld,
	tape_member_c8 = tape_kind_c8,
	tape_member_c16 = tape_kind_c16,
	tape_member_cld = tape_kind_cld,
	tape_member_str = tape_kind_text,
	tape_member_text = TAPE_MEMBER_TEXT,
	tape_member_b1 = tape_kind_b1,
	tape_member_i1 = tape_kind_i1,
	tape_member_i2 = tape_kind_i2,
	tape_member_i4 = tape_kind_i4,
	tape_member_il = tape_kind_il,
	tape_member_i8 = tape_kind_i8,
	tape_member_u1 = tape_kind_u1,
	tape_member_u2 = tape_kind_u2,
	tape_member_u4 = tape_kind_u4,
	tape_member_ul = tape_kind_ul,
	tape_member_u8 = tape_kind_u8,
	tape_member_f4 = tape_kind_f4,
	tape_member_f8 = tape_kind_f8,
	tape_member_c8a = tape_kind_c8a,
	tape_member_c16a = tape_kind_c16a
};

#define TAPE_OF_(desc, p, text)                                                          \
	(&(struct tape_of){ &(desc), (p), text,                                          \
			    (unsigned char)_Generic((p),                                 \
						    const tape_described_##desc * : 0,   \
						    tape_described_##desc * : 1, default \
						    : tape_bad_of(0)) })
unsigned tape_bad_of(int tape_dummy_)
	TAPE_BAD_("TAPE_OF takes a pointer to the structure that was described",
		  "say &s");

#define TAPE_BIND2_(n, scope, names, ...)                                                \
	__extension__({                                                                  \
		_Static_assert((n) <= 32, "TAPE_BIND takes at most 32 outputs");         \
		const struct tape_named tape_outs_[] = { TAPE_EACH_(n, TAPE_TO_,         \
								    __VA_ARGS__) };      \
		tape_bind((scope), names, (n), tape_outs_);                              \
	})
#define TAPE_NONE_TAPE_TO_                                                               \
	{                                                                                \
		0, 0, 0, { 0, 0 }, 0, 0                                                  \
	}
/* Arrays by their address; else what points to a scalar, or was made by one of the macros. */
#define TAPE_TO_(x)                                                                      \
	_Generic((__typeof__(x) *)0, TAPE_OUT_ARMS_(tape_to_), default                   \
		 : TAPE_PICK_KIND_(tape_to_, x))(sizeof(__typeof__(x)), x)
#define TAPE_NEW_(pp, pn, text)                                                          \
	(&(struct tape_out){ { 0,                                                        \
			       0,                                                        \
			       text,                                                     \
			       { (uint64_t)(uintptr_t)(pp),                              \
				 (uint64_t)(uintptr_t)(1 ? (pn) : (size_t *)0) },        \
			       TAPE_NEW_KIND_(*(pp)),                                    \
			       0,                                                        \
			       0 } })
#define TAPE_NEW_KIND_(p)                                                                \
	((unsigned char)_Generic((p), char *: TAPE_TO + tape_kind_text,                  \
		 default: TAPE_TO + tape_kind_array + TAPE_DTYPE_(p)))

#define TAPE_TO_FN_(tag, type, what, bytes)                                              \
	static inline __attribute__((                                                    \
		__always_inline__,                                                       \
		__unused__)) struct tape_named tape_to_##tag(size_t tape_size_,          \
							     type tape_v_)               \
	{                                                                                \
		struct tape_named tape_out_ = { 0, 0, 0, { 0, 0 }, what, 0, 0 };         \
		tape_out_.value.lo = (uint64_t)(uintptr_t)tape_v_;                       \
		tape_out_.value.hi = bytes;                                              \
		(void)tape_size_;                                                        \
		return tape_out_;                                                        \
	}
#define TAPE_TO_SCALAR_(tag, type)                                                       \
	TAPE_TO_FN_(o_##tag, type *, TAPE_TO + tape_kind_##tag, sizeof(type))            \
	TAPE_OUT_NAMED_(o_##tag, type *)
#define TAPE_OUT_NAMED_(tag, type)                                                       \
	static inline __attribute__((__always_inline__, __unused__)) struct tape_out     \
		*tape_named_##tag(struct tape_named *tape_named_, size_t tape_size_,     \
				  type tape_v_)                                          \
	{                                                                                \
		const char *tape_text_ = tape_named_->text;                              \
		*tape_named_ = tape_to_##tag(tape_size_, tape_v_);                       \
		tape_named_->text = tape_text_;                                          \
		return (struct tape_out *)tape_named_;                                   \
	}
/* clang-format off */
#define TAPE_ALL_OUT_(m)                                                                 \
	m(bool, _Bool) m(i64sc, signed char) m(i64s, short) m(i64, int) m(i64l, long)    \
	m(ll, long long) m(u64uc, unsigned char) m(u64us, unsigned short)                \
	m(u64, unsigned) m(u64ul, unsigned long) m(ull, unsigned long long)              \
	m(f32, float) m(f64, double) m(ld, long double) m(c8, float _Complex)            \
	m(c16, double _Complex) m(cld, long double _Complex) m(str, char *)
/* clang-format on */
enum {
	tape_kind_i64sc = tape_kind_i64,
	tape_kind_i64s = tape_kind_i64,
	tape_kind_i64l = tape_kind_i64,
	tape_kind_u64uc = tape_kind_u64,
	tape_kind_u64us = tape_kind_u64,
	tape_kind_u64ul = tape_kind_u64
};
TAPE_ALL_OUT_(TAPE_TO_SCALAR_)
/* Real arrays of this kind. */
#define TAPE_TO_ARRAY_(tag) TAPE_TO_FN_(tag, const void *, tape_kind_##tag, tape_size_)
TAPE_TO_ARRAY_(text)
TAPE_TO_ARRAY_(b1)
TAPE_TO_ARRAY_(i1)
TAPE_TO_ARRAY_(i2)
TAPE_TO_ARRAY_(i4)
TAPE_TO_ARRAY_(il)
TAPE_TO_ARRAY_(i8)
TAPE_TO_ARRAY_(u1)
TAPE_TO_ARRAY_(u2)
TAPE_TO_ARRAY_(u4)
TAPE_TO_ARRAY_(ul)
TAPE_TO_ARRAY_(u8)
TAPE_TO_ARRAY_(f4)
TAPE_TO_ARRAY_(f8)
TAPE_TO_ARRAY_(c8a)
TAPE_TO_ARRAY_(c16a)
TAPE_TO_FN_(dense, const struct tape_dense *, tape_kind_dense, 0)
TAPE_TO_FN_(of, const struct tape_of *, tape_kind_of, 0)
#undef TAPE_TO_FN_
#undef TAPE_TO_SCALAR_
#undef TAPE_TO_ARRAY_
#undef TAPE_ALL_OUT_
#undef TAPE_OUT_NAMED_

static inline __attribute__((__always_inline__, __unused__)) struct tape_named
tape_to_named(size_t tape_size_, const struct tape_named *tape_named_)
{
	(void)tape_size_;
	return *tape_named_;
}
static inline __attribute__((__always_inline__, __unused__)) struct tape_named
tape_to_out(size_t tape_size_, const struct tape_out *tape_out_)
{
	(void)tape_size_;
	return tape_out_->named;
}
static inline __attribute__((__always_inline__, __unused__)) struct tape_out *
tape_as_out_(const char *tape_name_, unsigned tape_dynamic_, struct tape_out *tape_out_)
{
	(void)tape_dynamic_;
	tape_out_->named.name = tape_name_;
	return tape_out_;
}
static inline __attribute__((__always_inline__, __unused__)) struct tape_out *
tape_named_out(struct tape_named *tape_named_, size_t tape_size_,
	       struct tape_out *tape_out_)
{
	(void)tape_named_;
	(void)tape_size_;
	return tape_out_;
}
/* clang-format off */
struct tape_named tape_to_bad(size_t tape_size_, ...) TAPE_BAD_(
	"this is no output", "say &x, TAPE_ARRAY(p, n), TAPE_TEXT(p, n), TAPE_OF(desc, &s), "
	"TAPE_NEW(&p, &n)");
/* TAPE_AS of outputs: all in one way. */
#define tape_as_fn_o_bool tape_as_out_
#define tape_as_fn_o_i64sc tape_as_out_
#define tape_as_fn_o_i64s tape_as_out_
#define tape_as_fn_o_i64 tape_as_out_
#define tape_as_fn_o_i64l tape_as_out_
#define tape_as_fn_o_ll tape_as_out_
#define tape_as_fn_o_u64uc tape_as_out_
#define tape_as_fn_o_u64us tape_as_out_
#define tape_as_fn_o_u64 tape_as_out_
#define tape_as_fn_o_u64ul tape_as_out_
#define tape_as_fn_o_ull tape_as_out_
#define tape_as_fn_o_f32 tape_as_out_
#define tape_as_fn_o_f64 tape_as_out_
#define tape_as_fn_o_ld tape_as_out_
#define tape_as_fn_o_c8 tape_as_out_
#define tape_as_fn_o_c16 tape_as_out_
#define tape_as_fn_o_cld tape_as_out_
#define tape_as_fn_o_str tape_as_out_
#define tape_as_fn_out tape_as_out_
/* Values are no outputs. */
#define tape_to_bool tape_to_bad
#define tape_to_i64 tape_to_bad
#define tape_to_ll tape_to_bad
#define tape_to_enum tape_to_bad
#define tape_to_u64 tape_to_bad
#define tape_to_ull tape_to_bad
#define tape_to_f32 tape_to_bad
#define tape_to_f64 tape_to_bad
#define tape_to_ld tape_to_bad
#define tape_to_c8 tape_to_bad
#define tape_to_c16 tape_to_bad
#define tape_to_cld tape_to_bad
#define tape_to_str tape_to_bad
#define tape_to_key tape_to_bad
#define tape_to_ref tape_to_bad
/* clang-format on */

#else /* C++ */

#define TAPE_BIND_END_ tape_cpp_::tape_end_()
#define TAPE_OPTIONALS_(desc)                                                            \
	static const char *tape_optional_##desc __attribute__((__unused__)) = 0;         \
	static const struct tape_member_names *(*tape_enums_##desc)(                     \
		void)__attribute__((__unused__)) = 0;
#define TAPE_ENUMS_(desc)                                                                \
	static const bool tape_enumed_##desc __attribute__((__unused__)) =               \
		((tape_enums_##desc = tape_names_of_##desc), true)
#define TAPE_NAMES_COUNT_(n, x) tape_cpp_::tape_member_names_<decltype(x), (n)>::tape_n_
#define TAPE_OPTIONAL_(desc, names)                                                      \
	static const bool tape_opted_##desc __attribute__((__unused__)) =                \
		((tape_optional_##desc = names), true)
#define TAPE_DESCRIBE2_(n, desc, type, text, names, ...)                                 \
	static_assert((n) >= 1 && (n) <= 32,                                             \
		      "TAPE_DESCRIBE takes a name, a type and 1 to 32 members");         \
	TAPE_DESCRIBE3_(n, desc, type, text, names, __VA_ARGS__, 0)
#define TAPE_NONE_TAPE_MEMBER_                                                           \
	{                                                                                \
		0, { 0 },                                                                \
		{                                                                        \
			0                                                                \
		}                                                                        \
	}
#define TAPE_MEMBER_(m)                                                                  \
	tape_cpp_::tape_member_of_<decltype(((tape_type_ *)0)->m)>(                      \
		__builtin_offsetof(tape_type_, m))
#define TAPE_OF_(desc, p, text)                                                          \
	tape_cpp_::tape_of_<tape_described_##desc>(&(desc), text, p)
#define TAPE_BIND2_(n, scope, names, ...)                                                \
	__extension__({                                                                  \
		static_assert((n) <= 32, "TAPE_BIND takes at most 32 outputs");          \
		tape_cpp_::tape_bind_((scope), names, __VA_ARGS__);                      \
	})
#define TAPE_NEW_(pp, pn, text) tape_cpp_::tape_new_(text, pp, pn)

namespace tape_cpp_
{

struct tape_end_ { /* of a list of outputs */
};

template <class T> struct plain_ {
	typedef T type;
	static const bool constant = false;
};
template <class T> struct plain_<const T> {
	typedef T type;
	static const bool constant = true;
};
template <class T> struct plain_<volatile T> : plain_<T> {
};
template <class T> struct plain_<const volatile T> : plain_<const T> {
};
template <class T> struct unref_ {
	typedef T type;
};
template <class T> struct unref_<T &> {
	typedef T type;
};
template <class A, class B> struct same_ {
	static const bool value = false;
};
template <class A> struct same_<A, A> {
	static const bool value = true;
};

/* How a scalar in memory is recorded and filled; 0: it is none. */
template <class T, class = void> struct scalar_ {
	static const unsigned char kind = 0;
};
template <class T> struct scalar_<T, typename if_<(element_<T>::dtype != 0)>::type> {
	static const unsigned char kind = as_<T>::kind;
};
template <class T> struct scalar_<T, typename if_<__is_enum(T)>::type> {
	static const unsigned char kind =
		static_cast<__underlying_type(T)>(-1) <
				static_cast<__underlying_type(T)>(1)
			? static_cast<unsigned char>(tape_kind_i64)
			: static_cast<unsigned char>(TAPE_MEMBER_ENUM);
};
template <class T>
struct scalar_<
	T,
	typename void_<decltype(make_<T>().real()), decltype(make_<T>().imag()),
		       typename if_<(sizeof(T) == 8 || sizeof(T) == 16)>::type>::type> {
	static const unsigned char kind = as_<T>::kind;
};
template <> struct scalar_<long double, void> {
	static const unsigned char kind = tape_kind_ld;
};
template <> struct scalar_<text_, void> {
	static const unsigned char kind = tape_kind_text;
};
template <> struct scalar_<const_text_, void> {
	static const unsigned char kind = tape_kind_text;
};

template <class T, size_t N> struct tape_member_names_ {
	static const unsigned char kind =
		scalar_<typename plain_<typename unref_<T>::type>::type>::kind;
	static_assert(N >= 1 && N <= 32, "TAPE_NAMES takes a member and 1 to 32 names");
	static_assert(kind == tape_kind_i64 || kind == tape_kind_u64 ||
			      kind == TAPE_MEMBER_ENUM,
		      "TAPE_NAMES takes a member that is an integer");
	static const uint32_t tape_n_ = N;
};

template <class T> struct member_ {
	static constexpr void
	fill(tape_member &tape_m_, size_t tape_level_)
	{
		static_assert(scalar_<typename plain_<T>::type>::kind != 0 &&
				      sizeof(T) <= sizeof(long double) * 2,
			      "tape: a member is no scalar, string or array of numbers: "
			      "name the members of a structure, as in inner.x");
		tape_m_.size[tape_level_] = sizeof(T);
		tape_m_.kind[tape_level_] = scalar_<typename plain_<T>::type>::kind;
	}
};
template <class T, size_t N> struct member_<T[N]> {
	typedef typename plain_<T>::type plain;
	static constexpr void
	fill(tape_member &tape_m_, size_t tape_level_)
	{
		static_assert(element_<plain>::dtype != 0,
			      "tape: a member is no scalar, string or array of numbers: "
			      "name the members of a structure, as in inner.x");
		tape_m_.size[tape_level_] = sizeof(T[N]);
		tape_m_.kind[tape_level_] = static_cast<unsigned char>(
			same_<plain, char>::value ? TAPE_MEMBER_TEXT
						  : static_cast<int>(tape_kind_array) +
							    element_<plain>::dtype);
	}
};
template <class T, size_t N, size_t M>
struct member_<T[N][M]>{
	static constexpr void fill(tape_member & tape_m_, size_t tape_level_){
		tape_m_.size[tape_level_] = sizeof(T[N][M]);
tape_m_.kind[tape_level_] = 0;
if (tape_level_ < 3)
	member_<T[M]>::fill(tape_m_, tape_level_ + 1);
} // namespace tape_cpp_
}
;

template <class T>
constexpr tape_member
tape_member_of_(size_t tape_offset_)
{
	tape_member tape_m_ = { tape_offset_, { 0 }, { 0 } };

	member_<typename unref_<T>::type>::fill(tape_m_, 0);
	return tape_m_;
}

template <class D, class T>
tape_of
tape_of_(const tape_partial *tape_partial_, const char *tape_text_, T *tape_p_)
{
	static_assert(
		same_<typename plain_<T>::type, typename plain_<D>::type>::value,
		"tape: TAPE_OF takes a pointer to the structure that was described");
	return tape_of{ tape_partial_, tape_p_, tape_text_,
			static_cast<unsigned char>(!plain_<T>::constant) };
}

inline tape_named
to_at_(const volatile void *tape_p_, uint64_t tape_hi_, unsigned char tape_kind_)
{
	return tape_named{ 0, 0, 0, at_(tape_p_, tape_hi_), tape_kind_, 0, 0 };
}

/* Is it a pointer that TAPE_AS takes as an output? Plain char is left to TAPE_TEXT. */
template <class T> struct is_out_ {
	static const bool value = false;
};
template <class T> struct is_out_<T *> {
	static const bool value = scalar_<T>::kind != 0 && !same_<T, char>::value;
};

/* From an argument of TAPE_BIND to an output. */
template <class T, class = void> struct to_ {
	static_assert(
		sizeof(T) == 0,
		"tape: this is no output: say &x, TAPE_ARRAY(p, n), TAPE_TEXT(p, n), "
		"TAPE_OF(desc, &s), TAPE_NEW(&p, &n)");
	static tape_named
	out(const T &)
	{
		return to_at_(0, 0, 0);
	}
};
template <class T> struct to_<T *, typename if_<is_out_<T *>::value>::type> {
	static tape_named
	out(T *tape_p_)
	{
		return to_at_(tape_p_, sizeof(T),
			      static_cast<unsigned char>(
				      TAPE_TO + (scalar_<T>::kind == TAPE_MEMBER_ENUM
							 ? static_cast<int>(tape_kind_u64)
							 : scalar_<T>::kind)));
	}
};
template <class T, size_t N>
struct to_<T[N], typename if_<(element_<T>::dtype != 0)>::type> {
	static tape_named
	out(T (&tape_a_)[N])
	{
		return to_at_(tape_a_, sizeof(tape_a_),
			      static_cast<unsigned char>(
				      same_<T, char>::value
					      ? static_cast<int>(tape_kind_text)
					      : static_cast<int>(tape_kind_array) +
							element_<T>::dtype));
	}
};
template <> struct to_<tape_dense, void> {
	static tape_named
	out(const tape_dense &tape_d_)
	{
		return to_at_(&tape_d_, 0, tape_kind_dense);
	}
};
template <> struct to_<tape_of, void> {
	static tape_named
	out(const tape_of &tape_o_)
	{
		return to_at_(&tape_o_, 0, tape_kind_of);
	}
};
template <> struct to_<tape_named, void> {
	static tape_named
	out(const tape_named &tape_n_)
	{
		return tape_n_;
	}
};
template <> struct to_<tape_out, void> {
	static tape_named
	out(const tape_out &tape_o_)
	{
		return tape_o_.named;
	}
};
template <> struct to_<tape_end_, void> {
	static tape_named
	out(const tape_end_ &)
	{
		return to_at_(0, 0, 0);
	}
};

template <class... Ts>
int
tape_bind_(const tape_scope *tape_scope_, const char *tape_names_, Ts &&...tape_vars_)
{
	const tape_named tape_outs_[] = { to_<typename unref_<Ts>::type>::out(
		tape_vars_)... };

	return tape_bind(tape_scope_, tape_names_, sizeof...(Ts) - 1, tape_outs_);
}

template <class T>
tape_out
tape_new_(const char *tape_text_, T **tape_pp_, size_t *tape_pn_)
{
	static_assert(element_<T>::dtype != 0,
		      "tape: TAPE_NEW takes T **, with T a number or char, and size_t *");
	return tape_out{ { 0, 0, tape_text_,
			   tape_word{ (uint64_t)(uintptr_t)tape_pp_,
				      (uint64_t)(uintptr_t)tape_pn_ },
			   static_cast<unsigned char>(
				   TAPE_TO +
				   (same_<T, char>::value
					    ? static_cast<int>(tape_kind_text)
					    : static_cast<int>(tape_kind_array) +
						      element_<T>::dtype)),
			   0, 0 } };
}

/* TAPE_AS of an output. */
inline tape_out
tape_named_of_(const char *, const tape_out &tape_v_)
{
	return tape_v_;
}
template <class T>
typename if_<is_out_<T>::value, tape_out>::type
tape_named_of_(const char *tape_text_, const T &tape_v_)
{
	tape_out tape_o_ = { to_<T>::out(tape_v_) };

	tape_o_.named.text = tape_text_;
	return tape_o_;
}

} /* namespace tape_cpp_ */

static inline __attribute__((__always_inline__, __unused__)) tape_out
tape_as_(const char *tape_name_, unsigned, tape_out tape_v_)
{
	tape_v_.named.name = tape_name_;
	return tape_v_;
}

#endif /* C++ */

#endif
