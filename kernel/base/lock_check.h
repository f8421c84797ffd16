/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Checks of what doc/locking.md says, in the debug build (make DEBUG=1) only: in every other one
 * all of this is empty. Each CPU knows the spinlocks that are held on it, each thread its mutexes.
 * What breaks a rule is a panic that names the locks and where they were taken.
 */
#include "kernel/base/lock_rank.h"
#include "lib/types.h"

struct thread;

enum lock_how {
    LOCK_TAKE,
    LOCK_NESTED, /* a second one of the class, as its row allows */
    LOCK_TRY,    /* without waiting, so in any order */
};

#ifdef DEBUG

/* In every lock. */
struct lock_info {
    enum lock_class class;
    unsigned cpu;                /* [the lock] who took it last, of several readers any: CPU, */
    const struct thread *holder; /* thread (NULL: none ran yet), */
    vaddr_t where;               /* and place */
};
#define LOCK_INFO_INIT(value)                                                                      \
    {                                                                                              \
        .class = (value)                                                                           \
    }
static inline void lock_info_init(struct lock_info *info, enum lock_class class)
{
    *info = (struct lock_info){.class = class};
}

/* In every thread: its mutexes. And on every CPU: its spinlocks. Owner: the thread, the CPU. */
#define LOCK_HELD_MAX 16
struct lock_held {
    unsigned count;
    struct {
        const struct lock_info *info;
        vaddr_t where; /* it was taken */
    } locks[LOCK_HELD_MAX];
};

/* Before the caller waits for a lock, spinlocks with preemption off. */
void lock_check_take(const struct lock_info *info, enum lock_how how);
/* It has the lock; where = 0: taken by the function that calls this. */
void lock_check_taken(struct lock_info *info, vaddr_t where);
/* Before it lets go. */
void lock_check_release(struct lock_info *info);
/* The caller may sleep now / touch user memory now, whose pages may have to be made. */
void lock_check_sleep(void);
void lock_check_user_access(void);
/* The same unless preemption is off: then nothing is made. */
void lock_check_user_word(void);
/* The current thread holds nothing: it goes to user mode, or ends. */
void lock_check_nothing_held(void);
/* Around the handler of an interrupt, preemption off. */
void lock_check_irq_enter(void);
void lock_check_irq_exit(void);
/* Breaks each rule once and looks whether it is noticed; after it the rule that who sleeps has
 * interrupts on is checked as well. On a thread. */
void lock_check_self_test(void);

#else

struct lock_info {
};
#define LOCK_INFO_INIT(class)                                                                      \
    {                                                                                              \
    }
static inline void lock_info_init(struct lock_info *info, enum lock_class class)
{
    (void)info, (void)class;
}
struct lock_held {
};
#define lock_check_take(info, how)    ((void)0)
#define lock_check_taken(info, where) ((void)0)
#define lock_check_release(info)      ((void)0)
#define lock_check_sleep()            ((void)0)
#define lock_check_user_access()      ((void)0)
#define lock_check_user_word()        ((void)0)
#define lock_check_nothing_held()     ((void)0)
#define lock_check_irq_enter()        ((void)0)
#define lock_check_irq_exit()         ((void)0)
#define lock_check_self_test()        ((void)0)

#endif
