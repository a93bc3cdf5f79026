/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a scope is wanted, asked without a call where that can be: part of record.h,
 * never included by itself. Nothing here is meant to be used by name.
 */
#ifndef TAPE_WANTED_IMPL_H
#define TAPE_WANTED_IMPL_H

TAPE_INLINE_ unsigned
tape_asks_of_(const struct tape *tape_t_)
{
	return __atomic_load_n(&((const struct tape_head *)(const void *)tape_t_)->asks,
			       __ATOMIC_RELAXED);
}

/* Nothing to ask, the common case: one comparison, or two. */
TAPE_INLINE_ int
tape_always_(unsigned tape_asks_, const struct tape_site *tape_site_)
{
	const unsigned tape_asked_ =
		__atomic_load_n(&tape_site_->asked, __ATOMIC_RELAXED);

	return __builtin_expect(tape_asks_ == 0 || tape_asks_ == tape_asked_, 1) != 0;
}

/* Is it about this label? One that is made at run time may have another text each time. */
TAPE_INLINE_ int
tape_near_label_(const struct tape_near *tape_near_, const char *tape_label_)
{
	return __builtin_strcmp(tape_label_ ? tape_label_ : "", tape_near_->label) == 0;
}

/* Scopes that are left out by count are counted here, without a call. */
TAPE_INLINE_ int
tape_near_wanted_(unsigned tape_asks_, struct tape *tape_t_, struct tape_site *tape_site_,
		  int tape_literal_, const char *tape_label_,
		  struct tape_near *tape_near_)
{
	if (tape_near_->asks == tape_asks_ && *tape_near_->now == tape_near_->path &&
	    (tape_literal_ || tape_near_label_(tape_near_, tape_label_))) {
		struct tape_left_out *tape_out_ = tape_near_->out;

		if (!tape_out_)
			return 1;
		if (tape_out_->count != tape_out_->until) {
			__atomic_store_n(&tape_out_->count, tape_out_->count + 1,
					 __ATOMIC_RELAXED);
			return 0;
		}
	}
	return tape_wanted_near(tape_t_, tape_site_, tape_label_, tape_near_);
}

/* Each address is made where it is needed: that of a thread's own may take a call. */
#define TAPE_WANTED_(asks)                                                               \
	(tape_always_(asks, &tape_site_) ||                                              \
	 tape_near_wanted_(asks, tape_to_, &tape_site_, tape_flags_ & TAPE_SITE_LITERAL, \
			   tape_label_, &tape_near_))

#endif
