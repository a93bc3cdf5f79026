/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of enumerators, and all that is in scope: part of record.h, never included
 * by itself. As in record_impl.h, every identifier in the body of a macro begins with
 * tape_.
 */
#ifndef TAPE_LOCALS_IMPL_H
#define TAPE_LOCALS_IMPL_H

/*
 * What tape-locals writes for line 12 is TAPE_LOCALS_AT_12, which leads here, and
 * TAPE_LOCALS_COUNT_12, TAPE_LOCALS_NAMES_12, TAPE_LOCALS_LIST_12(v, a, s, n): each
 * variable once, with a comma behind it, by the macro for what it is: v(x) a value,
 * a(reason) what is not recorded, s(p) a char *, n(p, dtype, rank, dims, strides) an
 * array. It finds the place by the variable tape_here_12; tape_optimized_12 says that the
 * compiler has not kept what it would need.
 */
#define TAPE_LOCALS_LISTED_(line, t, label) TAPE_LISTED2_(line, t, label)
#define TAPE_LOCALS_NONE_(line, t, label) TAPE_UNLISTED_(line, t, label)
#ifdef __OPTIMIZE__
#define TAPE_OPTIMIZED_ TAPE_SITE_OPTIMIZED
#define TAPE_HERE_(line) tape_optimized_##line
#else
#define TAPE_OPTIMIZED_ 0u
#define TAPE_HERE_(line) tape_here_##line
#endif
#define TAPE_IDENTITY_(...) __VA_ARGS__
#define TAPE_NUMBER_(number) (int64_t)(number)
#define TAPE_NONE_TAPE_NUMBER_ 0

#ifndef __cplusplus

#define TAPE_LISTED2_(line, t, label)                                                    \
	do {                                                                             \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				char TAPE_HERE_(line) __attribute__((__unused__)) = 0;   \
				static const unsigned char tape_kinds_[] = {             \
					TAPE_LOCALS_LIST_##line(                         \
						TAPE_KIND_, TAPE_GAP_KIND_,              \
						TAPE_SAFE_KIND_, TAPE_GRID_KIND_) 0      \
				};                                                       \
				enum {                                                   \
					tape_flags_ =                                    \
						TAPE_FLAGS_(TAPE_SITE_LOCALS, label)     \
				};                                                       \
				static struct tape_site tape_site_ = TAPE_SITE_(         \
					TAPE_LOCALS_NAMES_##line,                        \
					TAPE_LOCALS_COUNT_##line, tape_flags_);          \
				static __thread struct tape_near tape_near_;             \
				const char *const tape_label_ = (label);                 \
				const unsigned tape_asks_ = tape_asks_of_(tape_to_);     \
				if (TAPE_WANTED_(tape_asks_)) {                          \
					const struct tape_word tape_words_[] = {         \
						TAPE_LOCALS_LIST_##line(                 \
							TAPE_WORD_, TAPE_GAP_WORD_,      \
							TAPE_SAFE_WORD_,                 \
							TAPE_GRID_WORD_){ 0, 0 }         \
					};                                               \
					tape_record(tape_to_, &tape_site_, tape_label_,  \
						    tape_kinds_, tape_words_);           \
				}                                                        \
			}                                                                \
		}                                                                        \
	} while (0)
#define TAPE_UNLISTED_(line, t, label)                                                   \
	do {                                                                             \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				char TAPE_HERE_(line) __attribute__((__unused__)) = 0;   \
				enum {                                                   \
					tape_flags_ = TAPE_FLAGS_(                       \
						TAPE_SITE_LOCALS | TAPE_OPTIMIZED_,      \
						label)                                   \
				};                                                       \
				static struct tape_site tape_site_ =                     \
					TAPE_SITE_("", 0, tape_flags_);                  \
				static __thread struct tape_near tape_near_;             \
				const char *const tape_label_ = (label);                 \
				const unsigned tape_asks_ = tape_asks_of_(tape_to_);     \
				if (TAPE_WANTED_(tape_asks_))                            \
					tape_locals(tape_to_, &tape_site_, tape_label_,  \
						    __builtin_frame_address(0));         \
			}                                                                \
		}                                                                        \
	} while (0)

