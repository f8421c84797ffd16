/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policies, priorities, nice values, I/O priorities and affinity: what can be set, by whom, what is
 * inherited, and what /proc says of it. There is one CPU at least; nothing depends on how many.
 */
#include "check.h"
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define RESET_ON_FORK 0x40000000
#define ATTR_FIRST    48

struct attr { /* struct sched_attr, which some C libraries have as well */
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};

static long set_scheduler(int tid, int policy, int priority)
{
    int param = priority;
    return syscall(SYS_sched_setscheduler, tid, policy, &param);
}

static void show_scheduler(void)
{
    int priority = -1;
    CALL(syscall(SYS_sched_getscheduler, 0));
    syscall(SYS_sched_getparam, 0, &priority);
    SHOW(priority);
}

static void become_nobody(void)
{
    setgroups(0, NULL);
    setresgid(65534, 65534, 65534);
    setresuid(65534, 65534, 65534);
}

static void set_limit(int resource, rlim_t soft)
{
    const struct rlimit limit = {soft, soft};
    setrlimit(resource, &limit);
}

/* In a child, so that what it did to itself ends with it. */
static void in_child(void (*run)(void))
{
    pid_t child = fork();
    if (child == 0) {
        run();
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

CASE(policies)
{
    show_scheduler();
    CALL(set_scheduler(0, SCHED_BATCH, 0));
    show_scheduler();
    CALL(set_scheduler(0, SCHED_IDLE, 0));
    show_scheduler();
    CALL(set_scheduler(0, SCHED_OTHER, 0));
    CALL(set_scheduler(0, SCHED_FIFO, 1));
    show_scheduler();
    CALL(set_scheduler(0, SCHED_RR, 99));
    show_scheduler();
    int priority = 5;
    CALL(syscall(SYS_sched_setparam, 0, &priority));
    show_scheduler();
    priority = 0;
    CALL(syscall(SYS_sched_setparam, 0, &priority));
    CALL(set_scheduler(0, SCHED_OTHER, 0));
    CALL(syscall(SYS_sched_setparam, 0, &priority));
    priority = 1;
    CALL(syscall(SYS_sched_setparam, 0, &priority));
    show_scheduler();
}

CASE(policies_refused)
{
    CALL(set_scheduler(0, SCHED_FIFO, 0));
    CALL(set_scheduler(0, SCHED_FIFO, 100));
    CALL(set_scheduler(0, SCHED_FIFO, -1));
    CALL(set_scheduler(0, SCHED_OTHER, 1));
    CALL(set_scheduler(0, 4, 0));
    CALL(set_scheduler(0, 77, 0));
    CALL(set_scheduler(0, -1, 0));
    CALL(set_scheduler(-1, SCHED_OTHER, 0));
    CALL(set_scheduler(0x7ffffff, SCHED_OTHER, 0));
    CALL(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL));
    CALL(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, (void *)8));
    CALL(syscall(SYS_sched_setscheduler, 0x7ffffff, SCHED_OTHER, (void *)8));
    CALL(syscall(SYS_sched_setparam, 0, NULL));
    CALL(syscall(SYS_sched_setparam, 0, (void *)8));
    CALL(syscall(SYS_sched_getparam, 0, NULL));
    CALL(syscall(SYS_sched_getparam, -1, (void *)8));
    CALL(syscall(SYS_sched_getparam, 0, (void *)8));
    struct timespec slice;
    CALL(syscall(SYS_sched_rr_get_interval, -1, &slice));
    CALL(syscall(SYS_sched_rr_get_interval, 0x7ffffff, &slice));
    CALL(syscall(SYS_sched_rr_get_interval, 0, (void *)8));
}

CASE(intervals)
{
    struct timespec slice = {-1, -1};
    CALL(syscall(SYS_sched_rr_get_interval, 0, &slice));
    TRUTH(slice.tv_sec == 0); /* which may be less than a tick */
    set_scheduler(0, SCHED_FIFO, 1);
    CALL(syscall(SYS_sched_rr_get_interval, 0, &slice));
    TRUTH(slice.tv_sec == 0 && slice.tv_nsec == 0);
    set_scheduler(0, SCHED_RR, 1);
    CALL(syscall(SYS_sched_rr_get_interval, 0, &slice));
    TRUTH(slice.tv_sec == 0 && slice.tv_nsec > 0);
}

