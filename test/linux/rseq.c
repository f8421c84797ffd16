/* SPDX-License-Identifier: BSD-2-Clause */
/* rseq(2): registration, and sequences that are aborted. */
#include "test/linux/cpus.h"

#include <pthread.h>
#include <sys/time.h>

/* --- rseq: registration --------------------------------------------------------------------------
 */

CASE(register_and_unregister)
{
    area.cpu_id = 77;
    CALL(rseq(&area, sizeof area, 0, SIGNATURE));
    TRUTH(area.cpu_id == cpu_now() || last_cpu() > 0);
    TRUTH(area.cpu_id < 1024);
    TRUTH(area.cpu_id_start < 1024);
    CALL(rseq(&area, sizeof area, 0, SIGNATURE));
    CALL(rseq(&area, sizeof area, 0, SIGNATURE + 1));
    CALL(rseq(&other_area, sizeof area, 0, SIGNATURE));
    CALL(rseq(&area, sizeof area, 1, SIGNATURE + 1));
    CALL(rseq(&other_area, sizeof area, 1, SIGNATURE));
    CALL(rseq(&area, sizeof area, 1, SIGNATURE));
    SHOW((int)area.cpu_id);
    SHOW(area.cpu_id_start);
    CALL(rseq(&area, sizeof area, 1, SIGNATURE));
    CALL(rseq(&other_area, sizeof area, 0, 0));
}

CASE(bad_registrations)
{
    CALL(rseq(&area, 31, 0, SIGNATURE));
    CALL(rseq(&area, 0, 0, SIGNATURE));
    CALL(rseq(&area, sizeof area, 2, SIGNATURE));
    CALL(rseq(&area, sizeof area, -1, SIGNATURE));
    CALL(rseq((char *)&area + 4, sizeof area, 0, SIGNATURE));
    CALL(rseq((void *)0xffff888000000000ul, sizeof area, 0, SIGNATURE));
    CALL(rseq(NULL, sizeof area, 1, SIGNATURE));
}

CASE(fork_inherits_and_exec_does_not)
{
    static char path[PATH_MAX];
    readlink("/proc/self/exe", path, sizeof path - 1);
    rseq(&area, sizeof area, 0, SIGNATURE);
    pid_t pid;
    CHILD(pid)
    {
        CALL(rseq(&area, sizeof area, 0, SIGNATURE));
        CALL(rseq(&area, sizeof area, 1, SIGNATURE));
    }
    say_end("child", pid);
    CHILD(pid)
    {
        char *argv[] = {"after-exec", NULL};
        execve(path, argv, argv + 1);
    }
    say_end("program", pid);
}

static void *register_in_thread(void *arg)
{
    (void)arg;
    CALL(rseq(&area, sizeof area, 1, SIGNATURE));
    CALL(rseq(&other_area, sizeof area, 0, SIGNATURE));
    return NULL;
}
CASE(each_thread_for_itself)
{
    pthread_t t;
    rseq(&area, sizeof area, 0, SIGNATURE);
    pthread_create(&t, NULL, register_in_thread, NULL);
    pthread_join(t, NULL);
    CALL(rseq(&area, sizeof area, 1, SIGNATURE));
}

CASE(cpu_id_follows_the_thread)
{
    volatile struct rseq_area *a = &area;
    unsigned first = first_cpu(), last = last_cpu();
    bool right = true;
    rseq(&area, sizeof area, 0, SIGNATURE);
    for (int i = 0; i < 20; i++) {
        unsigned cpu = i % 2 ? first : last;
        go_to_cpu(cpu);
        right = right && a->cpu_id == cpu && a->cpu_id_start == cpu;
    }
    TRUTH(right);
}

/* --- rseq: sequences
 * ------------------------------------------------------------------------------ */

/*
 * Announces a sequence and spins in it until it is aborted or *stop is set: 1: aborted. The word
 * before the abort address is the signature.
 */
__attribute__((noinline)) static int spin_in_sequence(struct rseq_area *a, volatile int *stop,
                                                      const struct rseq_sequence *given)
{
    int aborted;
    __asm__ volatile("leaq 9f(%%rip), %%rax\n\t"
                     "testq %3, %3\n\t"
                     "cmovnzq %3, %%rax\n\t"
                     "movl $0, %0\n\t"
                     "movq %%rax, 8(%1)\n"
                     "1:\n\t" /* the sequence */
                     "pause\n\t"
                     "cmpl $0, (%2)\n\t"
                     "je 1b\n"
                     "2:\n\t"
                     "jmp 5f\n\t"
                     ".long 0x53053053\n"
                     "4:\n\t"
                     "movl $1, %0\n\t"
                     "jmp 5f\n\t"
                     ".pushsection .data.rseq, \"aw\"\n\t"
                     ".balign 32\n"
                     "9:\n\t"
                     ".long 0, 0\n\t"
                     ".quad 1b, 2b - 1b, 4b\n\t"
                     ".popsection\n"
                     "5:"
                     : "=&r"(aborted)
                     : "r"(a), "r"(stop), "r"(given)
                     : "rax", "memory", "cc");
    return aborted;
}

