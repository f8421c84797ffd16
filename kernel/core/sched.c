/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler. Each CPU has a queue of runnable threads in order of arrival; the running thread
 * is not in it. A thread runs until it sleeps or its slice is over and somebody waits; user code
 * then gives way at the end of the timer interrupt, kernel code at sched_point or on its way out.
 * Context of every function here: see sched.h; the queue's lock is taken with interrupts off.
 */
#include "kernel/core/sched.h"
#include "abi/bootinfo.h"
#include "kernel/arch/clock.h"
#include "kernel/base/init.h"
#include "kernel/base/percpu.h"
#include "kernel/core/core.h"
#include "kernel/core/rcu.h"
#include "kernel/core/space.h"
#include "kernel/core/timer.h"

#define SLICE_NS     (10 * NSEC_PER_MSEC)
#define LOAD_STEP_NS (5 * NSEC_PER_SEC)
#define LOAD_BITS    11 /* fraction bits of a load average, as in Linux's /proc/loadavg */
#define LOAD_ONE     (1ul << LOAD_BITS)

struct run_queue {
    struct spinlock lock;
    struct list threads;        /* [lock] runnable, not running */
    unsigned count;             /* [lock] of them */
    struct thread *idle;        /* constant after sched_init */
    const struct arch_mmu *mmu; /* [owner CPU] page tables in use; NULL: the kernel's */
    struct timer tick;          /* ends slices; armed while something but idle runs */
    uint64_t switches;          /* [owner CPU] */
    uint64_t user_ns;           /* [owner CPU] of all threads that ran here */
    uint64_t system_ns;         /* [owner CPU] the same */
    uint64_t idle_ns;           /* [owner CPU] */
    uint64_t load_at;           /* [owner CPU] when the load averages are due */
    unsigned long load[3];      /* [owner CPU] */
};
PERCPU(struct run_queue, run_queue) = {.lock = SPINLOCK_INIT(LOCK_RUN_QUEUE)};

static struct thread boot_thread; /* thread 0, the boot CPU's idle thread */

/* --- accounts ------------------------------------------------------------------------------- */

/* Charges the time since the last call to the thread, as user's or system's. */
static void charge(struct thread *thread, uint64_t now, bool user)
{
    uint64_t ns = now - thread->switched_at;
    struct run_queue *rq = &percpu(run_queue);
    thread->switched_at = now;
    if (thread == rq->idle) {
        rq->idle_ns += ns;
    } else if (user) {
        thread->user_ns += ns;
        rq->user_ns += ns;
    } else {
        thread->system_ns += ns;
        rq->system_ns += ns;
    }
}

uint64_t thread_cpu_ns(const struct thread *thread, uint64_t *user_ns, uint64_t *system_ns)
{
    uint64_t user = thread->user_ns, system = thread->system_ns;
    if (thread == current) {
        uint64_t now = clock_monotonic_ns();
        /* Between two ticks nobody knows which it was: it goes where most of it went before. */
        uint64_t running = now > thread->switched_at ? now - thread->switched_at : 0;
        if (user >= system) {
            user += running;
        } else {
            system += running;
        }
    }
    if (user_ns != NULL) {
        *user_ns = user;
    }
    if (system_ns != NULL) {
        *system_ns = system;
    }
    return user + system;
}

/* Load averages decay by e^(-5s/1min), e^(-5s/5min), e^(-5s/15min) every five seconds. */
static void update_load(struct run_queue *rq, uint64_t now)
{
    static const unsigned long decay[3] = {1884, 2014, 2037};
    while (now >= rq->load_at) {
        unsigned long active = (rq->count + (current != rq->idle ? 1 : 0)) * LOAD_ONE;
        for (int i = 0; i < 3; i++) {
            rq->load[i] = (rq->load[i] * decay[i] + active * (LOAD_ONE - decay[i])) >> LOAD_BITS;
        }
        rq->load_at += LOAD_STEP_NS;
        if (now > rq->load_at + 1000 * LOAD_STEP_NS) {
            rq->load_at = now + LOAD_STEP_NS;
        }
    }
}

void sched_loadavg(unsigned long load[3])
{
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = &percpu(run_queue);
    update_load(rq, clock_monotonic_ns());
    for (int i = 0; i < 3; i++) {
        load[i] = rq->load[i];
    }
    arch_irq_restore(flags);
}

