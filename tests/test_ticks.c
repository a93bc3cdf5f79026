/* SPDX-License-Identifier: Apache-2.0 */
/* Time from the processor's counter, when the counter does what it should not. */
#include "librecord/ticks.h"
#include "tests/support/suite.h"

#define MS INT64_C(1000000)
#define START (INT64_C(1700000000) * 1000 * MS)

/* What a thread takes for the time, at this reading of counter and clock. */
static int64_t
now_of(struct ticks *k, uint64_t counter, int64_t clock)
{
	int64_t now;

	return ticks_guess(k, counter, &now) ? now : ticks_anchor_at(k, counter, clock);
}

/* Seconds of a counter of 3 GHz from `counter` on; fails if the time is off by 2 ms. */
static void
run(struct ticks *k, uint64_t counter, int64_t clock, int64_t until)
{
	for (; clock < until; clock += MS / 5, counter += 3 * MS / 5) {
		int64_t now = now_of(k, counter, clock);

		ck_assert_int_ge(now, clock - 2 * MS);
		ck_assert_int_le(now, clock + 2 * MS);
	}
}

START_TEST(the_time_holds_when_the_counter_is_set_back)
{
	struct ticks k = { 0 };

	run(&k, UINT64_C(1) << 50, START, START + 1000 * MS);
	run(&k, 1000, START + 1000 * MS, START + 3000 * MS);
}
END_TEST

START_TEST(the_time_holds_when_the_counter_is_set_forward)
{
	struct ticks k = { 0 };

	run(&k, 1000, START, START + 1000 * MS);
	run(&k, UINT64_C(1) << 50, START + 1000 * MS, START + 3000 * MS);
}
END_TEST

START_TEST(the_time_holds_when_a_thread_sleeps_for_long)
{
	struct ticks k = { 0 };
	int64_t hours = 100 * 3600 * 1000 * MS;

	run(&k, 1000, START, START + 1000 * MS);
	run(&k, 1000 + 3 * (uint64_t)hours, START + hours, START + hours + 1000 * MS);
}
END_TEST

START_TEST(the_time_holds_between_processors_that_count_apart)
{
	struct ticks k = { 0 };
	uint64_t counter = UINT64_C(1) << 40;

	for (int64_t clock = START; clock < START + 2000 * MS; clock += MS / 5) {
		uint64_t apart = clock / MS % 3 ? 0 : UINT64_C(1) << 33;
		int64_t now = now_of(&k, counter + apart, clock);

		ck_assert_int_ge(now, clock - 4 * MS);
		ck_assert_int_le(now, clock + 4 * MS);
		counter += 3 * MS / 5;
	}
}
END_TEST

START_TEST(the_time_never_goes_back_when_a_reading_was_torn_apart)
{
	struct ticks k = { 0 };
	uint64_t counter = 1000;
	int64_t last = 0, clock = START;

	for (int i = 0; i < 200000; i++, clock += MS / 50, counter += 3 * MS / 50) {
		/* Now and then the thread is stopped between clock and counter, for 1 to 40 ms. */
		bool torn = i % 997 == 996;
		int64_t stop = torn ? (i % 40 + 1) * MS : 0;
		uint64_t at = counter + 3 * (uint64_t)stop / 2;
		int64_t now = now_of(&k, torn ? at : counter, clock);

		ck_assert_int_ge(now, last);
		ck_assert_int_le(now, clock + 50 * MS);
		ck_assert_int_ge(now, clock - 50 * MS);
		last = now;
		clock += stop;
		counter += 3 * (uint64_t)stop;
	}
}
END_TEST

START_TEST(the_time_never_goes_back_when_the_counter_turns_out_to_be_wrong)
{
	struct ticks k = { 0 };
	uint64_t counter = 1000;
	int64_t last = 0;

	/* Twice as fast in every other stretch, until it is trusted no more. */
	for (int64_t clock = START; clock < START + 500 * MS; clock += MS / 50) {
		int64_t now = now_of(&k, counter, clock);

		ck_assert_int_ge(now, last);
		last = now;
		counter += (uint64_t)((clock / (3 * MS) % 2 + 1) * 3 * MS / 50);
	}
	ck_assert(k.off);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ticks");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, the_time_never_goes_back_when_a_reading_was_torn_apart);
	tcase_add_test(tc,
		       the_time_never_goes_back_when_the_counter_turns_out_to_be_wrong);
	tcase_add_test(tc, the_time_holds_when_the_counter_is_set_back);
	tcase_add_test(tc, the_time_holds_when_the_counter_is_set_forward);
	tcase_add_test(tc, the_time_holds_when_a_thread_sleeps_for_long);
	tcase_add_test(tc, the_time_holds_between_processors_that_count_apart);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
