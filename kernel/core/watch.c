/* SPDX-License-Identifier: BSD-2-Clause */
/* The watch on stuck CPUs and threads, see watch.h. */
#include "kernel/core/watch.h"
#include "kernel/arch/smp.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/symbols.h"
#include "kernel/core/core.h"
#include "kernel/core/sched_impl.h"
#include "kernel/core/smp.h"

#define FRAMES_MAX 16u
/* So many ticks of its own a watcher has between its first doubt and a report: when the host has
 * stopped the whole machine for a while, everybody looks late at first. */
#define TICKS_MIN   100u
#define ANSWER_NS   NSEC_PER_SEC
#define REPORTS_MAX 10u /* then no more of blocked threads: there may be many behind one mutex */

static uint64_t hard_ns RO_AFTER_INIT, soft_ns RO_AFTER_INIT, hung_ns RO_AFTER_INIT; /* 0: off */
static struct cpumask stuck; /* atomic bits: CPUs that were reported */
static unsigned reported;    /* atomic: how often anything was */

/* Where a CPU was when it was asked. Owner: the asker, who has set its bit in `stuck`. */
struct answer {
    bool given; /* atomic; until then the CPU writes the rest */
    size_t count;
    vaddr_t pcs[FRAMES_MAX];
};
PERCPU(struct answer, answer);

INIT_TEXT void watch_init(void)
{
    uint64_t thresh = cmdline_number("watchdog_thresh", 10) * NSEC_PER_SEC;
    if (cmdline_flag("nowatchdog")) {
        thresh = 0;
    }
    hard_ns = 3 * thresh;
    soft_ns = cmdline_flag("nosoftlockup") ? 0 : 2 * thresh;
    hung_ns = cmdline_number("sysctl.kernel.hung_task_timeout_secs", 120) * NSEC_PER_SEC;
}

unsigned watch_reports(void)
{
    return __atomic_load_n(&reported, __ATOMIC_RELAXED);
}

void core_ipi_backtrace(const struct arch_regs *regs)
{
    struct answer *mine = &percpu(answer);
    mine->count = arch_backtrace(regs, mine->pcs, FRAMES_MAX);
    __atomic_store_n(&mine->given, true, __ATOMIC_RELEASE);
}

static unsigned seconds(uint64_t ns)
{
    return (unsigned)(ns / NSEC_PER_SEC);
}

static void print_cpu(unsigned cpu)
{
    struct answer *theirs = &percpu_of(cpu, answer);
    uint64_t until = clock_monotonic_ns() + ANSWER_NS;
    __atomic_store_n(&theirs->given, false, __ATOMIC_RELAXED);
    arch_ipi_send(cpu, ARCH_IPI_BACKTRACE);
    while (!__atomic_load_n(&theirs->given, __ATOMIC_ACQUIRE)) {
        if (clock_monotonic_ns() > until) {
            log_err("CPU %u does not say where it is", cpu);
            return;
        }
        arch_cpu_relax();
    }
    symbols_log(LOG_ERR, theirs->pcs, theirs->count);
}

/* The next busy CPU after this one in a ring of those not reported yet; this one: there is none. */
static unsigned neighbour(const struct run_queue *rq)
{
    const struct cpumask *online = cpu_online_mask();
    unsigned cpu = rq->cpu;
    do {
        cpu = cpumask_next(online, cpu + 1);
        if (cpu == CPUS_MAX) {
            cpu = cpumask_next(online, 0);
        }
    } while (cpu != rq->cpu && (cpumask_test(&sched_idle_cpus, cpu) || cpumask_test(&stuck, cpu)));
    return cpu;
}

