/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the macros of record.h are done: part of that header, never included by
 * itself. Nothing here is meant to be used by name. Every identifier in the
 * body of a macro begins with tape_, because a program may have macros of its
 * own for anything else.
 */
#ifndef TAPE_RECORD_IMPL_H
#define TAPE_RECORD_IMPL_H

#define TAPE_JOIN_(a, b) TAPE_JOIN2_(a, b)
#define TAPE_JOIN2_(a, b) a##b
#define TAPE_EACH_(n, m, ...) TAPE_JOIN_(TAPE_DO_, n)(m, __VA_ARGS__)

/* For one argument, tape_e_ if it is empty, else tape_n_; it has no comma of its own. */
#define TAPE_COMMA_(...) ,
#define TAPE_THIRD_(a, b, c, ...) c
#define TAPE_HAS_COMMA_(...) TAPE_THIRD_(__VA_ARGS__, 1, 0, 0)
#define TAPE_EMPTY_00 tape_n_
#define TAPE_EMPTY_10 tape_n_
#define TAPE_EMPTY_11 tape_n_
#define TAPE_EMPTY_01 tape_e_
#define TAPE_EMPTY_(x)                                                                   \
	TAPE_JOIN_(TAPE_EMPTY_, TAPE_JOIN_(TAPE_HAS_COMMA_(TAPE_COMMA_ x),               \
					   TAPE_HAS_COMMA_(TAPE_COMMA_ x())))
/* Only where one argument or none is left is there anything to find out. */
#define TAPE_SECOND_(...) TAPE_SECOND2_(__VA_ARGS__)
#define TAPE_SECOND2_(a, b, ...) b
#define TAPE_ZERO_0 0, TAPE_EMPTY_
#define TAPE_FULL_(x) tape_n_
#define TAPE_GIVEN_(n, x) TAPE_SECOND_(TAPE_JOIN_(TAPE_ZERO_, n), TAPE_FULL_, 0)(x)

#define TAPE_SCOPE_(n, flags, t, names, label, ...)                                      \
	TAPE_JOIN_(TAPE_SCOPE_, TAPE_GIVEN_(n, label))                                   \
	(n, flags, t, names, label, __VA_ARGS__)
#define TAPE_SCOPE_tape_n_(...) TAPE_SCOPE2_(__VA_ARGS__)
#define TAPE_SCOPE_tape_e_(...)                                                          \
	TAPE_ASSERT_(0, "TAPE takes a recorder, a label and 0 to 32 variables: TAPE(t, " \
			"\"label\", x)")
#define TAPE_WITH_(what, n, names, x, ...)                                               \
	TAPE_JOIN_(TAPE_WITH_, TAPE_GIVEN_(n, x))                                        \
	(what, TAPE_COUNT_(x, __VA_ARGS__), names, x, __VA_ARGS__)
#define TAPE_WITH_tape_e_(...)                                                           \
	__extension__({                                                                  \
		TAPE_ASSERT_(                                                            \
			0,                                                               \
			"TAPE_WITH and TAPE_ADD take a recorder and 1 to 32 variables"); \
		tape_no_guard();                                                         \
	})
#define TAPE_WITH_tape_n_(...) TAPE_WITH2_(__VA_ARGS__)

TAPE_INLINE_ void
tape_guard_leave_(struct tape_guard *tape_guard_)
{
	if (tape_guard_->to)
		tape_guard_pop(tape_guard_);
}

TAPE_INLINE_ const struct tape_nd *
tape_nd_(const struct tape_nd *tape_nd)
{
	return tape_nd;
}

#ifdef TAPE_OFF
#define TAPE_GUARD_(t, enter)                                                            \
	do {                                                                             \
		if (0) {                                                                 \
			struct tape *tape_to_ = (t);                                     \
			(void)(enter);                                                   \
			(void)tape_to_;                                                  \
		}                                                                        \
	} while (0)
#else
#define TAPE_GUARD_(t, enter)                                                            \
	struct tape_guard TAPE_JOIN_(tape_guard_, __COUNTER__)                           \
		__attribute__((__cleanup__(tape_guard_leave_), __unused__)) =            \
			__extension__({                                                  \
				struct tape *tape_to_ = (t);                             \
				tape_to_ ? (enter) : tape_no_guard();                    \
			})
#endif

#define TAPE_SITE_(names, count, flags)                                                  \
	{                                                                                \
		TAPE_SITE_VERSION, __LINE__, __FILE__, __func__, names, count, flags, 0, \
			0, 0, 0                                                          \
	}
#define TAPE_FLAGS_(flags, label)                                                        \
	((flags) | TAPE_SITE_ASKS | TAPE_SITE_NEAR_LABEL |                               \
	 (__builtin_constant_p(label) ? TAPE_SITE_LITERAL : 0u))

