/* SPDX-License-Identifier: Apache-2.0 */
/* A program's own macros for names that a library likes to use. */
#include <tape/record.h>

#define data 3
#define t_ 4
#define n_ 5
#define i 6
#define x_ 7
#define value oops value
#define values oops values
#define kind oops kind
#define kinds oops kinds
#define words oops words
#define site oops site
#define name oops name
#define label oops label
#define guard oops guard
#define size oops size
#define lo oops lo_
#define hi oops hi_
#define unused oops unused
#define cleanup oops cleanup
#define error oops error
#define format oops format
#define always_inline oops
#define packed oops
#define noinline oops
#define typeof oops
#define p1 oops p1_
#define E1 oops
#define E oops
#define N 100
#define pre oops
#define tag oops
#define dtype oops dtype_
#define text oops text_
#define _ oops

int
main(void)
{
	struct tape *t = tape_open("run.tape", TAPE_OPTIONS(.flags = 0));
	double a[3] = { 1, 2, 3 }, *p = a, x = 1;

	TAPE_LABEL(t, "l");
	TAPE_LABELF(t, "l%d", i);
	TAPE_WITH(t, x, TAPE_AS("n", TAPE_UNIT(x, "u")));
	TAPE_INHERIT(t, tape_context(t));
	TAPE(t, "x", x, a, TAPE_ARRAY(p, 3), TAPE_BLOB(p, 3, 1), TAPE_STRIDED(p, 3, 8),
	     TAPE_TEXT("a", 1), TAPE_BYTES(p, 8), TAPE_UNIT(TAPE_FARRAY(p, 3), "m"));
	return 0;
}
