/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of robust mutexes that a thread leaves behind when it ends: set_robust_list(2),
 * get_robust_list(2), and the walk over it at exit. Source: Linux,
 * Documentation/locking/robust-futex-ABI.rst.
 */
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/process.h"

#define ROBUST_HEAD_SIZE 24
#define ROBUST_MAX       2048
#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu

LINUX_CALL2(set_robust_list, vaddr_t, head, size_t, size)
{
    struct linux_thread *self = linux_current();
    if (size != ROBUST_HEAD_SIZE) {
        return -EINVAL;
    }
    self->robust_list = head;
    self->robust_list_size = size;
    return 0;
}

LINUX_CALL3(get_robust_list, int, tid, vaddr_t, head_addr, vaddr_t, size_addr)
{
    const size_t size = ROBUST_HEAD_SIZE;
    vaddr_t head = 0;
    int result = -ESRCH;
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = tid == 0 ? linux_current() : pid_thread(tid);
    if (thread != NULL) {
        result = linux_may_inspect_locked(thread) ? 0 : -EPERM;
        head = thread->robust_list;
    }
    process_tree_release(flags);
    if (result != 0) {
        return result;
    }
    if (put_user(size, size_addr) != 0) {
        return -EFAULT;
    }
    return put_user(head, head_addr);
}

/* The owner of this word is dead: says so in it, and wakes one who waits. */
static void owner_died(struct linux_thread *self, vaddr_t addr, bool pending)
{
    uint32_t value, old;
    if ((addr & 3) || user_load_u32(addr, &value) != 0) {
        return;
    }
    /* Between unlocking and waking a thread may die as well. */
    if (pending && value == 0) {
        (void)linux_futex_wake(addr, 1);
        return;
    }
    while ((value & FUTEX_TID_MASK) == (uint32_t)self->tid) {
        if (user_cmpxchg_u32(addr, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &old) != 0) {
            return;
        }
        if (old == value) {
            if (value & FUTEX_WAITERS) {
                (void)linux_futex_wake(addr, 1);
            }
            return;
        }
        value = old;
    }
}

void linux_futex_exit(struct linux_thread *self)
{
    struct {
        uint64_t next;
        int64_t offset;
        uint64_t pending;
    } head;
    vaddr_t list = self->robust_list;
    self->robust_list = 0;
    if (list == 0 || get_user(head, list) != 0) {
        return;
    }
    vaddr_t entry = head.next & ~1ul, pending = head.pending & ~1ul;
    for (unsigned i = 0; i < ROBUST_MAX && entry != list; i++) {
        uint64_t next;
        bool have_next = get_user(next, entry) == 0;
        if (entry != pending) {
            owner_died(self, entry + (uint64_t)head.offset, false);
        }
        if (!have_next) {
            return;
        }
        entry = next & ~1ul;
        sched_point();
    }
    if (pending != 0) {
        owner_died(self, pending + (uint64_t)head.offset, true);
    }
}