#define TAPE_GAP_KIND_(reason) tape_kind_absent
#define TAPE_GAP_WORD_(reason)                                                           \
	{                                                                                \
		(reason), 0                                                              \
	}
#define TAPE_SAFE_KIND_(p) tape_kind_safe
#define TAPE_SAFE_WORD_(p)                                                               \
	{                                                                                \
		(uint64_t)(uintptr_t)(p), TAPE_SAFE_TEXT                                 \
	}
#define TAPE_GRID_KIND_(p, dtype, rank, dims, strides) tape_kind_dense
#define TAPE_GRID_WORD_(p, dtype, rank, dims, strides)                                   \
	{                                                                                \
		(uint64_t)(uintptr_t) TAPE_ND(                                           \
			(&(const struct tape_nd){ (const void *)(uintptr_t)(p),          \
						  dtype,                                 \
						  rank,                                  \
						  { TAPE_IDENTITY_ dims },               \
						  { TAPE_IDENTITY_ strides } })),        \
			0                                                                \
	}

#define TAPE_ENUM_(n, x, ...) TAPE_ENUM2_(n, x, __VA_ARGS__)
#define TAPE_ENUM2_(n, x, text, names, ...)                                              \
	tape_enum_(&(struct tape_enum){ names,                                           \
					(const int64_t[]){ TAPE_EACH_(n, TAPE_NUMBER_,   \
								      __VA_ARGS__, 0) }, \
					(n) <= 32 ? (n) : tape_bad_enum(0),              \
					sizeof(x) > 4 },                                 \
		   TAPE_NAMED_(text, x))
unsigned tape_bad_enum(int tape_dummy_)
	TAPE_BAD_("TAPE_ENUM takes 1 to 32 names", "give those that occur");

/* Whatever integer it is: with names it is an i64, if it fits one. */
TAPE_INLINE_ struct tape_named *
tape_enum_(const struct tape_enum *tape_enums_, struct tape_named *tape_named_)
{
	if (tape_named_->kind == tape_kind_u64 && tape_named_->value.lo <= INT64_MAX)
		tape_named_->kind = tape_kind_i64;
	tape_named_->enums = tape_enums_;
	tape_named_->dynamic = (unsigned char)(tape_named_->dynamic | TAPE_NAMED_ENUMS);
	return tape_named_;
}

#else

#define TAPE_LISTED2_(line, t, label)                                                    \
	do {                                                                             \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				char TAPE_HERE_(line) __attribute__((__unused__)) = 0;   \
				static const unsigned tape_flags_ =                      \
					TAPE_FLAGS_(TAPE_SITE_LOCALS, label);            \
				static struct tape_site tape_site_ = TAPE_SITE_(         \
					TAPE_LOCALS_NAMES_##line,                        \
					TAPE_LOCALS_COUNT_##line, tape_flags_);          \
				static __thread struct tape_near tape_near_;             \
				const unsigned tape_asks_ = tape_asks_of_(tape_to_);     \
				const char *tape_label_;                                 \
				(void)((tape_label_ = tape_cpp_::tape_label_of_(label),  \
					TAPE_WANTED_(tape_asks_))                        \
					       ? (tape_cpp_::tape_record_(               \
							  tape_to_, &tape_site_,         \
							  tape_label_,                   \
							  TAPE_LOCALS_LIST_##line(       \
								  TAPE_IDENTITY_,        \
								  tape_cpp_::tape_gap_,  \
								  tape_cpp_::tape_safe_, \
								  TAPE_GRID_) 0),        \
						  0)                                     \
					       : 0);                                     \
			}                                                                \
		}                                                                        \
	} while (0)
#define TAPE_UNLISTED_(line, t, label)                                                   \
	do {                                                                             \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				char TAPE_HERE_(line) __attribute__((__unused__)) = 0;   \
				static const unsigned tape_flags_ = TAPE_FLAGS_(         \
					TAPE_SITE_LOCALS | TAPE_OPTIMIZED_, label);      \
				static struct tape_site tape_site_ =                     \
					TAPE_SITE_("", 0, tape_flags_);                  \
				static __thread struct tape_near tape_near_;             \
				const unsigned tape_asks_ = tape_asks_of_(tape_to_);     \
				const char *tape_label_;                                 \
				(void)((tape_label_ = tape_cpp_::tape_label_of_(label),  \
					TAPE_WANTED_(tape_asks_))                        \
					       ? (tape_locals(                           \
							  tape_to_, &tape_site_,         \
							  tape_label_,                   \
							  __builtin_frame_address(0)),   \
						  0)                                     \
					       : 0);                                     \
			}                                                                \
		}                                                                        \
	} while (0)
