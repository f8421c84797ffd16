/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A mutex that many may hold for reading, or one for writing; its holders may sleep. Not recursive,
 * not even for reading: a reader that comes while a writer waits, waits behind it. Neither side
 * starves: readers that have waited for a writer go before the next one.
 */
#include "kernel/core/wait.h"

struct rwmutex {
    uint64_t state; /* atomic: readers in the low half, waiting writers above, the writer's bit */
    struct waitq readers, writers;
    struct lock_info info;
};

#define RW_WRITER         (1ull << 63)
#define RW_WAITS          (1ull << 32) /* one writer that waits */
#define RW_READERS(state) ((uint32_t)(state))

void rw_setup(struct rwmutex *rw);
static inline void rw_init(struct rwmutex *rw, enum lock_class class)
{
    rw_setup(rw);
    lock_info_init(&rw->info, class);
}

/* When the lock was not had, or somebody may have to be woken. */
void rw_read_slow(struct rwmutex *rw);
void rw_write_slow(struct rwmutex *rw);
void rw_wake(struct rwmutex *rw, bool written);

/* ACQUIRES rw; may sleep. */
static inline void rw_read_lock(struct rwmutex *rw)
{
    lock_check_take(&rw->info, LOCK_TAKE);
    uint64_t state = __atomic_load_n(&rw->state, __ATOMIC_RELAXED);
    if (unlikely(state >= RW_WAITS ||
                 !__atomic_compare_exchange_n(&rw->state, &state, state + 1, false,
                                              __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
        rw_read_slow(rw);
    }
    lock_check_taken(&rw->info, 0);
}

/* RELEASES rw. */
static inline void rw_read_unlock(struct rwmutex *rw)
{
    lock_check_release(&rw->info);
    uint64_t state = __atomic_sub_fetch(&rw->state, 1, __ATOMIC_SEQ_CST);
    if (unlikely(state >= RW_WAITS && RW_READERS(state) == 0)) {
        rw_wake(rw, false);
    }
}

/* ACQUIRES rw; may sleep. */
static inline void rw_write_lock_how(struct rwmutex *rw, enum lock_how how)
{
    (void)how;
    uint64_t state = 0;
    lock_check_take(&rw->info, how);
    if (unlikely(!__atomic_compare_exchange_n(&rw->state, &state, RW_WRITER, false,
                                              __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
        rw_write_slow(rw);
    }
    lock_check_taken(&rw->info, 0);
}
static inline void rw_write_lock(struct rwmutex *rw)
{
    rw_write_lock_how(rw, LOCK_TAKE);
}
/* The second of its class that the caller holds, in the order that its row says. */
static inline void rw_write_lock_nested(struct rwmutex *rw)
{
    rw_write_lock_how(rw, LOCK_NESTED);
}

/* RELEASES rw. */
static inline void rw_write_unlock(struct rwmutex *rw)
{
    lock_check_release(&rw->info);
    uint64_t state = __atomic_and_fetch(&rw->state, ~RW_WRITER, __ATOMIC_SEQ_CST);
    if (unlikely(state != 0 || waitq_active(&rw->readers))) {
        rw_wake(rw, true);
    }
}

/* From writing to reading, without letting go. */
static inline void rw_downgrade(struct rwmutex *rw)
{
    __atomic_fetch_sub(&rw->state, RW_WRITER - 1, __ATOMIC_SEQ_CST);
    if (waitq_active(&rw->readers)) {
        rw_wake(rw, true);
    }
}

/* For assertions: somebody writes. */
static inline bool rw_is_written(const struct rwmutex *rw)
{
    return (__atomic_load_n(&rw->state, __ATOMIC_RELAXED) & RW_WRITER) != 0;
}