void sched_cpu_times(unsigned cpu, struct sched_times *times)
{
    *times = (struct sched_times){0};
    if (cpu < cpu_present_count()) {
        const struct run_queue *rq = &percpu_of(cpu, run_queue);
        *times = (struct sched_times){rq->user_ns, rq->system_ns, rq->idle_ns};
    }
}

unsigned sched_runnable(void)
{
    return percpu(run_queue).count + (current != percpu(run_queue).idle ? 1 : 0);
}

uint64_t sched_switches(void)
{
    return percpu(run_queue).switches;
}

/* --- switching ------------------------------------------------------------------------------ */

/* First thing on the new thread's stack. Interrupts off. */
static void switched_from(struct thread *from)
{
    __atomic_store_n(&from->on_cpu, false, __ATOMIC_RELEASE);
    if (from->state == THREAD_DEAD) {
        thread_reap(from);
    }
}

static void use_space(struct run_queue *rq, const struct thread *thread)
{
    /* Kernel threads run on whatever tables are there; a dying space switches away itself. */
    if (thread->space != NULL && rq->mmu != &thread->space->mmu) {
        rq->mmu = &thread->space->mmu;
        arch_mmu_switch(rq->mmu);
    }
}

void sched_space_changed(const struct arch_mmu *mmu)
{
    unsigned long flags = arch_irq_save();
    percpu(run_queue).mmu = mmu;
    arch_mmu_switch(mmu);
    arch_irq_restore(flags);
}

/* Picks the next thread and switches to it. Interrupts off; the caller's state says whether it
 * stays runnable. */
static void schedule(void)
{
    struct run_queue *rq = &percpu(run_queue);
    struct thread *from = current;
    assert(preempt_count() == 0);
    rcu_quiescent();
    spin_lock(&rq->lock);
    __atomic_fetch_and(&from->work, ~(unsigned)THREAD_WORK_RESCHED, __ATOMIC_RELAXED);
    if (from->state == THREAD_RUNNABLE && from != rq->idle) {
        list_add_tail(&rq->threads, &from->run_link);
        rq->count++;
    }
    struct thread *to = rq->idle;
    if (rq->count > 0) {
        to = list_first(&rq->threads, struct thread, run_link);
        list_del(&to->run_link);
        rq->count--;
    }
    spin_unlock(&rq->lock);
    if (to == from) {
        return;
    }
    uint64_t now = clock_monotonic_ns();
    charge(from, now, false);
    if (to != rq->idle && !rq->tick.armed) {
        timer_arm(&rq->tick, now + SLICE_NS);
    }
    to->switched_at = now;
    to->on_cpu = true;
    rq->switches++;
    use_space(rq, to);
    switched_from(arch_switch(from, to));
}

void core_thread_begin(struct thread *from, void (*entry)(void *arg), void *arg)
{
    switched_from(from);
    arch_irq_enable();
    entry(arg);
    thread_exit();
}

/* The slice is over: whoever waits gets the CPU. Interrupt context. */
static void tick_fire(struct timer *timer)
{
    struct run_queue *rq = &percpu(run_queue);
    uint64_t now = clock_monotonic_ns();
    uint64_t again = arch_clock_calibrate();
    rcu_tick(interrupted_user_mode() || current == rq->idle);
    update_load(rq, now);
    if (current != rq->idle) {
        charge(current, now, interrupted_user_mode());
        if (rq->count > 0) {
            thread_set_work(current, THREAD_WORK_RESCHED);
        }
        again = again != 0 ? MIN(again, SLICE_NS) : SLICE_NS;
    }
    if (again != 0) {
        timer_arm(timer, clock_monotonic_ns() + again);
    }
}

/* Only this CPU runs threads yet: another one would be sent ARCH_IPI_RESCHEDULE here. */
void sched_kick(unsigned cpu)
{
    assert(cpu == arch_cpu_number());
    thread_set_work(current, THREAD_WORK_RESCHED);
}

void sched_yield(void)
{
    unsigned long flags = arch_irq_save();
    current->switches_voluntary++;
    schedule();
    arch_irq_restore(flags);
}

