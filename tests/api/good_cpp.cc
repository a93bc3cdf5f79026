/* SPDX-License-Identifier: Apache-2.0 */
/* The same names in C++17, with what the standard library adds. */
#include <complex>
#include <string>
#include <vector>

#include <tape/record.h>
#include <tape/search.h>

struct part {
	int id;
	double mass;
	unsigned bits : 3;
};
enum class phase { growth, decay };
enum plain { low = -1, high };

template <class T>
static void
record(struct tape *t, const T &value)
{
	TAPE(t, "template", value);
	auto generic = [&](auto label) { TAPE(t, label, value); };
	generic(std::string("made at run time"));
	generic("text");
}

struct model {
	double mass = 2;

	void
	step(struct tape *t) const
	{
		TAPE_LABEL(t, "step");
		TAPE(t, "member", mass, TAPE_AS("m", TAPE_UNIT(this->mass, "kg")));
	}
};

int
main()
{
	struct tape *t = tape_open("run.tape", TAPE_OPTIONS(.name = "api"));
	int n = 3;
	double x = 1.5, a[4] = {}, grid[4][5] = {};
	long double ld = 1;
	const char *text = "text";
	char name[8] = "abc";
	phase p = phase::growth;
	plain q = low;
	volatile int v = 1;
	part parts[2] = { { 1, 2, 3 }, { 4, 5, 6 } };
	const part *one = parts;
	tape_nd nd = {};
	tape_ref ref = {};
	std::string s = "string";
	std::vector<double> vec(3);
	std::complex<double> z(1, 2);
	std::complex<float> c(1, 2);
	const phase sort = phase::decay;

	if (n)
		TAPE(t, "all", n, x, ld, a, text, name, p, q, v, true, 'c', 1u, 2ul, 0.5f,
		     "lit");
	else
		TAPE(t, "none");
	TAPE_LABEL(t, "outer");
	TAPE_LABELF(t, "run:%d", n);
	TAPE_WITH(t, n, TAPE_UNIT(x, "1/h"), s);
	TAPE_INHERIT(t, tape_context(t));
	TAPE(t, "forms", TAPE_ARRAY(a, n), TAPE_ARRAY(grid, 4, 5), TAPE_FARRAY(a, 2, 2),
	     TAPE_BLOB(&a[0], (size_t)2, 2), TAPE_BYTES(parts, sizeof(parts)),
	     TAPE_TEXT(text, 4), TAPE_STRIDED(&parts[0].mass, 2, sizeof(part)),
	     TAPE_ND(&nd), &ref, one->mass, one->bits);
	TAPE(t, ("made:" + s).c_str(), n);
	TAPE(t, "made:" + s, n);
	TAPE(t, s, s, vec, z, c, std::string("temporary"),
	     TAPE_AS("u", TAPE_UNIT(vec, "K")));
	TAPE_V(t, "v", "a, b", n, TAPE_UNIT(TAPE_AS("b", TAPE_ARRAY(a, 2)), "m"));
	TAPE(t, "enum", TAPE_ENUM(sort, phase::growth, phase::decay),
	     TAPE_UNIT(TAPE_ENUM(TAPE_AS("level", plain::low), low, high), "1"));
	TAPE_TARE(t, 1, n, s);
	TAPE_TARE_LOCALS(t, 0);
	TAPE_LOCALS(t, "locals:" + s);
	TAPE_WITH(t, TAPE_ENUM(sort, phase::growth, phase::decay));
	auto lambda = [&] { TAPE(t, "lambda", n); };
	lambda();
	record(t, 1);
	record(t, x);
	model().step(t);
	tape_input(t, s.c_str());
	tape_output(t, s.c_str());
	if (tape_bookmark(t, s.c_str()).seq == 0)
		tape_bookmark_at(t, "again", tape_position(t));
	tape_hook(
		t, TAPE_HOOK_CAPTURE, nullptr,
		[](const tape_view *view, void *, void *) -> int {
			throw tape_view_count(view);
		},
		nullptr);
	(void)tape_call(t, "c", &n);
	if (TAPE_SEEN(t, "x") || TAPE_SEEN(t, s, n, TAPE_UNIT(x, "m"), TAPE_ARRAY(a, 2)))
		n = 1;
	if (n)
		TAPE_ADD(t, n, s, TAPE_HASHED(a, 2));
	else
		TAPE_ADD(t, x);
	TAPE(t, "many", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
	     20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32);
	return tape_close(t);
}
