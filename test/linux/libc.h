/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Cases for programs of every form (static, static-pie, dynamic; glibc, musl): that loading,
 * relocation, thread storage and the C library's start work. */
#include "test/linux/check.h"

#include <ctype.h>
#include <elf.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/auxv.h>

extern char **environ;
static int initialised = 5, zeroed;
static int *relocated = &initialised;
static __thread int thread_value = 3;

CASE(data_and_relocations)
{
    static char big[200000];
    long sum = 0;
    for (size_t i = 0; i < sizeof big; i++) {
        sum += big[i];
    }
    say("%d %d %d %ld\n", initialised, zeroed, *relocated, sum);
    TRUTH(relocated == &initialised);
}

CASE(formatting)
{
    char text[200];
    snprintf(text, sizeof text, "%d %5.2f %g %s %-6s| %06x %e", -5, 3.14159, 1e100, "text", "left",
             255, 12345.678);
    say("%s\n", text);
    say("%ld %g\n", strtol("0x7f", NULL, 0), strtod("2.5e3", NULL));
    volatile double two = 2;
    say("%.6f %.6f\n", sqrt(two), sin(two));
}

CASE(heap)
{
    long sum = 0;
    for (int i = 0; i < 1000; i++) {
        char *p = malloc((size_t)(i * 37 % 5000) + 1);
        p[0] = 1;
        sum += p[0];
        if (i % 3) {
            free(p);
        }
    }
    char *big = calloc(1, 10 << 20);
    big[5 << 20] = 1;
    big = realloc(big, 20 << 20);
    sum += big[5 << 20] + big[1];
    free(big);
    SHOW(sum);
}

static void *thread_main(void *arg)
{
    thread_value += *(int *)arg;
    return (void *)(long)thread_value;
}

CASE(threads)
{
    pthread_t t;
    void *result;
    int add = 10;
    CALL(pthread_create(&t, NULL, thread_main, &add));
    CALL(pthread_join(t, &result));
    SHOW((long)result);
    SHOW(thread_value);
}

static void at_end(void)
{
    say("at exit\n");
}

CASE(streams_and_exit)
{
    FILE *f = fopen("file", "w+");
    fprintf(f, "line %d\n", 1);
    fputs("line 2\n", f);
    rewind(f);
    char line[32];
    while (fgets(line, sizeof line, f)) {
        say("%s", line);
    }
    fclose(f);
    atexit(at_end);
    printf("buffered\n");
    exit(3);
}

CASE(environment)
{
    say("%s %s\n", getenv("HOME"), getenv("NONE") ? "there" : "absent");
    setenv("NEW", "value", 1);
    say("%s\n", getenv("NEW"));
    TRUTH(setlocale(LC_ALL, "C") != NULL);
    SHOW(sysconf(_SC_PAGESIZE));
}

CASE(jumps_and_signals)
{
    static jmp_buf env;
    int n = setjmp(env);
    say("setjmp %d\n", n);
    if (n < 2) {
        longjmp(env, n + 1);
    }
}

CASE(how_it_was_loaded)
{
    const Elf64_Ehdr *header = (const void *)getauxval(AT_SYSINFO_EHDR);
    TRUTH(header == NULL || !memcmp(header->e_ident, ELFMAG, SELFMAG));
    TRUTH(getauxval(AT_BASE) != 0);
    TRUTH(getauxval(AT_ENTRY) > 0x500000);
    TRUTH(getauxval(AT_PHNUM) > 0);
    SHOW(getauxval(AT_PHDR) % 8);
    SHOW(environ != NULL);
}

CASE(stack_is_aligned)
{
    long number __attribute__((aligned(16))) = 1;
    SHOW((uintptr_t)&number % 16);
    SHOW((uintptr_t)__builtin_frame_address(0) % 16);
}

#define LIBC_CASES                                                                                 \
    ENTRY(data_and_relocations), ENTRY(formatting), ENTRY(heap), ENTRY(threads),                   \
        ENTRY(streams_and_exit), ENTRY(environment), ENTRY(jumps_and_signals),                     \
        ENTRY(how_it_was_loaded), ENTRY(stack_is_aligned)
