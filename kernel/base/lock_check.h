/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What a lock knows of itself for the checks of the debug build: nothing in any other.
 */
#include "kernel/base/lock_rank.h"

struct lock_info {
};
/* Adds nothing to a lock's value, but knows the class. */
#define LOCK_INFO_INIT(class)                                                                      \
    {                                                                                              \
    }

static inline void lock_info_init(struct lock_info *info, enum lock_class class)
{
    (void)info, (void)class;
}