/* --- rights --------------------------------------------------------------------------------- */

static void nobody_tries(void)
{
    CALL(set_scheduler(0, SCHED_FIFO, 1));
    CALL(set_scheduler(0, SCHED_BATCH, 0));
    CALL(set_scheduler(0, SCHED_OTHER, 0));
    CALL(set_scheduler(0, SCHED_IDLE, 0));
    CALL(set_scheduler(0, SCHED_IDLE, 0));
    CALL(set_scheduler(0, SCHED_BATCH, 0)); /* would get better */
    CALL(set_scheduler(getppid(), SCHED_OTHER, 0));
    CALL(setpriority(PRIO_PROCESS, 0, -1));
    CALL(setpriority(PRIO_PROCESS, 0, 3));
    CALL(setpriority(PRIO_PROCESS, 0, 2));
    CALL(setpriority(PRIO_PROCESS, getppid(), 3));
}

static void ordinary(void)
{
    set_limit(RLIMIT_NICE, 0);
    set_limit(RLIMIT_RTPRIO, 0);
    become_nobody();
    nobody_tries();
}

static void no_reset(void)
{
    become_nobody();
    CALL(set_scheduler(0, SCHED_OTHER | RESET_ON_FORK, 0));
    CALL(syscall(SYS_sched_getscheduler, 0));
    CALL(set_scheduler(0, SCHED_OTHER, 0));
    int priority = 0;
    CALL(syscall(SYS_sched_setparam, 0, &priority));
    CALL(syscall(SYS_sched_getscheduler, 0));
}

CASE(rights)
{
    in_child(ordinary);
    in_child(no_reset);
}

/* --- what children get ---------------------------------------------------------------------- */

static void show_place(void)
{
    show_scheduler();
    errno = 0;
    SHOW(getpriority(PRIO_PROCESS, 0));
}

CASE(inherited)
{
    set_scheduler(0, SCHED_BATCH, 0);
    setpriority(PRIO_PROCESS, 0, 7);
    in_child(show_place);
    set_scheduler(0, SCHED_RR, 3);
    in_child(show_place);
    set_scheduler(0, SCHED_RR | RESET_ON_FORK, 3);
    CALL(syscall(SYS_sched_getscheduler, 0));
    in_child(show_place);
    setpriority(PRIO_PROCESS, 0, -7);
    set_scheduler(0, SCHED_BATCH | RESET_ON_FORK, 0);
    in_child(show_place);
    setpriority(PRIO_PROCESS, 0, 9);
    in_child(show_place);
    set_scheduler(0, SCHED_BATCH, 0);
    show_place();
}

static void *thread_place(void *arg)
{
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 11); /* of this thread only */
    show_place();
    return arg;
}

CASE(threads_have_their_own)
{
    pthread_t thread;
    setpriority(PRIO_PROCESS, 0, 4);
    pthread_create(&thread, NULL, thread_place, NULL);
    pthread_join(thread, NULL);
    show_place();
}

/* --- struct sched_attr ---------------------------------------------------------------------- */

static void show_attr(unsigned size)
{
    struct attr attr;
    memset(&attr, 0xee, sizeof attr);
    CALL(syscall(SYS_sched_getattr, 0, &attr, size, 0));
    say("size %u policy %u flags %llx nice %d priority %u clamps %x %x\n", attr.size, attr.policy,
        (unsigned long long)attr.flags, attr.nice, attr.priority, attr.util_min, attr.util_max);
}

static long set_attr(struct attr attr)
{
    return syscall(SYS_sched_setattr, 0, &attr, 0);
}