void sched_point(void)
{
    if ((__atomic_load_n(&current->work, __ATOMIC_RELAXED) & THREAD_WORK_RESCHED) != 0) {
        unsigned long flags = arch_irq_save();
        current->switches_forced++;
        schedule();
        arch_irq_restore(flags);
    }
}

void sched_sleep(void)
{
    unsigned long flags = arch_irq_save();
    if (current->state == THREAD_SLEEPING) {
        current->switches_voluntary++;
        schedule();
    }
    arch_irq_restore(flags);
}

void sched_exit(void)
{
    arch_irq_disable();
    current->state = THREAD_DEAD;
    schedule();
    panic("a dead thread runs");
}

/* Puts a thread that is not running into its queue. REQUIRES rq->lock. */
static void enqueue_locked(struct run_queue *rq, struct thread *thread)
{
    list_add_tail(&rq->threads, &thread->run_link);
    rq->count++;
    if (current == rq->idle) {
        __atomic_fetch_or(&rq->idle->work, THREAD_WORK_RESCHED, __ATOMIC_RELAXED);
    }
}

/* May what `mode` stands for end a sleep of this kind? */
static bool mode_ends(enum wait_mode mode, enum wait_mode sleep)
{
    return mode <= sleep;
}

bool sched_wake(struct thread *thread, enum wait_mode mode)
{
    struct run_queue *rq = &percpu_of(thread->cpu, run_queue);
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    bool woken = thread->state == THREAD_SLEEPING && mode_ends(mode, thread->wait_mode);
    if (woken) {
        thread->state = THREAD_RUNNABLE;
        /* It may have prepared to sleep and still be running: then it just goes on. */
        if (!thread->on_cpu) {
            enqueue_locked(rq, thread);
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    return woken;
}

void thread_start(struct thread *thread)
{
    thread_get(thread); /* its own reference */
    struct run_queue *rq = &percpu_of(thread->cpu, run_queue);
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    assert(thread->state == THREAD_NEW);
    thread->state = THREAD_RUNNABLE;
    enqueue_locked(rq, thread);
    spin_unlock_irqrestore(&rq->lock, flags);
}

void sched_idle(void)
{
    struct run_queue *rq = &percpu(run_queue);
    assert(current == rq->idle);
    for (;;) {
        arch_irq_disable();
        if (rq->count == 0) {
            rcu_idle_enter();
            if (rq->count == 0) {
                arch_cpu_idle();
                arch_irq_disable();
            }
            rcu_idle_exit();
        }
        if (rq->count > 0) {
            schedule();
        }
        arch_irq_enable();
    }
}

void core_user_return(struct arch_regs *regs)
{
    for (;;) {
        unsigned work = __atomic_load_n(&current->work, __ATOMIC_RELAXED);
        if (work == 0) {
            return;
        }
        if ((work & THREAD_WORK_RESCHED) != 0) {
            current->switches_forced++;
            schedule();
        }
        if ((work & THREAD_WORK_SIGNAL) != 0) {
            arch_irq_enable();
            current->personality->return_to_user(regs);
            arch_irq_disable();
        }
    }
}

/* --- start ---------------------------------------------------------------------------------- */

INIT_TEXT void sched_init(const struct bootinfo *info)
{
    struct run_queue *rq = &percpu(run_queue);
    const struct boot_cpu *cpus = (const void *)(info->direct_map_va + info->cpus);
    list_init(&rq->threads);
    timer_setup(&rq->tick, tick_fire);
    rq->load_at = LOAD_STEP_NS;
    rq->idle = &boot_thread;
    boot_thread.state = THREAD_RUNNABLE;
    boot_thread.on_cpu = true;
    boot_thread.kstack = (char *)cpus[0].stack_top_va - LAYOUT_BOOT_STACK_SIZE;
    ref_init(&boot_thread.refs, 1);
    __builtin_memcpy(boot_thread.name, "swapper/0", sizeof "swapper/0");
    arch_thread_adopt(&boot_thread, (void *)cpus[0].stack_top_va);
}

/* Starts calibrating the clock in passing, once interrupts work. */
INIT_TEXT void sched_start_clock(void)
{
    if (arch_clock_calibrate() != 0) {
        timer_arm(&percpu(run_queue).tick, clock_monotonic_ns() + SLICE_NS);
    }
}