/* How to get the sequence's own description, to spoil it. */
static struct rseq_sequence *description(struct rseq_area *a)
{
    volatile int stop = 1;
    a->sequence = 0;
    (void)spin_in_sequence(a, &stop, NULL);
    return (struct rseq_sequence *)a->sequence;
}

static volatile int stop_spinning, never;
static volatile sig_atomic_t handled, sequence_in_handler;
static void on_signal(int sig)
{
    (void)sig;
    handled++;
    sequence_in_handler = area.sequence != 0;
}
static void signal_me_soon(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval soon = {{0, 20000}, {0, 20000}};
    sigaction(SIGALRM, &action, NULL);
    alarm(0);
    setitimer(0, &soon, NULL);
}

CASE(sequence_that_ends_by_itself)
{
    volatile int stop = 1;
    rseq(&area, sizeof area, 0, SIGNATURE);
    SHOW(spin_in_sequence(&area, &stop, NULL));
}

CASE(signal_aborts_a_sequence)
{
    rseq(&area, sizeof area, 0, SIGNATURE);
    signal_me_soon();
    SHOW(spin_in_sequence(&area, &never, NULL));
    SHOW(area.sequence);
    SHOW(sequence_in_handler);
}

static int stay; /* the CPU for both */
static void *run_on_it(void *arg)
{
    (void)arg;
    go_to_cpu((unsigned)stay);
    for (long long end = now_ns() + 30000000; now_ns() < end;) {
    }
    return NULL;
}
CASE(preemption_aborts_a_sequence)
{
    pthread_t t;
    rseq(&area, sizeof area, 0, SIGNATURE);
    stay = (int)first_cpu();
    go_to_cpu((unsigned)stay);
    /* The other one has to get the same CPU, while this one spins. */
    pthread_create(&t, NULL, run_on_it, NULL);
    SHOW(spin_in_sequence(&area, &never, NULL));
    pthread_join(t, NULL);
    SHOW(area.sequence);
}

static void *move_it(void *arg)
{
    int tid = *(int *)arg;
    unsigned cpus[2] = {first_cpu(), last_cpu()};
    for (int i = 0; !stop_spinning; i++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpus[i % 2], &set);
        sched_setaffinity(tid, sizeof set, &set);
        sched_yield();
    }
    return NULL;
}
CASE(moving_aborts_a_sequence)
{
    pthread_t t;
    int tid = (int)syscall(SYS_gettid);
    rseq(&area, sizeof area, 0, SIGNATURE);
    pthread_create(&t, NULL, move_it, &tid);
    SHOW(spin_in_sequence(&area, &never, NULL));
    stop_spinning = 1;
    pthread_join(t, NULL);
}

/* Each bad description, met by a signal inside or outside of the sequence, is the program's end. */
static void with_bad(const char *what, void (*spoil)(struct rseq_sequence *))
{
    pid_t pid;
    CHILD(pid)
    {
        struct rseq_sequence bad = *description(&area);
        spoil(&bad);
        rseq(&area, sizeof area, 0, SIGNATURE);
        signal_me_soon();
        int aborted = spin_in_sequence(&area, &never, &bad);
        say("aborted: %d\n", aborted);
    }
    say_end(what, pid);
}
static void nothing(struct rseq_sequence *s)
{
    (void)s;
}
static void version(struct rseq_sequence *s)
{
    s->version = 1;
}
static void abort_inside(struct rseq_sequence *s)
{
    s->abort = s->start + 1;
}
static void abort_kernel(struct rseq_sequence *s)
{
    s->abort = 0xffffffff81000000ul;
}
static void abort_unmapped(struct rseq_sequence *s)
{
    s->abort = 0x3000;
}
static void no_signature(struct rseq_sequence *s)
{
    s->abort += 2;
}
static void start_kernel(struct rseq_sequence *s)
{
    s->start = 0xffffffff81000000ul;
}
static void too_long(struct rseq_sequence *s)
{
    s->size = ~0ul;
}
static void flags_set(struct rseq_sequence *s)
{
    s->flags = 8;
}
CASE(bad_descriptions_kill)
{
    with_bad("good", nothing);
    with_bad("version", version);
    with_bad("abort inside", abort_inside);
    with_bad("abort in the kernel", abort_kernel);
    with_bad("abort not mapped", abort_unmapped);
    with_bad("no signature", no_signature);
    with_bad("start in the kernel", start_kernel);
    with_bad("too long", too_long);
    with_bad("flags", flags_set);
}

