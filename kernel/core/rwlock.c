/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes for readers and writers. A writer that leaves lets the readers go that wait; the last
 * reader that leaves lets a writer go. New readers stay behind writers that wait, but one that was
 * woken only minds the one who holds the lock: so each side waits for one turn of the other.
 */
#include "kernel/core/rwlock.h"
#include "kernel/core/smp.h"

/* Holders have it for a few microseconds mostly: that long another CPU looks before it sleeps. */
#define SPINS 200

void rw_setup(struct rwmutex *rw)
{
    rw->state = 0;
    waitq_init(&rw->readers);
    waitq_init(&rw->writers);
}

/* Below `limit` the state lets a reader in. */
static bool try_read(struct rwmutex *rw, uint64_t limit)
{
    uint64_t state = __atomic_load_n(&rw->state, __ATOMIC_RELAXED);
    while (state < limit) {
        if (__atomic_compare_exchange_n(&rw->state, &state, state + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

/* waits: RW_WAITS for a writer that is counted among those that wait. */
static bool try_write(struct rwmutex *rw, uint64_t waits)
{
    uint64_t state = __atomic_load_n(&rw->state, __ATOMIC_RELAXED);
    while (state < RW_WRITER && RW_READERS(state) == 0) {
        if (__atomic_compare_exchange_n(&rw->state, &state, (state - waits) | RW_WRITER, true,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

static int spins(void)
{
    return cpu_online_count() > 1 ? SPINS : 0;
}

void rw_read_slow(struct rwmutex *rw)
{
    for (int i = spins(); i >= 0; i--) {
        if (try_read(rw, RW_WAITS)) {
            return;
        }
        arch_cpu_relax();
    }
    struct wait_entry entry = {.thread = NULL};
    for (uint64_t limit = RW_WAITS;; limit = RW_WRITER) {
        wait_prepare(WAIT_UNINTERRUPTIBLE);
        if (entry.thread == NULL) {
            wait_begin(&rw->readers, &entry);
        }
        if (try_read(rw, limit)) {
            wait_cancel();
            break;
        }
        wait_sleep(WAIT_FOREVER);
    }
    wait_end(&rw->readers, &entry);
}

void rw_write_slow(struct rwmutex *rw)
{
    for (int i = spins(); i >= 0; i--) {
        if (try_write(rw, 0)) {
            return;
        }
        arch_cpu_relax();
    }
    __atomic_fetch_add(&rw->state, RW_WAITS, __ATOMIC_SEQ_CST);
    struct wait_entry entry = {.thread = NULL, .exclusive = true};
    for (;;) {
        wait_prepare(WAIT_UNINTERRUPTIBLE);
        if (entry.thread == NULL) {
            wait_begin(&rw->writers, &entry);
        }
        if (try_write(rw, RW_WAITS)) {
            wait_cancel();
            break;
        }
        wait_sleep(WAIT_FOREVER);
    }
    wait_end(&rw->writers, &entry);
}

/* Whoever is woken tries again; only one who holds the lock by then can be in his way, and will
 * come here, too. */
void rw_wake(struct rwmutex *rw, bool written)
{
    if (written && waitq_active(&rw->readers)) {
        waitq_wake_all(&rw->readers);
    } else {
        waitq_wake_one(&rw->writers);
    }
}