CASE(attributes)
{
    show_attr(56);
    show_attr(48);
    CALL(set_attr((struct attr){.size = 48, .policy = SCHED_OTHER, .nice = 5}));
    show_attr(56);
    CALL(set_attr((struct attr){.policy = SCHED_BATCH, .nice = -30}));
    show_attr(56);
    CALL(set_attr((struct attr){.size = 56, .policy = SCHED_FIFO, .priority = 50, .nice = 3}));
    show_attr(56);
    CALL(set_attr((struct attr){.size = 56, .flags = 8 /* keep policy */, .priority = 51}));
    show_attr(56);
    CALL(set_attr((struct attr){.size = 56, .policy = SCHED_RR, .flags = 16 /* keep params */}));
    show_attr(56);
    CALL(set_attr((struct attr){.size = 56, .policy = SCHED_OTHER, .flags = 1, .nice = 2}));
    show_attr(56);
    CALL(set_attr((struct attr){.size = 56, .flags = 8 | 16}));
    show_attr(56);
    CALL(set_attr((struct attr){.size = 56, .policy = SCHED_IDLE, .nice = 19}));
    show_attr(56);
}

CASE(attributes_refused)
{
    struct attr attr = {.size = 47};
    CALL(syscall(SYS_sched_setattr, 0, &attr, 0));
    SHOW(attr.size);
    attr.size = 5000;
    CALL(syscall(SYS_sched_setattr, 0, &attr, 0));
    SHOW(attr.size);
    struct {
        struct attr attr;
        char more[8];
    } longer = {.attr.size = 64};
    CALL(syscall(SYS_sched_setattr, 0, &longer, 0));
    longer.more[7] = 1;
    CALL(syscall(SYS_sched_setattr, 0, &longer, 0));
    SHOW(longer.attr.size);
    CALL(set_attr((struct attr){.size = 56, .flags = 0x80}));
    CALL(set_attr((struct attr){.size = 56, .flags = 0x10000000}));
    CALL(set_attr((struct attr){.size = 56, .flags = 0x20}));
    CALL(set_attr((struct attr){.size = 48, .flags = 0x20}));
    CALL(set_attr((struct attr){.size = 56, .policy = SCHED_FIFO}));
    CALL(set_attr((struct attr){.size = 56, .policy = SCHED_FIFO, .priority = 100}));
    CALL(set_attr((struct attr){.size = 56, .policy = SCHED_OTHER, .priority = 1}));
    CALL(set_attr((struct attr){.size = 56, .policy = 6})); /* no time at all */
    CALL(set_attr((struct attr){.size = 56, .policy = 0xffffffff}));
    CALL(syscall(SYS_sched_setattr, 0, NULL, 0));
    CALL(syscall(SYS_sched_setattr, 0, (void *)8, 0));
    CALL(syscall(SYS_sched_setattr, -1, &attr, 0));
    CALL(syscall(SYS_sched_setattr, 0, &attr, 1));
    CALL(syscall(SYS_sched_getattr, 0, &attr, 47, 0));
    CALL(syscall(SYS_sched_getattr, 0, &attr, 5000, 0));
    CALL(syscall(SYS_sched_getattr, 0, &attr, 48, 1));
    CALL(syscall(SYS_sched_getattr, -1, &attr, 48, 0));
    CALL(syscall(SYS_sched_getattr, 0x7ffffff, &attr, 48, 0));
    CALL(syscall(SYS_sched_getattr, 0, NULL, 48, 0));
    CALL(syscall(SYS_sched_getattr, 0, (void *)8, 48, 0));
}

/* --- groups and users ----------------------------------------------------------------------- */

CASE(groups)
{
    pid_t first = start_idler(), second = start_idler();
    CALL(setpriority(PRIO_PGRP, 0, 6));
    SHOW(getpriority(PRIO_PROCESS, (id_t)first));
    SHOW(getpriority(PRIO_PROCESS, (id_t)second));
    CALL(setpriority(PRIO_PROCESS, (id_t)second, 3));
    SHOW(getpriority(PRIO_PGRP, 0));
    SHOW(getpriority(PRIO_PGRP, (id_t)getpgrp()));
    setpgid(second, second);
    SHOW(getpriority(PRIO_PGRP, 0));
    SHOW(getpriority(PRIO_PGRP, (id_t)second));
    CALL(getpriority(PRIO_PGRP, 0x7ffffff));
    CALL(getpriority(PRIO_PROCESS, 0x7ffffff));
    CALL(getpriority(7, 0));
    CALL(setpriority(-1, 0, 0));
    end_child(first);
    end_child(second);
}

