/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug build's checks of locks, see kernel/base/lock_check.h. A rule is checked before the
 * caller begins to wait, so that what would be a deadlock one day is a panic at its first chance.
 */
#include "kernel/base/lock_check.h"
#include "kernel/base/panic.h"
#include "kernel/base/percpu.h"
#include "kernel/base/preempt.h"
#include "kernel/base/symbols.h"
#include "kernel/core/thread.h"
#include "kernel/debug/lock_self_test.h"
#include "lib/format.h"

enum kind { MUTEX, SPIN, IRQ };
enum pair { ALONE, ADDRESS, PARENT };

static const struct {
    const char *name;
    unsigned rank;
    enum kind kind;
    enum pair pair;
} classes[LOCK_CLASSES] = {
    [LOCK_NO_CLASS] = {"a lock without a class", 0, SPIN, ALONE},
#define LOCK_CLASS(class, rank, kind, pair, lock) [LOCK_##class] = {lock, rank, kind, pair},
#include "kernel/base/lock_rank.def"
#undef LOCK_CLASS
};

/* Owner: the CPU, preemption off. */
struct cpu_locks {
    struct lock_held spins;
    unsigned irq_base; /* in an interrupt: how many the interrupted code holds */
    bool in_irq;
};
PERCPU(struct cpu_locks, cpu_locks);

static struct lock_held boot_mutexes; /* owner: the boot CPU, before it runs threads */
static bool threads_run;              /* set once */

/* --- violations ----------------------------------------------------------------------------- */

static const char *lock_name(const struct lock_info *info)
{
    return classes[info->class].name;
}

/* "function+0x12", or a number. */
static const char *place(char buf[64], vaddr_t where)
{
    size_t offset;
    const char *name = symbol_find(where, &offset);
    if (name == NULL) {
        snprintf(buf, 64, "%#lx", (unsigned long)where);
    } else {
        snprintf(buf, 64, "%s+%#zx", name, offset);
    }
    return buf;
}

