/* SPDX-License-Identifier: BSD-2-Clause */
/* See smp.h. The host's sched.h, which comes with pthread.h, and the kernel's do not mix. */
#include "smp.h"
#include "kernel/base/panic.h"
#include "kernel/core/smp.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE  65536u
#define THREADS_MAX 64u

__thread bool fake_irqs_off;
__thread int fake_preempt_count;
__thread struct thread *fake_current;
__thread unsigned fake_cpu;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* wait queues, timers, time */
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "fake machine: %s\n", what);
    abort();
}

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}

/* Thread-local storage lies below the thread pointer (ELF TLS, variant II). */
void *fake_block(unsigned cpu)
{
    static _Alignas(64) char blocks[FAKE_CPUS][BLOCK_SIZE];
    if (cpu >= FAKE_CPUS) {
        die("no such CPU");
    }
    return blocks[cpu] + BLOCK_SIZE;
}

void fake_relax(void)
{
    sched_yield();
}

unsigned cpu_present_count(void)
{
    return FAKE_CPUS;
}

/* core/sched.h also has a sched_yield. */
void sched_point(void);
int sched_set_affinity(struct thread *thread, const struct cpumask *cpus);
void sched_get_affinity(const struct thread *thread, struct cpumask *cpus);

int sched_set_affinity(struct thread *thread, const struct cpumask *cpus)
{
    if (thread != fake_current || cpumask_empty(cpus)) {
        die("an affinity that is not allowed");
    }
    fake_cpu = cpumask_next(cpus, 0);
    return 0;
}

void sched_get_affinity(const struct thread *thread, struct cpumask *cpus)
{
    (void)thread;
    *cpus = (struct cpumask){{~0ull}};
}

void sched_point(void)
{
}

/* --- threads -------------------------------------------------------------------------------- */

struct begin {
    unsigned cpu;
    void (*entry)(void *arg);
    void *arg;
};

static pthread_t joined[THREADS_MAX];
static unsigned joined_count;

void fake_adopt(unsigned cpu)
{
    fake_cpu = cpu;
    fake_current = calloc(1, sizeof(struct thread));
}

static void *begin_thread(void *arg)
{
    struct begin begin = *(struct begin *)arg;
    free(arg);
    fake_adopt(begin.cpu);
    begin.entry(begin.arg);
    free(fake_current);
    return NULL;
}

static pthread_t start(unsigned cpu, void (*entry)(void *arg), void *arg)
{
    pthread_t thread;
    struct begin *begin = malloc(sizeof(*begin));
    *begin = (struct begin){cpu, entry, arg};
    if (pthread_create(&thread, NULL, begin_thread, begin) != 0) {
        die("pthread_create");
    }
    return thread;
}

int fake_thread(unsigned cpu, void (*entry)(void *arg), void *arg)
{
    pthread_detach(start(cpu, entry, arg));
    return 0;
}

int fake_thread_joined(unsigned cpu, void (*entry)(void *arg), void *arg)
{
    if (joined_count == THREADS_MAX) {
        die("too many threads");
    }
    joined[joined_count++] = start(cpu, entry, arg);
    return 0;
}

void fake_join(void)
{
    while (joined_count > 0) {
        pthread_join(joined[--joined_count], NULL);
    }
}

/* --- wait queues: thread->state is guarded by the lock above -------------------------------- */

void waitq_init(struct waitq *wq)
{
    *wq = (struct waitq)WAITQ_INIT(*wq);
}

static void wake(struct waitq *wq, bool one)
{
    struct wait_entry *entry;
    pthread_mutex_lock(&lock);
    list_for_each (entry, &wq->entries, link) {
        bool slept = entry->thread->state == THREAD_SLEEPING;
        entry->thread->state = THREAD_RUNNABLE;
        if (one && entry->exclusive && slept) {
            break;
        }
    }
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&lock);
}

void waitq_wake_one(struct waitq *wq)
{
    wake(wq, true);
}

void waitq_wake_all(struct waitq *wq)
{
    wake(wq, false);
}

static void set_state(enum thread_state state)
{
    pthread_mutex_lock(&lock);
    fake_current->state = state;
    pthread_mutex_unlock(&lock);
}

