# tape-locals: what it makes of objects. Each marker is what a TAPE_LOCALS leaves there.
$ printf 'int f(int x) { double y = x; { char tape_here_1 = 0; (void)tape_here_1; } return (int)y; }\n' > one.c
$ gcc -O0 -g -c one.c -o one.o && tape-locals one.o | sed 's|/tmp/[^ ]*/||; s/^#//; /^$/d'
/* What TAPE_LOCALS records, made by tape-locals of a build with -O0 -g. */
/* one.c:1, f */
define TAPE_LOCALS_AT_1 ~, TAPE_LOCALS_LISTED_
define TAPE_LOCALS_COUNT_1 2
define TAPE_LOCALS_NAMES_1 "x,y"
define TAPE_LOCALS_LIST_1(tape_v_, tape_a_, tape_s_, tape_n_) tape_v_(x), tape_v_(y), 
# An object without any.
$ printf 'int f(int x) { return x; }\n' > none.c
$ gcc -O0 -g -c none.c -o none.o && tape-locals none.o
/* What TAPE_LOCALS records, made by tape-locals of a build with -O0 -g. */
# Not to be read: without debug information, optimised, no object, not there.
$ gcc -O0 -c one.c -o bare.o && tape-locals bare.o
! tape-locals: bare.o: has no debug information: compile it with -O0 -g
? 2
$ gcc -O2 -g -c one.c -o fast.o && tape-locals fast.o 2>&1 | sed 's|/tmp/[^ ]*/||'
tape-locals: fast.o: one.c:1, f: compiled with optimisation: -O0 -g is needed
/* What TAPE_LOCALS records, made by tape-locals of a build with -O0 -g. */
$ tape-locals one.c
! tape-locals: one.c: cannot be read: not a valid ELF file
? 2
$ tape-locals absent.o
! tape-locals: absent.o: cannot be read: No such file or directory
? 2
$ tape-locals
! tape-locals: one object file is needed
!              'tape-locals -h' shows how it is used
? 2
$ tape-locals one.o none.o
! tape-locals: one object file is needed
!              'tape-locals -h' shows how it is used
? 2
# Two functions in lines of one number: an error, unless their lists are the same.
$ printf 'int g(int z) { { char tape_here_1 = 0; (void)tape_here_1; } return z; }\n' > g.h
$ printf '#line 1 "g.h"\n' > two.c; cat g.h >> two.c; printf '#line 1 "two.c"\n' >> two.c; cat one.c >> two.c
$ gcc -O0 -g -c two.c -o two.o && tape-locals two.o 2>&1 | sed 's|/tmp/[^ ]*/||g'
tape-locals: two.o: line 1 has a TAPE_LOCALS in f (two.c) and another in g (g.h)
             a list goes by the line alone: move one of them by a line
/* What TAPE_LOCALS records, made by tape-locals of a build with -O0 -g. */
# Names that hide others; parameters; what is declared later, or elsewhere.
$ cat > deep.c <<'END'
> extern int far;
> int f(int x)
> {
> 	static int kept = 1;
> 	extern int far;
> 	int hidden = 1;
> 	{
> 		long hidden = 2;
> 		{
> 			char tape_here_10 = 0;
> 			int later = 3;
> 			(void)tape_here_10;
> 			(void)later;
> 		}
> 		{
> 			int beside = 4;
> 			(void)beside;
> 		}
> 		(void)hidden;
> 	}
> 	return x + kept + hidden;
> }
> END
$ gcc -O0 -g -c deep.c -o deep.o && tape-locals deep.o | sed 's|/tmp/[^ ]*/||; s/^#//; /^$/d'
/* What TAPE_LOCALS records, made by tape-locals of a build with -O0 -g. */
/* deep.c:10, f */
define TAPE_LOCALS_AT_10 ~, TAPE_LOCALS_LISTED_
define TAPE_LOCALS_COUNT_10 3
define TAPE_LOCALS_NAMES_10 "hidden,x,kept"
define TAPE_LOCALS_LIST_10(tape_v_, tape_a_, tape_s_, tape_n_) tape_v_(hidden), tape_v_(x), tape_v_(kept), 
# What it does with types.
$ cat > types.c <<'END'
> #include <complex.h>
> #include <stdbool.h>
> enum e { A = -1, B };
> struct s { char name[4]; struct { int n; } in; union { int i; float f; } u; unsigned bit : 3; struct s *next; double m[2][3]; };
> int f(struct s *p, int n, double vla[n])
> {
> 	enum e e = A; struct s s = { "a" }, many[3][2]; bool b = 1; long double ld = 1; double complex z = 1;
> 	__int128 huge = 1; char grid[2][8] = { "x" }; const char *text = "t"; void (*call)(void) = 0; float rows[n][2];
> 	volatile int v[2] = { 1 }; unsigned char raw[3] = { 0 }; char words[n];
> 	{
> 		char tape_here_11 = 0; (void)tape_here_11;
> 	}
> 	return (int)(e + b + ld) + s.in.n + many[0][0].in.n + p->in.n + (int)vla[0] + !!z + !!huge + grid[0][0] + !!text + !!call + (int)rows[0][0] + v[0] + raw[0] + words[0];
> }
> END
$ gcc -O0 -g -c types.c -o types.o && tape-locals types.o | grep -E 'NAMES|LIST_' | sed 's/tape_\(.\)_(/\1(/g; s/^#//'
define TAPE_LOCALS_NAMES_11 "p,n,vla,e(A=-1,B=0),s.name,s.in.n,s.u,s.bit,s.next,s.m,many.name,many.in.n,many.u,many.bit,many.next,many.m,b,ld,z,huge,grid,text,call,rows,v,raw,words"
define TAPE_LOCALS_LIST_11(tape_v_, tape_a_, tape_s_, tape_n_) a(5), v(n), a(5), v(e), v(s.name), v(s.in.n), a(3), v((unsigned int)s.bit), a(5), n(&s.m[0][0], "f8", 2, (2, 3), (sizeof((s.m)[0]), sizeof((s.m[0])[0]))), n(&many[0][0].name[0], "i1", 3, (3, 2, 4), (sizeof((many)[0]), sizeof((many[0])[0]), sizeof((many[0][0].name)[0]))), n(&many[0][0].in.n, "i4", 2, (3, 2), (sizeof((many)[0]), sizeof((many[0])[0]))), a(3), a(3), a(5), n(&many[0][0].m[0][0], "f8", 4, (3, 2, 2, 3), (sizeof((many)[0]), sizeof((many[0])[0]), sizeof((many[0][0].m)[0]), sizeof((many[0][0].m[0])[0]))), v(b), v(ld), v(z), a(3), n(&grid[0][0], "i1", 2, (2, 8), (sizeof((grid)[0]), sizeof((grid[0])[0]))), s(text), a(5), n(&rows[0][0], "f4", 2, (sizeof(rows)/sizeof((rows)[0]), 2), (sizeof((rows)[0]), sizeof((rows[0])[0]))), n(&v[0], "i4", 1, (2), (sizeof((v)[0]))), v(raw), v(words), 