static void violation(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void violation(const char *fmt, ...)
{
    char text[256];
    va_list args;
    if (panic_in_progress() || lock_self_test_expects()) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    panic("%s", text);
}

/* The last of what is held. */
static void violation_held(const struct lock_held *held, const char *what)
{
    char at[64];
    const struct lock_info *info = held->locks[held->count - 1].info;
    violation("%s while %s (rank %u) is held, taken in %s", what, lock_name(info),
              classes[info->class].rank, place(at, held->locks[held->count - 1].where));
}

static void violation_order(const struct lock_held *all, unsigned i, const struct lock_info *wanted,
                            const char *why)
{
    char at[64];
    const struct lock_info *held = all->locks[i].info;
    violation("lock order: %s (rank %u) is wanted while %s (rank %u) is held, taken in %s: %s",
              lock_name(wanted), classes[wanted->class].rank, lock_name(held),
              classes[held->class].rank, place(at, all->locks[i].where), why);
}

/* --- what is held --------------------------------------------------------------------------- */

static bool is_mutex(const struct lock_info *info)
{
    return classes[info->class].kind == MUTEX;
}

static struct lock_held *held_mutexes(void)
{
    struct thread *self = arch_current();
    return self != NULL ? &self->held : &boot_mutexes;
}

static struct lock_held *held_for(const struct lock_info *info)
{
    return is_mutex(info) ? held_mutexes() : &percpu(cpu_locks).spins;
}

static void push(struct lock_held *held, const struct lock_info *info)
{
    assert(held->count < LOCK_HELD_MAX);
    held->locks[held->count].where = info->where;
    held->locks[held->count++].info = info;
}

static bool pull(struct lock_held *held, const struct lock_info *info)
{
    for (unsigned i = held->count; i-- > 0;) {
        if (held->locks[i].info == info) {
            held->count--;
            for (; i < held->count; i++) {
                held->locks[i] = held->locks[i + 1];
            }
            return true;
        }
    }
    return false;
}

/* --- rules ---------------------------------------------------------------------------------- */

static void check_pair(const struct lock_held *all, unsigned i, const struct lock_info *wanted,
                       enum lock_how how)
{
    const struct lock_info *held = all->locks[i].info;
    unsigned rank = classes[wanted->class].rank;
    if (classes[held->class].rank < rank) {
        return;
    }
    if (held == wanted) {
        violation_order(all, i, wanted, "it is taken again");
    } else if (held->class != wanted->class) {
        violation_order(all, i, wanted, "the wrong way round");
    } else if (how != LOCK_NESTED || classes[wanted->class].pair == ALONE) {
        violation_order(all, i, wanted, "two of a class");
    } else if (classes[wanted->class].pair == ADDRESS && wanted < held) {
        violation_order(all, i, wanted, "not by address");
    }
}

static void check_order(const struct lock_info *wanted, enum lock_how how)
{
    struct cpu_locks *cpu = &percpu(cpu_locks);
    for (unsigned i = 0; i < cpu->spins.count; i++) {
        /* What an interrupt came upon counts only if it is the same lock. */
        if (!cpu->in_irq || i >= cpu->irq_base || cpu->spins.locks[i].info == wanted) {
            check_pair(&cpu->spins, i, wanted, how);
        }
    }
    struct lock_held *mutexes = held_mutexes();
    for (unsigned i = 0; i < mutexes->count && !cpu->in_irq; i++) {
        check_pair(mutexes, i, wanted, how);
    }
}

void lock_check_sleep(void)
{
    if (panic_in_progress()) {
        return;
    }
    struct cpu_locks *cpu = &percpu(cpu_locks);
    if (cpu->spins.count != 0) {
        violation_held(&cpu->spins, "may sleep");
    } else if (cpu->in_irq) {
        violation("may sleep in an interrupt");
    } else if (preempt_count() != 0) {
        violation("may sleep with preemption off (count %d)", preempt_count());
    } else if (threads_run && !arch_irqs_enabled()) {
        violation("may sleep with interrupts off");
    }
}

void lock_check_user_access(void)
{
    static const struct lock_info space = LOCK_INFO_INIT(LOCK_SPACE);
    lock_check_sleep();
    if (!panic_in_progress()) {
        check_order(&space, LOCK_TAKE);
    }
}

void lock_check_user_word(void)
{
    if (preempt_count() == 0) {
        lock_check_user_access();
    }
}

void lock_check_take(const struct lock_info *info, enum lock_how how)
{
    if (panic_in_progress()) {
        return;
    }
    if (info->class == LOCK_NO_CLASS || info->class >= LOCK_CLASSES) {
        violation("a lock without a class (%u) is taken", info->class);
        return;
    }
    enum kind kind = classes[info->class].kind;
    if (kind == SPIN && percpu(cpu_locks).in_irq) {
        violation("%s is taken in an interrupt, and elsewhere with interrupts on", lock_name(info));
    }
    if (kind == IRQ && arch_irqs_enabled()) {
        violation("%s is taken with interrupts on, and interrupts take it", lock_name(info));
    }
    if (how != LOCK_TRY) {
        if (kind == MUTEX) {
            lock_check_sleep();
        }
        check_order(info, how);
    }
}

void lock_check_taken(struct lock_info *info, vaddr_t where)
{
    info->where = where != 0 ? where : (vaddr_t)__builtin_return_address(0);
    info->holder = arch_current();
    info->cpu = arch_cpu_number();
    unsigned long flags = arch_irq_save(); /* an interrupt has locks of its own */
    push(held_for(info), info);
    arch_irq_restore(flags);
}

void lock_check_release(struct lock_info *info)
{
    char at[64];
    unsigned long flags = arch_irq_save();
    bool was_held = pull(held_for(info), info);
    arch_irq_restore(flags);
    if (!was_held) {
        violation("%s is released by who does not hold it; taken last in %s on CPU %u%s",
                  lock_name(info), place(at, info->where), info->cpu,
                  info->holder == arch_current() ? "" : " by another thread");
    }
}

void lock_check_nothing_held(void)
{
    if (panic_in_progress()) {
        return;
    }
    struct lock_held *mutexes = held_mutexes(), *spins = &percpu(cpu_locks).spins;
    if (mutexes->count + spins->count != 0) {
        violation_held(spins->count != 0 ? spins : mutexes, "on the way to user mode");
    } else if (preempt_count() != 0) {
        violation("on the way to user mode with preemption off (count %d)", preempt_count());
    }
}

void lock_check_irq_enter(void)
{
    struct cpu_locks *cpu = &percpu(cpu_locks);
    assert(!cpu->in_irq);
    cpu->in_irq = true;
    cpu->irq_base = cpu->spins.count;
}

void lock_check_irq_exit(void)
{
    struct cpu_locks *cpu = &percpu(cpu_locks);
    if (cpu->spins.count != cpu->irq_base && cpu->spins.count != 0) {
        violation_held(&cpu->spins, "the end of an interrupt");
    }
    cpu->in_irq = false;
}

void lock_check_threads_run(void)
{
    threads_run = true;
}