/* clang-format off */
/* How many follow the first; 33 stands for too many. */
#define TAPE_PICK_( \
	p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, p15, p16, p17, \
	p18, p19, p20, p21, p22, p23, p24, p25, p26, p27, p28, p29, p30, p31, p32, p33, \
	p34, p35, p36, p37, p38, p39, p40, p41, p42, p43, p44, p45, p46, p47, p48, p49, \
	p50, p51, p52, p53, p54, p55, p56, p57, p58, p59, p60, p61, p62, p63, p64, p65, \
	p66, p67, p68, p69, p70, p71, p72, p73, p74, p75, p76, p77, p78, p79, p80, p81, \
	p82, p83, p84, p85, p86, p87, p88, p89, p90, p91, p92, p93, p94, p95, p96, p97, \
	p, ...) p
#define TAPE_COUNT_(...) TAPE_PICK_(__VA_ARGS__, \
	33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, \
	33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, \
	33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33, \
	33, 33, 33, 33, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, \
	17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, \
	0)
#define TAPE_DO_0(m, ...) TAPE_NONE_##m
#define TAPE_DO_33(m, ...) TAPE_NONE_##m
#define TAPE_DO_1(m, p1, ...) m(p1)
#define TAPE_DO_2(m, p1, p2, ...) m(p1), m(p2)
#define TAPE_DO_3(m, p1, p2, p3, ...) m(p1), m(p2), m(p3)
#define TAPE_DO_4(m, p1, p2, p3, p4, ...) m(p1), m(p2), m(p3), m(p4)
#define TAPE_DO_5(m, p1, p2, p3, p4, p5, ...) \
	m(p1), m(p2), m(p3), m(p4), m(p5)
#define TAPE_DO_6(m, p1, p2, p3, p4, p5, p6, ...) \
	m(p1), m(p2), m(p3), m(p4), m(p5), m(p6)
#define TAPE_DO_7(m, p1, p2, p3, p4, p5, p6, p7, ...) \
	m(p1), m(p2), m(p3), m(p4), m(p5), m(p6), m(p7)
#define TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	m(p1), m(p2), m(p3), m(p4), m(p5), m(p6), m(p7), m(p8)
#define TAPE_DO_9(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_1(m, __VA_ARGS__)
#define TAPE_DO_10(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_2(m, __VA_ARGS__)
#define TAPE_DO_11(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_3(m, __VA_ARGS__)
#define TAPE_DO_12(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_4(m, __VA_ARGS__)
#define TAPE_DO_13(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_5(m, __VA_ARGS__)
#define TAPE_DO_14(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_6(m, __VA_ARGS__)
#define TAPE_DO_15(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_7(m, __VA_ARGS__)
#define TAPE_DO_16(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_8(m, __VA_ARGS__)
#define TAPE_DO_17(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_9(m, __VA_ARGS__)
#define TAPE_DO_18(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_10(m, __VA_ARGS__)
#define TAPE_DO_19(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_11(m, __VA_ARGS__)
#define TAPE_DO_20(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_12(m, __VA_ARGS__)
#define TAPE_DO_21(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_13(m, __VA_ARGS__)
#define TAPE_DO_22(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_14(m, __VA_ARGS__)
#define TAPE_DO_23(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_15(m, __VA_ARGS__)
#define TAPE_DO_24(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_16(m, __VA_ARGS__)
#define TAPE_DO_25(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_17(m, __VA_ARGS__)
#define TAPE_DO_26(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_18(m, __VA_ARGS__)
#define TAPE_DO_27(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_19(m, __VA_ARGS__)
#define TAPE_DO_28(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_20(m, __VA_ARGS__)
#define TAPE_DO_29(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_21(m, __VA_ARGS__)
#define TAPE_DO_30(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_22(m, __VA_ARGS__)
#define TAPE_DO_31(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_23(m, __VA_ARGS__)
#define TAPE_DO_32(m, p1, p2, p3, p4, p5, p6, p7, p8, ...) \
	TAPE_DO_8(m, p1, p2, p3, p4, p5, p6, p7, p8, 0), TAPE_DO_24(m, __VA_ARGS__)
/* clang-format on */

#ifndef __cplusplus

#define TAPE_ASSERT_ _Static_assert
#define TAPE_LABEL_TEXT_(name) (name)
#define TAPE_SCOPE2_(n, flags, t, names, label, ...)                                     \
	do {                                                                             \
		_Static_assert((n) <= 32,                                                \
			       "TAPE takes at most 32 variables: split it, or "          \
			       "record an array");                                       \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				static const unsigned char tape_kinds_[] = { TAPE_EACH_( \
					n, TAPE_KIND_, __VA_ARGS__) };                   \
				enum { tape_flags_ = TAPE_FLAGS_(flags, label) };        \
				static struct tape_site tape_site_ =                     \
					TAPE_SITE_(names, n, tape_flags_);               \
				static __thread struct tape_near tape_near_;             \
				const char *const tape_label_ = (label);                 \
				const unsigned tape_asks_ = tape_asks_of_(tape_to_);     \
				if (TAPE_WANTED_(tape_asks_)) {                          \
					const struct tape_word tape_words_[] = {         \
						TAPE_EACH_(n, TAPE_WORD_, __VA_ARGS__)   \
					};                                               \
					tape_record(tape_to_, &tape_site_, tape_label_,  \
						    tape_kinds_, tape_words_);           \
				}                                                        \
			}                                                                \
		}                                                                        \
	} while (0)

