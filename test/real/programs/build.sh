# make and gcc build programs and run them.
cd /tmp && mkdir w && cd w || exit
printf '#include <stdio.h>\n#include "b.h"\nint main(int c, char **v) { (void)v; printf("%%d\\n", f(c)); return f(3); }\n' >a.c
printf '#include "b.h"\nint f(int x) { return x * x; }\n' >b.c
echo 'int f(int);' >b.h
printf 'prog: a.o b.o\n\tgcc -o $@ $^\n%%.o: %%.c b.h\n\tgcc -O2 -Wall -c $<\nclean:\n\trm -f *.o prog\n' >Makefile
make -j2 && ./prog x; echo $?; make; touch b.c; make; make clean; ls
gcc -g -pthread -x c - -o th <<'E' && ./th
#include <pthread.h>
#include <stdio.h>
static void *add(void *p) { for (int i = 0; i < 1000; i++) __atomic_add_fetch((long *)p, 1, 0); return 0; }
int main(void) { pthread_t t[8]; long x = 0; for (int i = 0; i < 8; i++) pthread_create(&t[i], 0, add, &x);
    for (int i = 0; i < 8; i++) pthread_join(t[i], 0); printf("%ld\n", x); }
E
printf 'int main(void) { return }\n' | gcc -x c - 2>&1 | grep -c error; echo 'int x;' | gcc -x c -c - -o x.o; nm x.o
