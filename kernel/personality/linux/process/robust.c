/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of robust mutexes that a thread leaves behind when it ends: set_robust_list(2),
 * get_robust_list(2), and the walk over it at exit. Source: Linux,
 * Documentation/locking/robust-futex-ABI.rst.
 */
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/futex.h"

#define ROBUST_HEAD_SIZE 24
#define ROBUST_MAX       2048

LINUX_CALL2(set_robust_list, vaddr_t, head, size_t, size)
{
    struct linux_thread *self = linux_current();
    if (size != ROBUST_HEAD_SIZE) {
        return -EINVAL;
    }
    self->robust_list = head;
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

/* The owner of this word is dead: says so in it, and wakes one who waits. False: the list is not to
 * be trusted any further. */
static bool owner_died(struct linux_thread *self, vaddr_t addr, bool pi, bool pending)
{
    uint32_t value, old;
    if ((addr & 3) || user_load_u32(addr, &value) != 0) {
        return false;
    }
    /* Between unlocking and waking a thread may die as well. */
    if (pending && !pi && (value & FUTEX_TID_MASK) == 0) {
        (void)linux_futex_wake(addr, 1);
        return true;
    }
    while ((value & FUTEX_TID_MASK) == (uint32_t)self->tid) {
        if (user_cmpxchg_u32(addr, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &old) != 0) {
            return false;
        }
        if (old == value) {
            /* Those who wait for a word with an owner get it from linux_futex_leave. */
            if (!pi && (value & FUTEX_WAITERS)) {
                (void)linux_futex_wake(addr, 1);
            }
            break;
        }
        value = old;
    }
    return true;
}

/* Bit 0 of an entry's address says that it is a lock with priority inheritance. */
static void walk_list(struct linux_thread *self, vaddr_t list)
{
    struct {
        uint64_t next;
        uint64_t offset; /* of the lock's word from its entry; may be negative */
        uint64_t pending;
    } head;
    static_assert(sizeof(head) == ROBUST_HEAD_SIZE, "ABI");
    if (get_user(head, list) != 0) {
        return;
    }
    uint64_t entry = head.next;
    vaddr_t pending = head.pending & ~1ul;
    /* It may be a ring, or longer than any honest one. */
    for (unsigned i = 0; i < ROBUST_MAX && (entry & ~1ul) != list; i++) {
        uint64_t next;
        vaddr_t addr = entry & ~1ul;
        bool have_next = get_user(next, addr) == 0;
        if ((addr != pending && !owner_died(self, addr + head.offset, entry & 1, false)) ||
            !have_next) {
            return;
        }
        entry = next;
        sched_point();
    }
    if (pending != 0) {
        (void)owner_died(self, pending + head.offset, head.pending & 1, true);
    }
}

void linux_futex_exit(struct linux_thread *self, enum futex_state after)
{
    vaddr_t list = self->robust_list;
    __atomic_store_n(&self->futex_state, FUTEX_LEAVING, __ATOMIC_RELAXED);
    if (list != 0) {
        walk_list(self, list);
        self->robust_list = 0;
    }
    linux_futex_leave(self, after);
}