#define TAPE_WITH2_(what, n, names, ...)                                                 \
	__extension__({                                                                  \
		_Static_assert((n) <= 32,                                                \
			       "TAPE_WITH and TAPE_ADD take at most 32 variables");      \
		static const unsigned char tape_kinds_[] = { TAPE_EACH_(n, TAPE_KIND_,   \
									__VA_ARGS__) };  \
		static struct tape_site tape_site_ = TAPE_SITE_(names, n, 0u);           \
		const struct tape_word tape_words_[] = { TAPE_EACH_(n, TAPE_WORD_,       \
								    __VA_ARGS__) };      \
		what(tape_to_, &tape_site_, tape_kinds_, tape_words_);                   \
	})

#define TAPE_NONE_TAPE_KIND_ 0
#define TAPE_NONE_TAPE_WORD_                                                             \
	{                                                                                \
		0, 0                                                                     \
	}
#define TAPE_NONE_TAPE_DIM_ 0
/* How many extents; 33 stands for too many. */
#define TAPE_RANK_(...) TAPE_RANK2_(TAPE_COUNT_(0, __VA_ARGS__))
#define TAPE_RANK2_(n) TAPE_SECOND_(TAPE_JOIN_(TAPE_RANK_, n), 33, 0)
#define TAPE_RANK_1 0, 1
#define TAPE_RANK_2 0, 2
#define TAPE_RANK_3 0, 3
#define TAPE_RANK_4 0, 4
#define TAPE_RANK_5 0, 5
#define TAPE_RANK_6 0, 6
#define TAPE_RANK_7 0, 7
#define TAPE_RANK_8 0, 8
#define TAPE_DIM_(d) (uint64_t)(d)

/* T * and T (*)[], const or not, of what an array may hold: one line per type. */
#define TAPE_DTYPE_(p)                                                                   \
	_Generic((p), TAPE_POINTER_ARMS_(_Bool, TAPE_B1),                                \
		 TAPE_POINTER_ARMS_(char, TAPE_I1),                                      \
		 TAPE_POINTER_ARMS_(signed char, TAPE_I1),                               \
		 TAPE_POINTER_ARMS_(short, TAPE_I2), TAPE_POINTER_ARMS_(int, TAPE_I4),   \
		 TAPE_POINTER_ARMS_(long, TAPE_LONG_),                                   \
		 TAPE_POINTER_ARMS_(long long, TAPE_I8),                                 \
		 TAPE_POINTER_ARMS_(unsigned char, TAPE_U1),                             \
		 TAPE_POINTER_ARMS_(unsigned short, TAPE_U2),                            \
		 TAPE_POINTER_ARMS_(unsigned, TAPE_U4),                                  \
		 TAPE_POINTER_ARMS_(unsigned long, TAPE_ULONG_),                         \
		 TAPE_POINTER_ARMS_(unsigned long long, TAPE_U8),                        \
		 TAPE_POINTER_ARMS_(float, TAPE_F4),                                     \
		 TAPE_POINTER_ARMS_(double, TAPE_F8),                                    \
		 TAPE_POINTER_ARMS_(float _Complex, TAPE_C8_T),                          \
		 TAPE_POINTER_ARMS_(double _Complex, TAPE_C16_T), default                \
		 : tape_bad_pointer(0))
#define TAPE_POINTER_ARMS_(type, dtype)                                                  \
	type * : dtype, const type * : dtype, type(*)[] : dtype, const type(*)[] : dtype
#define TAPE_LONG_ (sizeof(long) == 8 ? TAPE_I8 : TAPE_I4)
#define TAPE_ULONG_ (sizeof(long) == 8 ? TAPE_U8 : TAPE_U4)

#define TAPE_DENSE_(text, p, flags, ...)                                                 \
	TAPE_FORM2_(TAPE_RANK_(__VA_ARGS__), text, p, TAPE_DTYPE_(p), flags, 0,          \
		    __VA_ARGS__, 0)
#define TAPE_FORM_(text, p, dtype, flags, stride, n)                                     \
	TAPE_FORM2_(1, text, p, dtype, flags, stride, n, 0)
#define TAPE_FORM2_(n, ...) TAPE_FORM3_(n, __VA_ARGS__)
#define TAPE_FORM3_(n, text, p, dtype, flags, stride, ...)                               \
	(&(struct tape_dense){ text,                                                     \
			       (const void *)(p),                                        \
			       (unsigned char)(dtype),                                   \
			       TAPE_NDIM_(n),                                            \
			       flags,                                                    \
			       0,                                                        \
			       stride,                                                   \
			       { TAPE_EACH_(n, TAPE_DIM_, __VA_ARGS__) } })