static void user_4711(void)
{
    setresuid(4711, 4711, 4711);
    pid_t child = start_idler();
    CALL(setpriority(PRIO_USER, 0, 8));
    SHOW(getpriority(PRIO_PROCESS, (id_t)child));
    CALL(setpriority(PRIO_PROCESS, 0, 12));
    SHOW(getpriority(PRIO_USER, 0));
    SHOW(getpriority(PRIO_USER, 4711));
    SHOW(syscall(SYS_ioprio_get, 3, 0));
    end_child(child);
    SHOW(getpriority(PRIO_USER, 0));
    CALL(setpriority(PRIO_USER, 0, 0));
    CALL(getpriority(PRIO_USER, 4712));
}

CASE(users)
{
    in_child(user_4711);
    CALL(getpriority(PRIO_USER, 4711));
}

/* --- I/O priority --------------------------------------------------------------------------- */

static void show_io(void)
{
    SHOW(syscall(SYS_ioprio_get, 1, 0));
}

static void nobody_io(void)
{
    become_nobody();
    CALL(syscall(SYS_ioprio_set, 1, 0, 1 << 13));
    CALL(syscall(SYS_ioprio_set, 1, 0, 2 << 13));
    CALL(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
    CALL(syscall(SYS_ioprio_set, 1, getppid(), 3 << 13));
}

CASE(io_priorities)
{
    show_io();
    CALL(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7));
    show_io();
    in_child(show_io);
    CALL(syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 2));
    show_io();
    CALL(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
    show_io();
    CALL(syscall(SYS_ioprio_set, 1, 0, 1));
    CALL(syscall(SYS_ioprio_set, 1, 0, 4 << 13));
    CALL(syscall(SYS_ioprio_set, 1, 0, -1));
    CALL(syscall(SYS_ioprio_set, 0, 0, 2 << 13));
    CALL(syscall(SYS_ioprio_set, 4, 0, 2 << 13));
    CALL(syscall(SYS_ioprio_set, 1, 0x7ffffff, 2 << 13));
    CALL(syscall(SYS_ioprio_get, 0, 0));
    CALL(syscall(SYS_ioprio_get, 1, 0x7ffffff));
    CALL(syscall(SYS_ioprio_set, 1, 0, 0));
    show_io();
    setpgid(0, 0);
    SHOW(syscall(SYS_ioprio_get, 2, 0)); /* what counts */
    setpriority(PRIO_PROCESS, 0, 19);
    SHOW(syscall(SYS_ioprio_get, 2, 0));
    set_scheduler(0, SCHED_RR, 1);
    SHOW(syscall(SYS_ioprio_get, 2, 0) >> 13);
    set_scheduler(0, SCHED_IDLE, 0);
    SHOW(syscall(SYS_ioprio_get, 2, 0) >> 13);
    in_child(nobody_io);
}

/* --- affinity ------------------------------------------------------------------------------- */

static bool on_each_allowed_cpu(void)
{
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (CPU_ISSET(cpu, &all) &&
            (sched_setaffinity(0, sizeof one, &one) != 0 || sched_getcpu() != cpu)) {
            return false;
        }
    }
    return sched_setaffinity(0, sizeof all, &all) == 0;
}

static void show_count(void)
{
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    SHOW(CPU_COUNT(&set));
    SHOW(sched_getcpu());
}

static void nobody_moves(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    become_nobody();
    CALL(sched_setaffinity(0, sizeof one, &one));
    CALL(sched_setaffinity(getppid(), sizeof one, &one));
    CALL(sched_getaffinity(getppid(), sizeof one, &one));
}

