/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Reference counts that stop at overflow and never come back from zero. */
#include "kernel/base/panic.h"

struct refcount {
    unsigned value;
};

static inline void ref_init(struct refcount *ref, unsigned value)
{
    ref->value = value;
}

/* The caller already holds a reference. */
static inline void ref_get(struct refcount *ref)
{
    unsigned old = __atomic_fetch_add(&ref->value, 1, __ATOMIC_RELAXED);
    assert(old > 0 && old < 0x7fffffff);
}

/* For look-ups by a weak pointer: takes a reference unless the object is on its way out. */
static inline bool ref_get_unless_zero(struct refcount *ref)
{
    unsigned old = __atomic_load_n(&ref->value, __ATOMIC_RELAXED);
    while (old > 0) {
        if (__atomic_compare_exchange_n(&ref->value, &old, old + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

/* True when this was the last one: the caller destroys the object. */
static inline bool ref_put(struct refcount *ref)
{
    unsigned old = __atomic_fetch_sub(&ref->value, 1, __ATOMIC_ACQ_REL);
    assert(old > 0);
    return old == 1;
}

static inline unsigned ref_read(const struct refcount *ref)
{
    return __atomic_load_n(&ref->value, __ATOMIC_RELAXED);
}