#define TAPE_NDIM_(n) (unsigned char)((n) <= 8 ? (n) : tape_bad_rank(0))

/*
 * The kind of x, or a function for it: prefix and kind joined. An array is told
 * from a pointer by the pointer to it; all else by its value, so qualifiers do
 * not count. A plain enum is an unsigned int that differs from another enum.
 */
enum tape_probe_ { TAPE_PROBE_ };
#define TAPE_PICK_KIND_(pre, x)                                                          \
	_Generic((__typeof__(x) *)0,                                                        \
		char (*)[]: pre##text, const char (*)[]: pre##text, _Bool (*)[]: pre##b1,     \
		const _Bool (*)[]: pre##b1, signed char (*)[]: pre##i1,                      \
		const signed char (*)[]: pre##i1, short (*)[]: pre##i2,                      \
		const short (*)[]: pre##i2, int (*)[]: pre##i4, const int (*)[]: pre##i4,     \
		long (*)[]: pre##il, const long (*)[]: pre##il, long long (*)[]: pre##i8,     \
		const long long (*)[]: pre##i8, unsigned char (*)[]: pre##u1,                \
		const unsigned char (*)[]: pre##u1, unsigned short (*)[]: pre##u2,           \
		const unsigned short (*)[]: pre##u2, unsigned (*)[]: pre##u4,                \
		const unsigned (*)[]: pre##u4, unsigned long (*)[]: pre##ul,                 \
		const unsigned long (*)[]: pre##ul, unsigned long long (*)[]: pre##u8,       \
		const unsigned long long (*)[]: pre##u8, float (*)[]: pre##f4,               \
		const float (*)[]: pre##f4, double (*)[]: pre##f8, const double (*)[]: pre##f8, \
		float _Complex (*)[]: pre##c8a, const float _Complex (*)[]: pre##c8a,        \
		double _Complex (*)[]: pre##c16a, const double _Complex (*)[]: pre##c16a,    \
		default: _Generic((x),                                                      \
			_Bool: pre##bool, char: pre##i64, signed char: pre##i64,            \
			short: pre##i64, int: pre##i64, long: pre##i64,                     \
			long long: pre##ll, unsigned char: pre##u64,                       \
			unsigned short: pre##u64,                                           \
			unsigned: _Generic((x), enum tape_probe_: pre##u64, default: pre##enum), \
			unsigned long: pre##u64, unsigned long long: pre##ull,              \
			float: pre##f32, double: pre##f64, long double: pre##ld,            \
			float _Complex: pre##c8, double _Complex: pre##c16,                 \
			long double _Complex: pre##cld, char *: pre##str,                   \
			const char *: pre##str, struct tape_named *: pre##named,           \
			struct tape_dense *: pre##dense, struct tape_of *: pre##of,         \
			struct tape_key: pre##key, struct tape_ref *: pre##ref,            \
			const struct tape_ref *: pre##ref, default: pre##bad))

#define TAPE_KIND_(x) TAPE_PICK_KIND_(tape_kind_, x)
#define TAPE_WORD_(x) TAPE_PICK_KIND_(tape_word_, x)(sizeof(__typeof__(x)), x)
/* What is filled, not recorded (partial_impl.h), is named too, and has another type. */
#define TAPE_NAMED_(text, x)                                                             \
	_Generic((__typeof__(x) *)0, TAPE_OUT_ARMS_(tape_named_), default                \
		 : TAPE_PICK_KIND_(tape_named_, x))(                                     \
		&(struct tape_named){ 0, 0, text, { 0, 0 }, 0, 0, 0 },                   \
		sizeof(__typeof__(x)), x)

#define TAPE_BAD_(what, fix) __attribute__((__error__("tape: " what ": " fix)))
#define TAPE_FIX_ "say *p, TAPE_ARRAY(p, n), TAPE_BYTES(p, n), or record the members"
struct tape_word tape_word_bad(size_t tape_size_, ...)
	TAPE_BAD_("this is no scalar, string or one-dimensional array", TAPE_FIX_);
struct tape_named *tape_named_bad(struct tape_named *tape_named_, size_t tape_size_, ...)
	TAPE_BAD_("this is no scalar, string or one-dimensional array", TAPE_FIX_);
unsigned tape_bad_pointer(int tape_dummy_)
	TAPE_BAD_("an array needs a pointer to numbers, T * or T (*)[]",
		  "give &a[0][0][0], a cast, or TAPE_BYTES(p, n)");
unsigned tape_bad_rank(int tape_dummy_)
	TAPE_BAD_("an array has 1 to 8 extents", "give its size");
enum {
	tape_kind_bad = tape_kind_none,
	tape_kind_str = tape_kind_text,
	tape_kind_enum = tape_kind_i64,
	tape_kind_ll = tape_kind_i64,
	tape_kind_ull = tape_kind_u64
};

/* For one kind: its word from a value, and a named one. */
#define TAPE_TYPE_(tag, type, ...)                                                       \
	TAPE_INLINE_ struct tape_word tape_word_##tag(size_t tape_size_, type tape_v_)   \
	{                                                                                \
		struct tape_word tape_w_ = { 0, 0 };                                     \
		(void)tape_size_;                                                        \
		__VA_ARGS__;                                                             \
		return tape_w_;                                                          \
	}                                                                                \
	TAPE_INLINE_ struct tape_named *tape_named_##tag(                                \
		struct tape_named *tape_named_, size_t tape_size_, type tape_v_)         \
	{                                                                                \
		tape_named_->value = tape_word_##tag(tape_size_, tape_v_);               \
		tape_named_->kind = tape_kind_##tag;                                     \
		return tape_named_;                                                      \
	}
#define TAPE_ADDRESS_ (tape_w_.lo = (uint64_t)(uintptr_t)tape_v_, tape_w_.hi = tape_size_)
#define TAPE_ARRAY_TYPE_(tag, dtype)                                                     \
	enum { tape_kind_##tag = tape_kind_array + (dtype) };                            \
	TAPE_TYPE_(tag, const void *, TAPE_ADDRESS_)

TAPE_TYPE_(bool, _Bool, tape_w_.lo = tape_v_)
TAPE_TYPE_(i64, int64_t, tape_w_.lo = (uint64_t)tape_v_)
TAPE_TYPE_(enum, int64_t, tape_w_.lo = (uint64_t)tape_v_)
TAPE_TYPE_(u64, uint64_t, tape_w_.lo = tape_v_)
TAPE_TYPE_(ll, long long, tape_w_.lo = (uint64_t)tape_v_)
TAPE_TYPE_(ull, unsigned long long, tape_w_.lo = tape_v_)
TAPE_TYPE_(f64, double, __builtin_memcpy(&tape_w_.lo, &tape_v_, 8))
TAPE_TYPE_(f32, float, __builtin_memcpy(&tape_w_.lo, &tape_v_, 4))
TAPE_TYPE_(ld, long double, double tape_d_ = (double)tape_v_;
	   __builtin_memcpy(&tape_w_.lo, &tape_d_, 8))
TAPE_TYPE_(c16, double _Complex, __builtin_memcpy(&tape_w_, &tape_v_, 16))
TAPE_TYPE_(c8, float _Complex, __builtin_memcpy(&tape_w_.lo, &tape_v_, 8))
TAPE_TYPE_(cld, long double _Complex, double _Complex tape_d_ = (double _Complex)tape_v_;
	   __builtin_memcpy(&tape_w_, &tape_d_, 16))
TAPE_TYPE_(text, const char *, TAPE_ADDRESS_)
TAPE_TYPE_(str, const char *, TAPE_ADDRESS_; tape_w_.hi = UINT64_MAX)
TAPE_TYPE_(dense, const struct tape_dense *, TAPE_ADDRESS_)
TAPE_TYPE_(of, const struct tape_of *, TAPE_ADDRESS_)
TAPE_TYPE_(ref, const struct tape_ref *, TAPE_ADDRESS_)
TAPE_ARRAY_TYPE_(b1, TAPE_B1)
TAPE_ARRAY_TYPE_(i1, TAPE_I1)
TAPE_ARRAY_TYPE_(i2, TAPE_I2)
TAPE_ARRAY_TYPE_(i4, TAPE_I4)
TAPE_ARRAY_TYPE_(il, TAPE_LONG_)
TAPE_ARRAY_TYPE_(i8, TAPE_I8)
TAPE_ARRAY_TYPE_(u1, TAPE_U1)
TAPE_ARRAY_TYPE_(u2, TAPE_U2)
TAPE_ARRAY_TYPE_(u4, TAPE_U4)
TAPE_ARRAY_TYPE_(ul, TAPE_ULONG_)
TAPE_ARRAY_TYPE_(u8, TAPE_U8)
TAPE_ARRAY_TYPE_(f4, TAPE_F4)
TAPE_ARRAY_TYPE_(f8, TAPE_F8)
TAPE_ARRAY_TYPE_(c8a, TAPE_C8_T)
TAPE_ARRAY_TYPE_(c16a, TAPE_C16_T)

#undef TAPE_TYPE_
#undef TAPE_ARRAY_TYPE_
#undef TAPE_ADDRESS_

TAPE_INLINE_ struct tape_word
tape_word_named(size_t tape_size_, const struct tape_named *tape_v_)
{
	struct tape_word tape_w_ = { (uint64_t)(uintptr_t)tape_v_, 0 };

	(void)tape_size_;
	return tape_w_;
}

TAPE_INLINE_ struct tape_named *
tape_named_named(struct tape_named *tape_named_, size_t tape_size_,
		 struct tape_named *tape_v_)
{
	(void)tape_named_;
	(void)tape_size_;
	return tape_v_;
}

TAPE_INLINE_ struct tape_named *
tape_as_(const char *tape_name_, unsigned tape_dynamic_, struct tape_named *tape_named_)
{
	tape_named_->name = tape_name_;
	tape_named_->dynamic = (unsigned char)(tape_named_->dynamic | tape_dynamic_);
	return tape_named_;
}

TAPE_INLINE_ struct tape_named *
tape_unit_(const char *tape_unit, unsigned tape_dynamic_, struct tape_named *tape_named_)
{
	tape_named_->unit = tape_unit;
	tape_named_->dynamic = (unsigned char)(tape_named_->dynamic | tape_dynamic_);
	return tape_named_;
}

#endif /* C */

#ifdef __cplusplus

#define TAPE_ASSERT_ static_assert
#define TAPE_LABEL_TEXT_(name) (tape_cpp_::tape_label_of_(name))
#define TAPE_SCOPE2_(n, flags, t, names, label, ...)                                        \
	do {                                                                                \
		static_assert((n) <= 32,                                                    \
			      "TAPE takes at most 32 variables: split it, or "              \
			      "record an array");                                           \
		if (TAPE_ON_(1)) {                                                          \
			struct tape *tape_to_ = (t);                                        \
			if (tape_to_) {                                                     \
				static const unsigned tape_flags_ =                         \
					TAPE_FLAGS_(flags, label);                          \
				static struct tape_site tape_site_ =                        \
					TAPE_SITE_(names, n, tape_flags_);                  \
				static __thread struct tape_near tape_near_;                \
				const unsigned tape_asks_ = tape_asks_of_(tape_to_);        \
				/* One expression, so that a label made for it lives on. */ \
				const char *tape_label_;                                    \
				(void)((tape_label_ = tape_cpp_::tape_label_of_(label),     \
					TAPE_WANTED_(tape_asks_))                           \
					       ? (tape_cpp_::tape_record_(                  \
							  tape_to_, &tape_site_,            \
							  tape_label_, __VA_ARGS__),        \
						  0)                                        \
					       : 0);                                        \
			}                                                                   \
		}                                                                           \
	} while (0)
#define TAPE_WITH2_(what, n, names, ...)                                                 \
	__extension__({                                                                  \
		static_assert((n) <= 32,                                                 \
			      "TAPE_WITH and TAPE_ADD take at most 32 variables");       \
		static struct tape_site tape_site_ = TAPE_SITE_(names, n, 0u);           \
		tape_cpp_::tape_with_<what>(tape_to_, &tape_site_, __VA_ARGS__);         \
	})
#define TAPE_NAMED_(text, x) tape_cpp_::tape_named_of_(text, x)
#define TAPE_DTYPE_(p) (tape_cpp_::tape_dtype_of_(p))
#define TAPE_DENSE_(text, p, flags, ...)                                                 \
	tape_cpp_::tape_form_(text, p, tape_cpp_::tape_dtype_of_(p), flags, 0,           \
			      __VA_ARGS__)
#define TAPE_FORM_(text, p, dtype, flags, stride, n)                                     \
	tape_cpp_::tape_form_(text, p, dtype, flags, stride, n)

/* Templates that turn an argument into a word, and its type into a kind. */
namespace tape_cpp_
{

template <bool B, class T = void> struct if_ {
};
template <class T> struct if_<true, T> {
	typedef T type;
};
template <class...> struct void_ {
	typedef void type;
};
template <class T> const T &make_(); /* for types only */

inline const tape_options *
tape_address_(const tape_options &tape_options_)
{
	return &tape_options_;
}

inline tape_word
at_(const volatile void *tape_p_, uint64_t tape_hi_)
{
	return tape_word{ (uint64_t)(uintptr_t)tape_p_, tape_hi_ };
}

inline tape_word
bits_(const void *tape_p_, size_t tape_size_)
{
	tape_word tape_w_ = { 0, 0 };

	__builtin_memcpy(&tape_w_, tape_p_, tape_size_);
	return tape_w_;
}

/* What an array may hold, 0 = not this. */
template <class T> struct element_ {
	static const unsigned char dtype = 0;
};
/* How a type is recorded; this one is for all that cannot be. */
template <class T, class = void> struct as_ {
	static const unsigned char kind = 0;
	static_assert(sizeof(T) == 0,
		      "tape: this is no scalar, string or one-dimensional array: say *p, "
		      "TAPE_ARRAY(p, n), TAPE_BYTES(p, n), or record the members");
	static tape_word
	word(const T &)
	{
		return tape_word{ 0, 0 };
	}
};

#define TAPE_AS_(type, tag, ...)                                                         \
	template <> struct as_<type, void> {                                             \
		static const unsigned char kind = tape_kind_##tag;                       \
		static tape_word                                                         \
		word(const type &tape_v_)                                                \
		{                                                                        \
			return __VA_ARGS__;                                              \
		}                                                                        \
	};
#define TAPE_ELEMENT_(type, code)                                                        \
	template <> struct element_<type> {                                              \
		static const unsigned char dtype = code;                                 \
	};
/* Codes of one sign follow each other: 1, 2, 4, 8 bytes. */
#define TAPE_INTEGER_(type, tag, first)                                                  \
	TAPE_AS_(type, tag, tape_word{ (uint64_t)(long long)tape_v_, 0 })                \
	TAPE_ELEMENT_(type, first + (sizeof(type) > 1) + (sizeof(type) > 2) +            \
				    (sizeof(type) > 4))
TAPE_INTEGER_(char, i64, TAPE_I1)
TAPE_INTEGER_(signed char, i64, TAPE_I1)
TAPE_INTEGER_(short, i64, TAPE_I1)
TAPE_INTEGER_(int, i64, TAPE_I1)
TAPE_INTEGER_(long, i64, TAPE_I1)
TAPE_INTEGER_(long long, i64, TAPE_I1)
TAPE_INTEGER_(unsigned char, u64, TAPE_U1)
TAPE_INTEGER_(unsigned short, u64, TAPE_U1)
TAPE_INTEGER_(unsigned, u64, TAPE_U1)
TAPE_INTEGER_(unsigned long, u64, TAPE_U1)
TAPE_INTEGER_(unsigned long long, u64, TAPE_U1)
TAPE_AS_(bool, bool, tape_word{ tape_v_, 0 })
TAPE_ELEMENT_(bool, TAPE_B1)
TAPE_AS_(float, f32, bits_(&tape_v_, 4))
TAPE_ELEMENT_(float, TAPE_F4)
TAPE_AS_(double, f64, bits_(&tape_v_, 8))
TAPE_ELEMENT_(double, TAPE_F8)
typedef char *text_;
typedef const char *const_text_;
typedef tape_ref *ref_;
typedef const tape_ref *const_ref_;
TAPE_AS_(text_, text, at_(tape_v_, UINT64_MAX))
TAPE_AS_(const_text_, text, at_(tape_v_, UINT64_MAX))
TAPE_AS_(ref_, ref, at_(tape_v_, 0))
TAPE_AS_(const_ref_, ref, at_(tape_v_, 0))
TAPE_AS_(tape_named, named, at_(&tape_v_, 0))
TAPE_AS_(tape_dense, dense, at_(&tape_v_, 0))
TAPE_AS_(tape_of, of, at_(&tape_v_, 0))
#undef TAPE_AS_
#undef TAPE_ELEMENT_
#undef TAPE_INTEGER_

template <> struct as_<long double, void> {
	static const unsigned char kind = tape_kind_ld;
	static tape_word
	word(const long double &tape_v_)
	{
		return as_<double>::word((double)tape_v_);
	}
};
template <class T> struct as_<T, typename if_<__is_enum(T)>::type> {
	static const unsigned char kind = tape_kind_i64;
	static tape_word
	word(const T &tape_v_)
	{
		return tape_word{ (uint64_t)(long long)tape_v_, 0 };
	}
};
template <size_t N> struct as_<char[N], void> {
	static const unsigned char kind = tape_kind_text;
	static tape_word
	word(const char (&tape_v_)[N])
	{
		return at_(tape_v_, N);
	}
};
template <class T, size_t N>
struct as_<T[N], typename if_<(element_<T>::dtype > TAPE_I1 ||
			       element_<T>::dtype == TAPE_B1)>::type> {
	static const unsigned char kind = tape_kind_array + element_<T>::dtype;
	static tape_word
	word(const T (&tape_v_)[N])
	{
		return at_(tape_v_, sizeof(tape_v_));
	}
};
template <size_t N> struct as_<signed char[N], void> {
	static const unsigned char kind = tape_kind_array + static_cast<int>(TAPE_I1);
	static tape_word
	word(const signed char (&tape_v_)[N])
	{
		return at_(tape_v_, N);
	}
};
/* std::string and its like. */
template <class T>
struct as_<T,
	   typename void_<decltype(as_<const char *>::word(make_<T>().c_str()))>::type> {
	static const unsigned char kind = tape_kind_text;
	static tape_word
	word(const T &tape_v_)
	{
		return at_(tape_v_.c_str(), tape_v_.size());
	}
};
/* std::complex of float or double. */
template <class T>
struct as_<T, typename void_<
		      decltype(make_<T>().real()), decltype(make_<T>().imag()),
		      typename if_<(sizeof(T) == 8 || sizeof(T) == 16)>::type>::type> {
	static const unsigned char kind = sizeof(T) == 16 ? tape_kind_c16 : tape_kind_c8;
	static tape_word
	word(const T &tape_v_)
	{
		return bits_(&tape_v_, sizeof(T));
	}
};
/* std::vector and std::array of numbers. */
template <class T>
struct as_<T, typename void_<
		      decltype(*make_<T>().data()), decltype(make_<T>().size()),
		      typename if_<(element_<typename T::value_type>::dtype > TAPE_I1 ||
				    element_<typename T::value_type>::dtype ==
					    TAPE_B1)>::type>::type> {
	static const unsigned char kind =
		tape_kind_array + element_<typename T::value_type>::dtype;
	static tape_word
	word(const T &tape_v_)
	{
		return at_(tape_v_.data(),
			   tape_v_.size() * sizeof(typename T::value_type));
	}
};
template <class T> struct as_<volatile T, void> : as_<T> {
	static tape_word
	word(const volatile T &tape_v_)
	{
		const T tape_copy_ = tape_v_;

		return as_<T>::word(tape_copy_);
	}
};

template <class... Ts> struct kinds_ {
	static constexpr unsigned char of[sizeof...(Ts)] = { as_<Ts>::kind... };
};

inline const char *
tape_label_of_(const char *tape_label_)
{
	return tape_label_;
}
template <class T>
auto
tape_label_of_(const T &tape_label_) -> decltype(tape_label_.c_str())
{
	return tape_label_.c_str();
}

/* The last of Ts is the 0 that ends a macro's arguments: one more than is read. */
template <class L, class... Ts>
void
tape_record_(struct tape *tape_to_, struct tape_site *tape_site_, const L &tape_label_,
	     const Ts &...tape_vars_)
{
	const tape_word tape_words_[] = { as_<Ts>::word(tape_vars_)... };

	tape_record(tape_to_, tape_site_, tape_label_of_(tape_label_), kinds_<Ts...>::of,
		    tape_words_);
}
/* tape_with_push or tape_add. */
typedef tape_guard tape_with_fn_(struct tape *, struct tape_site *, const unsigned char *,
				 const tape_word *);
template <tape_with_fn_ *tape_what_, class... Ts>
tape_guard
tape_with_(struct tape *tape_to_, struct tape_site *tape_site_, const Ts &...tape_vars_)
{
	const tape_word tape_words_[] = { as_<Ts>::word(tape_vars_)... };

	return tape_what_(tape_to_, tape_site_, kinds_<Ts...>::of, tape_words_);
}

inline tape_named
tape_named_of_(const char *, const tape_named &tape_v_)
{
	return tape_v_;
}
template <class T> struct is_out_; /* partial_impl.h */
template <class T>
typename if_<!is_out_<T>::value, tape_named>::type
tape_named_of_(const char *tape_text_, const T &tape_v_)
{
	return tape_named{ 0, 0, tape_text_, as_<T>::word(tape_v_), as_<T>::kind, 0, 0 };
}

template <class T>
unsigned char
tape_dtype_of_(const T *)
{
	static_assert(element_<T>::dtype != 0,
		      "tape: an array needs a pointer to numbers, "
		      "T * or T (*)[]: give &a[0][0][0], a cast, "
		      "or TAPE_BYTES(p, n)");
	return element_<T>::dtype;
}
template <class T, size_t N>
unsigned char
tape_dtype_of_(const T (*tape_p_)[N])
{
	return tape_dtype_of_(*tape_p_);
}
template <class T, class... Ns>
tape_dense
tape_form_(const char *tape_text_, const T *tape_p_, unsigned char tape_dtype_,
	   unsigned tape_flags_, int64_t tape_stride_, Ns... tape_dims_)
{
	static_assert(sizeof...(Ns) >= 1 && sizeof...(Ns) <= 8,
		      "an array has 1 to 8 extents");
	const uint64_t tape_all_[] = { (uint64_t)(tape_dims_)... };
	tape_dense tape_d_ = { tape_text_,
			       tape_p_,
			       tape_dtype_,
			       (unsigned char)sizeof...(Ns),
			       (unsigned short)tape_flags_,
			       0,
			       tape_stride_,
			       {} };

	for (size_t tape_i_ = 0; tape_i_ < sizeof...(Ns) && tape_i_ < 8; tape_i_++)
		tape_d_.dims[tape_i_] = tape_all_[tape_i_];
	return tape_d_;
}

} /* namespace tape_cpp_ */

TAPE_INLINE_ tape_named
tape_as_(const char *tape_name_, unsigned tape_dynamic_, tape_named tape_v_)
{
	tape_v_.name = tape_name_;
	tape_v_.dynamic = (unsigned char)(tape_v_.dynamic | tape_dynamic_);
	return tape_v_;
}

TAPE_INLINE_ tape_named
tape_unit_(const char *tape_name_, unsigned tape_dynamic_, tape_named tape_v_)
{
	tape_v_.unit = tape_name_;
	tape_v_.dynamic = (unsigned char)(tape_v_.dynamic | tape_dynamic_);
	return tape_v_;
}

#define TAPE_AS_FN_(x) tape_as_
#define TAPE_OPTIONS(...) (tape_cpp_::tape_address_(tape_options{ __VA_ARGS__ }))

#else
#define TAPE_OPTIONS(...)                                                                \
	(&(struct tape_options){ sizeof(struct tape_options), __VA_ARGS__ })
#endif /* C++ */

#undef TAPE_IS_

#endif