CASE(affinity)
{
    static unsigned long set[512], two[512];
    TRUTH(on_each_allowed_cpu());
    long size = syscall(SYS_sched_getaffinity, 0, sizeof set, set);
    TRUTH(size >= 8 && size % 8 == 0 && size <= 32);
    TRUTH(syscall(SYS_sched_getaffinity, 0, size, set) == size);
    CALL(syscall(SYS_sched_getaffinity, 0, size + 1, set));
    CALL(syscall(SYS_sched_getaffinity, 0, 0, set));
    CALL(syscall(SYS_sched_getaffinity, 0, 4, set));
    CALL(syscall(SYS_sched_getaffinity, 0x7ffffff, sizeof set, set));
    CALL(syscall(SYS_sched_getaffinity, 0, sizeof set, (void *)8));
    CALL(syscall(SYS_sched_setaffinity, 0, 0, set));
    CALL(syscall(SYS_sched_setaffinity, 0, sizeof set, (void *)8));
    CALL(syscall(SYS_sched_setaffinity, 0x7ffffff, sizeof set, set));
    two[511] = ~0ul; /* CPUs that no machine has, beyond what is read */
    CALL(syscall(SYS_sched_setaffinity, 0, sizeof two, two));
    two[0] = 1;
    CALL(syscall(SYS_sched_setaffinity, 0, sizeof two, two));
    show_count();
    in_child(show_count);
    char byte = 1; /* fewer bytes than a word */
    CALL(syscall(SYS_sched_setaffinity, 0, 1, &byte));
    show_count();
    in_child(nobody_moves);
}

static void *pinned(void *arg)
{
    cpu_set_t set;
    pthread_getaffinity_np(pthread_self(), sizeof set, &set);
    SHOW(CPU_COUNT(&set));
    return arg;
}

CASE(threads_inherit_affinity)
{
    pthread_t thread;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    CALL(sched_setaffinity(0, sizeof one, &one));
    pthread_create(&thread, NULL, pinned, NULL);
    pthread_join(thread, NULL);
}

/* --- /proc ---------------------------------------------------------------------------------- */

/* Fields of /proc/self/stat by proc(5)'s numbers. */
static void show_stat_fields(void)
{
    char text[2048] = "";
    int fd = open("/proc/self/stat", O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *at = strrchr(text, ')');
    int field = 2;
    for (char *word = strtok(at + 1, " "); word != NULL; word = strtok(NULL, " ")) {
        field++;
        if (field == 18 || field == 19 || field == 39 || field == 40 || field == 41) {
            say("field %d: %s\n", field, word);
        }
    }
}

static void show_line(const char *file, const char *prefix)
{
    char line[256];
    FILE *stream = fopen(file, "r");
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        if (strncmp(line, prefix, strlen(prefix)) == 0) {
            say("%s", line);
        }
    }
    if (stream != NULL) {
        fclose(stream);
    }
}

CASE(in_proc)
{
    char byte = 1;
    syscall(SYS_sched_setaffinity, 0, 1, &byte);
    show_line("/proc/self/status", "Cpus_allowed_list");
    show_stat_fields();
    setpriority(PRIO_PROCESS, 0, 5);
    show_stat_fields();
    set_scheduler(0, SCHED_IDLE, 0);
    show_stat_fields();
    show_line("/proc/self/sched", "prio");
    show_line("/proc/self/sched", "policy");
    set_scheduler(0, SCHED_FIFO, 42);
    show_stat_fields();
    show_line("/proc/self/sched", "prio");
    show_line("/proc/self/sched", "policy");
}

int main(void)
{
    return RUN(ENTRY(policies), ENTRY(policies_refused), ENTRY(intervals), ENTRY(rights),
               ENTRY(inherited), ENTRY(threads_have_their_own), ENTRY(attributes),
               ENTRY(attributes_refused), ENTRY(groups), ENTRY(users), ENTRY(io_priorities),
               ENTRY(affinity), ENTRY(threads_inherit_affinity), ENTRY(in_proc));
}