#define TAPE_GRID_(p, dtype, rank, dims, strides)                                        \
	tape_cpp_::tape_grid_(tape_nd{ (const void *)(uintptr_t)(p),                     \
				       dtype,                                            \
				       rank,                                             \
				       { TAPE_IDENTITY_ dims },                          \
				       { TAPE_IDENTITY_ strides } })

namespace tape_cpp_
{

struct tape_gap_ {
	uint64_t tape_reason_;
	explicit tape_gap_(uint64_t tape_why_) : tape_reason_(tape_why_)
	{
	}
};
struct tape_safe_ {
	const volatile void *tape_at_;
	explicit tape_safe_(const volatile void *tape_p_) : tape_at_(tape_p_)
	{
	}
};
/* Lives as long as the expression that it stands in, and with it what its word points to. */
struct tape_grid_ {
	tape_nd tape_array_;
	tape_dense tape_dense_;
	explicit tape_grid_(const tape_nd &tape_given_)
	    : tape_array_(tape_given_), tape_dense_{
		      "", &tape_array_, 0, 1, TAPE_DENSE_ND, 0, 0, {}
	      }
	{
	}
	tape_grid_(const tape_grid_ &) = delete;
	tape_grid_ &operator=(const tape_grid_ &) = delete;
};
template <> struct as_<tape_gap_, void> {
	static const unsigned char kind = tape_kind_absent;
	static tape_word
	word(const tape_gap_ &tape_v_)
	{
		return tape_word{ tape_v_.tape_reason_, 0 };
	}
};
template <> struct as_<tape_safe_, void> {
	static const unsigned char kind = tape_kind_safe;
	static tape_word
	word(const tape_safe_ &tape_v_)
	{
		return at_(tape_v_.tape_at_, TAPE_SAFE_TEXT);
	}
};
template <> struct as_<tape_grid_, void> {
	static const unsigned char kind = tape_kind_dense;
	static tape_word
	word(const tape_grid_ &tape_v_)
	{
		return at_(&tape_v_.tape_dense_, 0);
	}
};

/* Lives, with its numbers, as long as the expression that it stands in. */
template <size_t N> struct tape_names_ {
	int64_t tape_numbers_[N];
	tape_enum tape_set_;
	template <class... Ts>
	tape_names_(bool tape_wide_, const char *tape_text_, Ts... tape_given_)
	    : tape_numbers_{ (int64_t)(tape_given_)... }, tape_set_{
		      tape_text_, tape_numbers_, (uint32_t)N, tape_wide_
	      }
	{
		static_assert(N >= 1 && N <= 32, "tape: TAPE_ENUM takes 1 to 32 names");
	}
	tape_names_(const tape_names_ &) = delete;
	tape_names_ &operator=(const tape_names_ &) = delete;
};

} /* namespace tape_cpp_ */

template <size_t N>
tape_named
tape_enum_(const tape_cpp_::tape_names_<N> &tape_enums_, tape_named tape_v_)
{
	if (tape_v_.kind == tape_kind_u64 && tape_v_.value.lo <= INT64_MAX)
		tape_v_.kind = tape_kind_i64;
	tape_v_.enums = &tape_enums_.tape_set_;
	tape_v_.dynamic = (unsigned char)(tape_v_.dynamic | TAPE_NAMED_ENUMS);
	return tape_v_;
}
#define TAPE_ENUM_(n, x, text, names, ...)                                               \
	tape_enum_(tape_cpp_::tape_names_<(n)>(sizeof(x) > 4, names, __VA_ARGS__),       \
		   TAPE_NAMED_(text, x))

#endif /* C++ */

#undef TAPE_INLINE_

#endif
