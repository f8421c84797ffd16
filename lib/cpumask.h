/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Sets of CPUs by number, 0 to CPUS_MAX - 1. Plain functions want the set's lock or its owner; the
 * atomic ones may race with anybody.
 */
#include "abi/bootinfo.h"
#include "lib/types.h"

#define CPUS_MAX      BOOT_MAX_CPUS
#define CPUMASK_BITS  64u
#define CPUMASK_WORDS (CPUS_MAX / CPUMASK_BITS)

struct cpumask {
    uint64_t word[CPUMASK_WORDS];
};

static inline bool cpumask_test(const struct cpumask *mask, unsigned cpu)
{
    return (__atomic_load_n(&mask->word[cpu / CPUMASK_BITS], __ATOMIC_RELAXED) >>
                cpu % CPUMASK_BITS &
            1) != 0;
}
static inline void cpumask_set(struct cpumask *mask, unsigned cpu)
{
    mask->word[cpu / CPUMASK_BITS] |= 1ull << cpu % CPUMASK_BITS;
}
static inline void cpumask_clear(struct cpumask *mask, unsigned cpu)
{
    mask->word[cpu / CPUMASK_BITS] &= ~(1ull << cpu % CPUMASK_BITS);
}

/* Full barriers, so that what is written before is seen by who finds the bit changed. */
static inline void cpumask_set_atomic(struct cpumask *mask, unsigned cpu)
{
    __atomic_fetch_or(&mask->word[cpu / CPUMASK_BITS], 1ull << cpu % CPUMASK_BITS,
                      __ATOMIC_SEQ_CST);
}
static inline void cpumask_clear_atomic(struct cpumask *mask, unsigned cpu)
{
    __atomic_fetch_and(&mask->word[cpu / CPUMASK_BITS], ~(1ull << cpu % CPUMASK_BITS),
                       __ATOMIC_SEQ_CST);
}

/* The first CPU of the set that is not below `from`; CPUS_MAX: none. */
static inline unsigned cpumask_next(const struct cpumask *mask, unsigned from)
{
    for (unsigned i = from / CPUMASK_BITS; i < CPUMASK_WORDS; i++) {
        uint64_t word = __atomic_load_n(&mask->word[i], __ATOMIC_RELAXED);
        if (i == from / CPUMASK_BITS) {
            word &= ~0ull << from % CPUMASK_BITS;
        }
        if (word != 0) {
            return i * CPUMASK_BITS + (unsigned)__builtin_ctzll(word);
        }
    }
    return CPUS_MAX;
}
#define cpumask_for_each(cpu, mask)                                                                \
    for (unsigned cpu = cpumask_next(mask, 0); cpu < CPUS_MAX; cpu = cpumask_next(mask, cpu + 1))

static inline bool cpumask_empty(const struct cpumask *mask)
{
    return cpumask_next(mask, 0) == CPUS_MAX;
}