CASE(description_that_is_not_mapped_kills)
{
    pid_t pid;
    CHILD(pid)
    {
        rseq(&area, sizeof area, 0, SIGNATURE);
        signal_me_soon();
        (void)spin_in_sequence(&area, &never, (void *)0x2000);
    }
    say_end("unmapped", pid);
    CHILD(pid)
    {
        rseq(&area, sizeof area, 0, SIGNATURE);
        signal_me_soon();
        (void)spin_in_sequence(&area, &never, (void *)0xffffffff81000000ul);
    }
    say_end("kernel", pid);
}

CASE(area_that_goes_away_kills)
{
    pid_t pid;
    CHILD(pid)
    {
        struct rseq_area *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                   -1, 0);
        rseq(a, sizeof *a, 0, SIGNATURE);
        munmap(a, 4096);
        signal_me_soon();
        while (!handled) {
        }
        say("still there\n");
    }
    say_end("child", pid);
}

/* Threads count per CPU without atomic instructions; nothing may get lost. */
struct slot {
    volatile long count;
    char pad[56];
};
static struct slot slots[1024];
static void *count_per_cpu(void *arg)
{
    static __thread struct rseq_area mine;
    (void)arg;
    if (rseq(&mine, sizeof mine, 0, SIGNATURE)) {
        say("rseq: %s\n", error_name(errno));
        return NULL;
    }
    for (long done = 0; done < 20000;) {
        long added;
        __asm__ volatile("leaq 9f(%%rip), %%rax\n\t"
                         "xorl %k0, %k0\n\t"
                         "movq %%rax, 8(%1)\n"
                         "1:\n\t"
                         "movl 4(%1), %%eax\n\t"
                         "shlq $6, %%rax\n\t"
                         "movq (%2, %%rax), %%rcx\n\t"
                         "incq %%rcx\n\t"
                         "movq %%rcx, (%2, %%rax)\n"
                         "2:\n\t"
                         "movl $1, %k0\n\t"
                         "jmp 5f\n\t"
                         ".long 0x53053053\n"
                         "4:\n\t"
                         "jmp 5f\n\t"
                         ".pushsection .data.rseq, \"aw\"\n\t"
                         ".balign 32\n"
                         "9:\n\t"
                         ".long 0, 0\n\t"
                         ".quad 1b, 2b - 1b, 4b\n\t"
                         ".popsection\n"
                         "5:"
                         : "=&r"(added)
                         : "r"(&mine), "r"(slots)
                         : "rax", "rcx", "memory", "cc");
        done += added;
    }
    rseq(&mine, sizeof mine, 1, SIGNATURE);
    return NULL;
}
CASE(counters_of_cpus)
{
    pthread_t t[6];
    long sum = 0;
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_create(&t[i], NULL, count_per_cpu, NULL);
    }
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_join(t[i], NULL);
    }
    for (size_t i = 0; i < COUNT(slots); i++) {
        sum += slots[i].count;
    }
    SHOW(sum);
}

CASE(membarrier_aborts_sequences)
{
    SHOW(membarrier(256, 0, 0));
    rseq(&area, sizeof area, 0, SIGNATURE);
    SHOW(membarrier(128, 0, 0));
    SHOW(membarrier(128, 1, (int)cpu_now()));
    SHOW(area.sequence);
}

int main(int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "after-exec")) {
        return after_exec();
    }
    return RUN(ENTRY(register_and_unregister), ENTRY(bad_registrations),
               ENTRY(fork_inherits_and_exec_does_not), ENTRY(each_thread_for_itself),
               ENTRY(cpu_id_follows_the_thread), ENTRY(sequence_that_ends_by_itself),
               ENTRY(signal_aborts_a_sequence), ENTRY(preemption_aborts_a_sequence),
               ENTRY(moving_aborts_a_sequence), ENTRY(bad_descriptions_kill),
               ENTRY(description_that_is_not_mapped_kills), ENTRY(area_that_goes_away_kills),
               ENTRY(counters_of_cpus), ENTRY(membarrier_aborts_sequences));
}
