/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vDSO: a small shared object that the kernel maps into every program, with the names and the
 * version that Linux's has (vdso(7)). The clock is read from the page below it (abi/clock_page.h);
 * what the page does not tell is asked of the kernel.
 */
#include "abi/clock_page.h"
#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC 1000000000ull
#define EXPORT       __attribute__((visibility("default")))

/* Clocks by number, as bits: realtime and its coarse form; monotonic, raw, coarse, boot time. */
#define CLOCKS_WALL  (1u << 0 | 1u << 5)
#define CLOCKS_KNOWN (CLOCKS_WALL | 1u << 1 | 1u << 4 | 1u << 6 | 1u << 7)

/* System calls of x86_64. */
enum { CALL_GETTIMEOFDAY = 96, CALL_TIME = 201, CALL_CLOCK_GETTIME = 228 };

struct timespec {
    int64_t sec, nsec;
};
struct timeval {
    int64_t sec, usec;
};
struct timezone {
    int32_t minutes_west, dst_time;
};

EXPORT int __vdso_clock_gettime(int clock, struct timespec *out);
EXPORT int __vdso_gettimeofday(struct timeval *out, struct timezone *zone);
EXPORT int64_t __vdso_time(int64_t *out);
EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

/* At the start of the page before the image; the linker script gives it its place. */
extern const volatile struct clock_page vdso_clock __attribute__((visibility("hidden")));

static inline long system_call(long number, long a, long b)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b)
                     : "rcx", "r11", "memory");
    return result;
}

static inline uint64_t read_cycles(void)
{
    uint32_t low, high;
    /* RDTSC may be executed early: not before the sequence was read (SDM vol. 2, RDTSC). */
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* 0 and the time; nonzero: the kernel must be asked. */
static inline int read_clock(unsigned wall, uint64_t *ns)
{
    uint32_t sequence;
    uint64_t now;
    do {
        sequence = vdso_clock.sequence;
        if (__builtin_expect(vdso_clock.cycles_differ != 0, 0)) {
            return 1;
        }
        uint64_t cycles = read_cycles() - vdso_clock.base_cycles;
        now = vdso_clock.base_ns + (uint64_t)((unsigned __int128)cycles * vdso_clock.mult >> 32);
        if (wall) {
            if (vdso_clock.wall_known == 0) {
                return 1;
            }
            now += (uint64_t)vdso_clock.wall_offset_ns;
        }
        __asm__ volatile("" : : : "memory"); /* loads are not reordered with loads on x86 */
    } while (__builtin_expect((sequence & 1) != 0 || sequence != vdso_clock.sequence, 0));
    *ns = now;
    return 0;
}

int __vdso_clock_gettime(int clock, struct timespec *out)
{
    uint64_t ns;
    unsigned bit = (unsigned)clock < 8 ? 1u << clock : 0;
    if (__builtin_expect((bit & CLOCKS_KNOWN) == 0 || read_clock(bit & CLOCKS_WALL, &ns) != 0, 0)) {
        return (int)system_call(CALL_CLOCK_GETTIME, clock, (long)out);
    }
    out->sec = (int64_t)(ns / NSEC_PER_SEC);
    out->nsec = (int64_t)(ns % NSEC_PER_SEC);
    return 0;
}

int __vdso_gettimeofday(struct timeval *out, struct timezone *zone)
{
    uint64_t ns;
    if (zone != NULL || read_clock(1, &ns) != 0) {
        return (int)system_call(CALL_GETTIMEOFDAY, (long)out, (long)zone);
    }
    if (out != NULL) {
        out->sec = (int64_t)(ns / NSEC_PER_SEC);
        out->usec = (int64_t)(ns % NSEC_PER_SEC / 1000);
    }
    return 0;
}

int64_t __vdso_time(int64_t *out)
{
    uint64_t ns;
    if (read_clock(1, &ns) != 0) {
        return system_call(CALL_TIME, (long)out, 0);
    }
    if (out != NULL) {
        *out = (int64_t)(ns / NSEC_PER_SEC);
    }
    return (int64_t)(ns / NSEC_PER_SEC);
}

/* A segment of each CPU's descriptor table has the CPU's number as its limit, which any program may
 * ask for (kernel/arch/x86_64/cpu.c; SDM vol. 2, LSL). There is one node. */
#define SELECTOR_CPU_NUMBER 0x53

long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    unsigned number;
    (void)unused;
    __asm__ volatile("lsl %1, %0" : "=r"(number) : "r"(SELECTOR_CPU_NUMBER) : "cc");
    if (cpu != NULL) {
        *cpu = number;
    }
    if (node != NULL) {
        *node = 0;
    }
    return 0;
}

/* The names without prefix, as Linux has them too. */
EXPORT int clock_gettime(int clock, struct timespec *out)
    __attribute__((alias("__vdso_clock_gettime")));
EXPORT int gettimeofday(struct timeval *out, struct timezone *zone)
    __attribute__((alias("__vdso_gettimeofday")));
EXPORT int64_t time(int64_t *out) __attribute__((alias("__vdso_time")));
EXPORT long getcpu(unsigned *cpu, unsigned *node, void *unused)
    __attribute__((alias("__vdso_getcpu")));
