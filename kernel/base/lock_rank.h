/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The classes of the kernel's locks: LOCK_LOG, LOCK_INODE, ... Every lock is initialised with its
 * class. lock_rank.def has them with their order; only the debug build keeps and checks them.
 */
enum lock_class {
    LOCK_NO_CLASS, /* a lock that was never initialised */
#define LOCK_CLASS(class, rank, kind, pair, lock) LOCK_##class,
#include "kernel/base/lock_rank.def"
#undef LOCK_CLASS
    LOCK_CLASSES
};
