/* SPDX-License-Identifier: BSD-2-Clause */
/* What the time stamp counter counts: ticks for a known number of instructions, five times, and
 * ticks and nanoseconds of the clock for many. Lines "ticks N" and "rate TICKS NANOSECONDS". */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static uint64_t ticks(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return low | (uint64_t)high << 32;
}

/* Two instructions a round. */
static void work(uint32_t rounds)
{
    __asm__ volatile("1:\tdecl %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
}

static uint64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(void)
{
    for (int i = 0; i < 5; i++) {
        uint64_t start = ticks();
        work(100000);
        printf("ticks %llu\n", (unsigned long long)(ticks() - start));
    }
    uint64_t start_ns = nanoseconds(), start = ticks();
    work(100000000);
    uint64_t end = ticks(), end_ns = nanoseconds();
    printf("rate %llu %llu\n", (unsigned long long)(end - start),
           (unsigned long long)(end_ns - start_ns));
    return 0;
}
