/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: user memory and user registers. These routines are the only code that touches user
 * memory; they open SMAP for just that long and recover from faults. They may sleep (a page may
 * have to be made): no spinlock held. Addresses outside the user half give -EFAULT.
 */
#include "lib/types.h"
#include <machine/regs.h>

/* 0 or -EFAULT; on failure an unknown part was copied. */
int copy_from_user(void *dst, vaddr_t src, size_t size);
int copy_to_user(vaddr_t dst, const void *src, size_t size);
int clear_user(vaddr_t dst, size_t size);

/* As above but return the number of bytes NOT copied, from the front: for partial transfers. */
size_t copy_from_user_partial(void *dst, vaddr_t src, size_t size);
size_t copy_to_user_partial(vaddr_t dst, const void *src, size_t size);

/*
 * Copies a string of at most size-1 bytes and its zero. Returns its length, -EFAULT, or
 * -ENAMETOOLONG when there is no zero within size bytes.
 */
long strncpy_from_user(char *dst, vaddr_t src, size_t size);

/* Typed single values. */
#define get_user(value, addr) copy_from_user(&(value), (vaddr_t)(addr), sizeof(value))
#define put_user(value, addr) copy_to_user((vaddr_t)(addr), &(value), sizeof(value))

/*
 * Atomic operations on a 32-bit word of user memory, for futexes: 0 or -EFAULT (-EINVAL when not
 * aligned). May sleep; not so with preemption off, where they also give -EFAULT for a page that
 * would have to be made.
 */
int user_load_u32(vaddr_t addr, uint32_t *value);
int user_cmpxchg_u32(vaddr_t addr, uint32_t expected, uint32_t desired, uint32_t *old);
/* op as in FUTEX_OP: 0 set, 1 add, 2 or, 3 and-not, 4 xor. */
int user_atomic_op_u32(vaddr_t addr, unsigned op, uint32_t arg, uint32_t *old);
