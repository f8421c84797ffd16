/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: making and ending them, interrupting their sleeps, and the ways from exceptions and
 * system calls up to the personality.
 */
#include "kernel/core/thread.h"
#include "abi/errno.h"
#include "abi/layout.h"
#include "kernel/base/init.h"
#include "kernel/core/core.h"
#include "kernel/core/sched_impl.h"
#include "kernel/core/space.h"
#include "kernel/core/timer.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/kmap.h"
#include "lib/string.h"

#define OUT_OF_MEMORY_TRIES 32

static_assert(offsetof(struct thread, arch) == 0 &&
                  offsetof(struct thread, work) == sizeof(struct arch_thread),
              "the port relies on it");

static struct cache *thread_cache RO_AFTER_INIT;

INIT_TEXT void thread_init(void)
{
    thread_cache = cache_create("thread", sizeof(struct thread));
}

int thread_create(const char *name, void (*entry)(void *arg), void *arg, struct thread **out)
{
    struct thread *thread = cache_alloc(thread_cache);
    if (thread == NULL) {
        return -ENOMEM;
    }
    memset(thread, 0, sizeof(*thread));
    thread->kstack = kstack_alloc();
    if (thread->kstack == NULL) {
        goto free_thread;
    }
    if (arch_thread_init(thread, (char *)thread->kstack + KSTACK_SIZE, entry, arg) != 0) {
        goto free_stack;
    }
    ref_init(&thread->refs, 1);
    thread->state = THREAD_NEW;
    thread->cpu = arch_cpu_number();
    sched_entity_init(thread, current);
    thread->start_ns = clock_monotonic_ns();
    strlcpy(thread->name, name, sizeof(thread->name));
    *out = thread;
    return 0;

free_stack:
    kstack_free(thread->kstack);
free_thread:
    cache_free(thread_cache, thread);
    return -ENOMEM;
}

void thread_get(struct thread *thread)
{
    ref_get(&thread->refs);
}

void thread_put(struct thread *thread)
{
    if (ref_put(&thread->refs)) {
        assert(thread->kstack == NULL);
        cache_free(thread_cache, thread);
    }
}

void thread_reap(struct thread *thread)
{
    arch_thread_destroy(thread);
    kstack_free(thread->kstack);
    thread->kstack = NULL;
    thread_put(thread);
}

void thread_discard(struct thread *thread)
{
    assert(thread->state == THREAD_NEW);
    thread_reap(thread);
}

void thread_exit(void)
{
    lock_check_nothing_held();
    struct space *space = thread_switch_space(NULL);
    if (space != NULL) {
        space_put(space);
    }
    sched_exit();
}

struct space *thread_switch_space(struct space *new_space)
{
    struct thread *self = current;
    struct space *old = self->space;
    __atomic_store_n(&self->space, new_space, __ATOMIC_RELAXED);
    arch_mmu_switch(new_space != NULL ? &new_space->mmu : NULL);
    return old;
}

void thread_enter_user(void)
{
    lock_check_nothing_held();
    /* A fork has what it needs; only the first program of all comes here without. */
    if (arch_thread_prepare_user() != 0) {
        boot_fail("not enough memory for the first program; give the machine more");
    }
    arch_enter_user();
}

void thread_interrupt(struct thread *thread, bool kill)
{
    __atomic_store_n(&thread->interrupted, true, __ATOMIC_RELEASE);
    if (kill) {
        __atomic_store_n(&thread->killed, true, __ATOMIC_RELEASE);
    }
    thread_set_work(thread, THREAD_WORK_SIGNAL);
    sched_wake(thread, kill ? WAIT_KILLABLE : WAIT_INTERRUPTIBLE);
}

void thread_clear_interrupt(void)
{
    __atomic_store_n(&current->interrupted, false, __ATOMIC_RELAXED);
    __atomic_fetch_and(&current->work, ~(unsigned)THREAD_WORK_SIGNAL, __ATOMIC_RELAXED);
}

void core_syscall(struct arch_regs *regs)
{
    current->personality->syscall(regs);
    lock_check_nothing_held();
}

void core_user_fault(struct arch_regs *regs, struct arch_fault *fault)
{
    struct thread *self = current;
    if (fault->kind == ARCH_FAULT_PAGE) {
        fault->error = fault->addr < LAYOUT_USER_END
                           ? space_fault(self->space, fault->addr, fault->access)
                           : -EFAULT;
        if (fault->error == 0) {
            return;
        }
    }
    self->personality->fault(regs, fault);
}

bool core_kernel_fault(vaddr_t addr, unsigned access)
{
    struct thread *self = current;
    /* A copy routine that runs where sleeping is forbidden cannot have its page made. */
    if (self == NULL || self->space == NULL || preempt_count() != 0) {
        return false;
    }
    int error = space_fault(self->space, addr, access);
    /* The caller may hold what the program that is to end waits for: not for ever. */
    for (int tries = 0; error == -ENOMEM && !self->killed && tries < OUT_OF_MEMORY_TRIES; tries++) {
        self->personality->out_of_memory();
        error = space_fault(self->space, addr, access);
    }
    return error == 0;
}