void wait_prepare(enum wait_mode mode)
{
    (void)mode;
    if (fake_preempt_count != 0 || fake_irqs_off) {
        die("sleep where sleeping is not allowed");
    }
    set_state(THREAD_SLEEPING);
}

void wait_begin(struct waitq *wq, struct wait_entry *entry)
{
    pthread_mutex_lock(&lock);
    entry->thread = fake_current;
    list_add_tail(&wq->entries, &entry->link);
    pthread_mutex_unlock(&lock);
}

int wait_sleep(uint64_t deadline_ns)
{
    if (fake_preempt_count != 0 || fake_irqs_off || deadline_ns < WAIT_IDLE) {
        die("a sleep of a kind that is not allowed");
    }
    pthread_mutex_lock(&lock);
    while (fake_current->state == THREAD_SLEEPING) {
        pthread_cond_wait(&woken, &lock);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

void wait_end(struct waitq *wq, struct wait_entry *entry)
{
    (void)wq;
    if (entry->thread != NULL) {
        pthread_mutex_lock(&lock);
        list_del(&entry->link);
        pthread_mutex_unlock(&lock);
        entry->thread = NULL;
    }
}

void wait_cancel(void)
{
    set_state(THREAD_RUNNABLE);
}

/* --- timers --------------------------------------------------------------------------------- */

#define TIMERS_MAX 256u
static struct timer *armed[TIMERS_MAX], *firing[FAKE_CPUS];
static uint64_t now_ns;

uint64_t clock_monotonic_ns(void)
{
    return __atomic_load_n(&now_ns, __ATOMIC_RELAXED);
}

void timer_setup(struct timer *timer, void (*fire)(struct timer *timer))
{
    memset(timer, 0, sizeof(*timer));
    timer->fire = fire;
}

/* REQUIRES lock. */
static void change_locked(const struct timer *from, struct timer *to)
{
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        if (armed[i] == from) {
            armed[i] = to;
            return;
        }
    }
    die("too many timers");
}

void timer_arm(struct timer *timer, uint64_t deadline_ns)
{
    pthread_mutex_lock(&lock);
    if (!timer->armed) {
        change_locked(NULL, timer);
    }
    timer->armed = true;
    timer->cpu = fake_cpu;
    timer->deadline_ns = deadline_ns;
    pthread_mutex_unlock(&lock);
}

bool timer_cancel(struct timer *timer)
{
    bool was_armed, running = true;
    pthread_mutex_lock(&lock);
    was_armed = timer->armed;
    if (was_armed) {
        change_locked(timer, NULL);
        timer->armed = false;
    }
    while (running) {
        running = false;
        for (unsigned cpu = 0; cpu < FAKE_CPUS; cpu++) {
            running |= firing[cpu] == timer;
        }
        if (running) {
            pthread_mutex_unlock(&lock);
            sched_yield();
            pthread_mutex_lock(&lock);
        }
    }
    pthread_mutex_unlock(&lock);
    return was_armed;
}

static void *fire_due(void *arg)
{
    fake_cpu = (unsigned)(uintptr_t)arg;
    fake_irqs_off = true;
    fake_preempt_count = 1;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        struct timer *timer = armed[i];
        if (timer != NULL && timer->cpu == fake_cpu && timer->deadline_ns <= now_ns) {
            armed[i] = NULL;
            timer->armed = false;
            firing[fake_cpu] = timer;
            pthread_mutex_unlock(&lock);
            timer->fire(timer);
            pthread_mutex_lock(&lock);
            firing[fake_cpu] = NULL;
        }
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

void fake_time_to(uint64_t ns)
{
    pthread_t threads[FAKE_CPUS];
    pthread_mutex_lock(&lock);
    __atomic_store_n(&now_ns, ns, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&lock);
    for (uintptr_t cpu = 0; cpu < FAKE_CPUS; cpu++) {
        if (pthread_create(&threads[cpu], NULL, fire_due, (void *)cpu) != 0) {
            die("pthread_create");
        }
    }
    for (unsigned cpu = 0; cpu < FAKE_CPUS; cpu++) {
        pthread_join(threads[cpu], NULL);
    }
}