static void check_neighbour(struct run_queue *rq, uint64_t now)
{
    struct watch *watch = &rq->watch;
    unsigned cpu = neighbour(rq);
    const struct run_queue *other = &percpu_of(cpu, run_queue);
    uint64_t beat = __atomic_load_n(&other->watch.beat_ns, __ATOMIC_RELAXED);
    if (cpu != watch->neighbour || now < beat + hard_ns) {
        watch->neighbour = cpu;
        watch->doubts = 0;
        return;
    }
    if (++watch->doubts == TICKS_MIN) {
        cpumask_set_atomic(&stuck, cpu);
        log_err("watchdog: hard LOCKUP on CPU %u, interrupts off for %us, seen by CPU %u", cpu,
                seconds(now - beat), rq->cpu);
        print_cpu(cpu);
        __atomic_fetch_add(&reported, 1, __ATOMIC_RELAXED);
    }
}

/* A thread that makes one system call after the other is always met in the kernel: from half time
 * on it is asked to go through the scheduler on its way out. */
static void check_self(struct run_queue *rq, uint64_t now, bool from_user)
{
    struct watch *watch = &rq->watch;
    if (from_user || now < watch->scheduled_ns + soft_ns / 2) {
        watch->scheduled_ns = from_user ? now : watch->scheduled_ns;
        watch->kernel_ticks = 0;
        watch->soft_reported = false;
        return;
    }
    if (watch->kernel_ticks++ == 0) {
        thread_set_work(current, THREAD_WORK_RESCHED);
    }
    if (watch->kernel_ticks >= TICKS_MIN && now >= watch->scheduled_ns + soft_ns &&
        !watch->soft_reported) {
        vaddr_t pcs[FRAMES_MAX];
        watch->soft_reported = true;
        log_err("watchdog: soft lockup - CPU %u stuck for %us! [%s]", rq->cpu,
                seconds(now - watch->scheduled_ns), current->name);
        symbols_log(LOG_ERR, pcs, arch_backtrace(NULL, pcs, FRAMES_MAX));
        __atomic_fetch_add(&reported, 1, __ATOMIC_RELAXED);
    }
}

void watch_tick(struct run_queue *rq, uint64_t now, bool from_user)
{
    __atomic_store_n(&rq->watch.beat_ns, now, __ATOMIC_RELAXED);
    if (unlikely(cpumask_test(&stuck, rq->cpu))) {
        cpumask_clear_atomic(&stuck, rq->cpu);
    }
    if (soft_ns != 0) {
        check_self(rq, now, from_user);
    }
    if (hard_ns != 0 && cpu_online_count() > 1) {
        check_neighbour(rq, now);
    }
}

/* A sleep that should be short: on the sleeper's stack. */
struct watched_sleep {
    struct timer timer;
    const struct thread *thread;
    uint64_t since_ns;
};

static void sleeps_long(struct timer *timer)
{
    const struct watched_sleep *sleep = container_of(timer, struct watched_sleep, timer);
    const struct thread *thread = sleep->thread;
    vaddr_t pcs[FRAMES_MAX];
    if (__atomic_load_n(&thread->on_cpu, __ATOMIC_ACQUIRE) ||
        __atomic_load_n(&thread->state, __ATOMIC_RELAXED) != THREAD_SLEEPING ||
        watch_reports() >= REPORTS_MAX) {
        return;
    }
    log_err("INFO: task %s blocked for more than %u seconds.", thread->name,
            seconds(clock_monotonic_ns() - sleep->since_ns));
    symbols_log(LOG_ERR, pcs, arch_thread_backtrace(thread, pcs, FRAMES_MAX));
    __atomic_fetch_add(&reported, 1, __ATOMIC_RELAXED);
}

void watch_sleep(void)
{
    if (hung_ns == 0) {
        sched_sleep();
        return;
    }
    struct watched_sleep sleep = {.thread = current, .since_ns = clock_monotonic_ns()};
    timer_setup(&sleep.timer, sleeps_long);
    timer_arm(&sleep.timer, sleep.since_ns + hung_ns);
    sched_sleep();
    timer_cancel(&sleep.timer);
}
