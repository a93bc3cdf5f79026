/* SPDX-License-Identifier: Apache-2.0 */
/* Machinery of <tape/record.h>: TAPE_SEEN. */
#ifndef TAPE_SEEN_IMPL_H
#define TAPE_SEEN_IMPL_H

#define TAPE_SEEN_(n, t, names, label, ...)                                              \
	TAPE_JOIN_(TAPE_SEEN_, TAPE_GIVEN_(n, label))(n, t, names, label, __VA_ARGS__)
#define TAPE_SEEN_tape_n_(...) TAPE_SEEN2_(__VA_ARGS__)
#define TAPE_SEEN_tape_e_(...)                                                           \
	__extension__({                                                                  \
		TAPE_ASSERT_(0, "TAPE_SEEN takes a recorder, a label and 0 to 32 "       \
				"variables: TAPE_SEEN(t, \"iter\", x)");                 \
		0;                                                                       \
	})

#ifndef __cplusplus

#define TAPE_SEEN2_(n, t, names, label, ...)                                             \
	__extension__({                                                                  \
		_Static_assert((n) <= 32, "TAPE_SEEN takes at most 32 variables");       \
		int tape_seen_ = 0;                                                      \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				static const unsigned char tape_kinds_[] = { TAPE_EACH_( \
					n, TAPE_KIND_, __VA_ARGS__) };                   \
				static struct tape_site tape_site_ = TAPE_SITE_(         \
					names, n,                                        \
					TAPE_FLAGS_(TAPE_SITE_HAS_LABEL, label));        \
				const char *const tape_label_ = (label);                 \
				const struct tape_word tape_words_[] = { TAPE_EACH_(     \
					n, TAPE_WORD_, __VA_ARGS__) };                   \
				tape_seen_ =                                             \
					tape_seen(tape_to_, &tape_site_, tape_label_,    \
						  tape_kinds_, tape_words_);             \
			}                                                                \
		}                                                                        \
		tape_seen_;                                                              \
	})

#else

#define TAPE_SEEN2_(n, t, names, label, ...)                                             \
	__extension__({                                                                  \
		static_assert((n) <= 32, "TAPE_SEEN takes at most 32 variables");        \
		int tape_seen_ = 0;                                                      \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_) {                                                  \
				static struct tape_site tape_site_ = TAPE_SITE_(         \
					names, n,                                        \
					TAPE_FLAGS_(TAPE_SITE_HAS_LABEL, label));        \
				tape_seen_ = tape_cpp_::tape_seen_of_(                   \
					tape_to_, &tape_site_, label, __VA_ARGS__);      \
			}                                                                \
		}                                                                        \
		tape_seen_;                                                              \
	})

namespace tape_cpp_
{

/* The last of Ts is the 0 that ends a macro's arguments: one more than is read. */
template <class L, class... Ts>
int
tape_seen_of_(struct tape *tape_to_, struct tape_site *tape_site_, const L &tape_label_,
	      const Ts &...tape_vars_)
{
	const tape_word tape_words_[] = { as_<Ts>::word(tape_vars_)... };

	return tape_seen(tape_to_, tape_site_, tape_label_of_(tape_label_),
			 kinds_<Ts...>::of, tape_words_);
}

} /* namespace tape_cpp_ */

#endif

#endif
