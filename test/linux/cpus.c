/* SPDX-License-Identifier: BSD-2-Clause */
/* What threads know of the CPU they are on: getcpu(2), rseq(2), membarrier(2), the vDSO. */
#include "test/linux/check.h"

#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/time.h>

enum { SIGNATURE = 0x53053053 };

struct rseq_area {
    uint32_t cpu_id_start, cpu_id;
    uint64_t sequence;
    uint32_t flags, pad[3];
} __attribute__((aligned(32)));
struct rseq_sequence {
    uint32_t version, flags;
    uint64_t start, size, abort;
} __attribute__((aligned(32)));

static struct rseq_area area, other_area;
static long rseq(void *at, unsigned size, int flags, unsigned signature)
{
    return syscall(SYS_rseq, at, size, flags, signature);
}

static unsigned cpu_now(void)
{
    unsigned cpu = ~0u;
    syscall(SYS_getcpu, &cpu, NULL, NULL);
    return cpu;
}
static void go_to_cpu(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        say("sched_setaffinity: %s\n", error_name(errno));
    }
}
/* The highest and the lowest CPU that this thread may use. */
static unsigned last_cpu(void)
{
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    for (unsigned cpu = CPU_SETSIZE; cpu-- > 0;) {
        if (CPU_ISSET(cpu, &set)) {
            return cpu;
        }
    }
    return 0;
}
static unsigned first_cpu(void)
{
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            return cpu;
        }
    }
    return 0;
}

/* --- getcpu --------------------------------------------------------------------------------------
 */

/* A function of the vDSO, by name. */
static void *vdso_function(const char *name)
{
    const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
    if (!base) {
        return NULL;
    }
    const Elf64_Ehdr *header = (const void *)base;
    const Elf64_Phdr *ph = (const void *)(base + header->e_phoff);
    const Elf64_Dyn *dyn = NULL;
    uintptr_t bias = 0;
    for (int i = 0; i < header->e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD) {
            bias = (uintptr_t)base + ph[i].p_offset - ph[i].p_vaddr;
        } else if (ph[i].p_type == PT_DYNAMIC) {
            dyn = (const void *)(base + ph[i].p_offset);
        }
    }
    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    const uint32_t *hash = NULL, *gnu = NULL;
    for (; dyn && dyn->d_tag; dyn++) {
        void *at = (void *)(bias + dyn->d_un.d_ptr);
        if (dyn->d_tag == DT_SYMTAB) {
            symbols = at;
        } else if (dyn->d_tag == DT_STRTAB) {
            strings = at;
        } else if (dyn->d_tag == DT_HASH) {
            hash = at;
        } else if (dyn->d_tag == DT_GNU_HASH) {
            gnu = at;
        }
    }
    /* Where there is no old table, names and their number come from the new one's last chain. */
    uint32_t count = hash ? hash[1] : 0;
    if (!hash && gnu) {
        const uint32_t *buckets = gnu + 4 + gnu[2] * 2, *chain = buckets + gnu[0];
        for (uint32_t b = 0; b < gnu[0]; b++) {
            count = buckets[b] > count ? buckets[b] : count;
        }
        while (count && !(chain[count++ - gnu[1]] & 1)) {
        }
    }
    for (uint32_t i = 0; symbols && i < count; i++) {
        if (!strcmp(strings + symbols[i].st_name, name) && symbols[i].st_shndx) {
            return (void *)(bias + symbols[i].st_value);
        }
    }
    return NULL;
}

CASE(getcpu_arguments)
{
    unsigned cpu, node = 99;
    CALL(syscall(SYS_getcpu, &cpu, &node, NULL));
    SHOW(node);
    CALL(syscall(SYS_getcpu, NULL, NULL, NULL));
    CALL(syscall(SYS_getcpu, &cpu, NULL, (void *)8));
    CALL(syscall(SYS_getcpu, (void *)8, NULL, NULL));
    CALL(syscall(SYS_getcpu, NULL, (void *)8, NULL));
}

CASE(getcpu_of_the_vdso)
{
    long (*getcpu_)(unsigned *, unsigned *, void *) = vdso_function("__vdso_getcpu");
    TRUTH(getcpu_ != NULL);
    unsigned cpus[] = {last_cpu(), first_cpu(), last_cpu()};
    bool same = true;
    for (size_t i = 0; getcpu_ && i < 3; i++) {
        unsigned cpu = ~0u, node = 99;
        go_to_cpu(cpus[i]);
        same = same && getcpu_(&cpu, &node, NULL) == 0 && cpu == cpus[i] && cpu == cpu_now() &&
               node == 0;
        i == 0 ? (void)sched_setaffinity(0, sizeof(cpu_set_t), &(cpu_set_t){{~0ul}}) : (void)0;
    }
    TRUTH(same);
    SHOW(getcpu_(NULL, NULL, NULL));
}

CASE(names_of_the_vdso)
{
    static const char *const names[] = {"__vdso_clock_gettime",
                                        "__vdso_gettimeofday",
                                        "__vdso_time",
                                        "__vdso_getcpu",
                                        "clock_gettime",
                                        "gettimeofday",
                                        "time",
                                        "getcpu",
                                        "nothing"};
    for (size_t i = 0; i < COUNT(names); i++) {
        say("%s: %s\n", names[i], vdso_function(names[i]) ? "yes" : "no");
    }
}

CASE(sched_getcpu_after_moving)
{
    bool right = true;
    unsigned first = first_cpu(), last = last_cpu();
    for (int i = 0; i < 20; i++) {
        unsigned cpu = i % 2 ? first : last;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        right = right && sched_setaffinity(0, sizeof set, &set) == 0 && cpu_now() == cpu;
    }
    TRUTH(right);
}

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

/* --- membarrier
 * ------------------------------------------------------------------------------------ */

static long membarrier(int command, unsigned flags, int cpu)
{
    return syscall(SYS_membarrier, command, flags, cpu);
}

CASE(membarrier_commands)
{
    SHOW(membarrier(0, 0, 0) & 0x1ff);
    CALL(membarrier(0, 1, 0));
    CALL(membarrier(8, 0, 0));
    CALL(membarrier(32, 0, 0));
    CALL(membarrier(128, 0, 0));
    CALL(membarrier(128, 1, 0));
    CALL(membarrier(128, 2, 0));
    CALL(membarrier(2, 0, 0));
    CALL(membarrier(1, 0, 0));
    for (int command = 4; command <= 256; command *= 4) {
        CALL(membarrier(command, 1, 0));
        CALL(membarrier(command, 0, 0));
        CALL(membarrier(command, 0, 0));
    }
    CALL(membarrier(2, 0, 0));
    CALL(membarrier(8, 0, 0));
    CALL(membarrier(8, 1, 0));
    CALL(membarrier(32, 0, 0));
    CALL(membarrier(128, 0, 0));
    CALL(membarrier(128, 1, 0));
    CALL(membarrier(128, 1, 100000));
    CALL(membarrier(128, 1, -1));
    CALL(membarrier(3, 0, 0));
    CALL(membarrier(-1, 0, 0));
    CALL(membarrier(1 << 20, 0, 0));
}

static void *registered(void *arg)
{
    (void)arg;
    CALL(membarrier(8, 0, 0));
    return NULL;
}
CASE(membarrier_registration_is_of_the_program)
{
    static char path[PATH_MAX];
    pthread_t t;
    pid_t pid;
    readlink("/proc/self/exe", path, sizeof path - 1);
    membarrier(16, 0, 0);
    pthread_create(&t, NULL, registered, NULL);
    pthread_join(t, NULL);
    CHILD(pid)
    {
        CALL(membarrier(8, 0, 0));
    }
    say_end("child", pid);
    CHILD(pid)
    {
        char *argv[] = {"after-exec", NULL};
        execve(path, argv, argv + 1);
    }
    say_end("program", pid);
}

static volatile int ping, pong;
static void *run_on(void *arg)
{
    (void)arg;
    while (!stop_spinning) {
        ping++;
    }
    return NULL;
}
CASE(membarrier_while_others_run)
{
    pthread_t t[3];
    membarrier(16, 0, 0);
    membarrier(64, 0, 0);
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_create(&t[i], NULL, run_on, NULL);
    }
    long bad = 0;
    for (int i = 0; i < 200; i++) {
        bad += membarrier(8, 0, 0) != 0;
        bad += membarrier(32, 0, 0) != 0;
        bad += membarrier(2, 0, 0) != 0;
    }
    stop_spinning = 1;
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(bad);
}

/* Store, barrier, load on two sides, one of them without an instruction for it: both never see the
 * old value. */
static volatile int x, y, seen_y, go, finished;
static void *light_side(void *arg)
{
    (void)arg;
    for (int round = 1; round <= 300; round++) {
        while (go != round) {
        }
        x = round;
        __asm__ volatile("" : : : "memory");
        seen_y = y;
        __atomic_store_n(&finished, round, __ATOMIC_RELEASE);
    }
    return NULL;
}
CASE(membarrier_orders_the_light_side)
{
    pthread_t t;
    int both_old = 0;
    membarrier(16, 0, 0);
    pthread_create(&t, NULL, light_side, NULL);
    for (int round = 1; round <= 300; round++) {
        go = round;
        y = round;
        membarrier(8, 0, 0);
        int seen_x = x;
        while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) != round) {
            sched_yield();
        }
        both_old += seen_x != round && seen_y != round;
    }
    pthread_join(t, NULL);
    SHOW(both_old);
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
        CALL(rseq(&area, sizeof area, 0, SIGNATURE));
        CALL(membarrier(8, 0, 0));
        return 5;
    }
    return RUN(ENTRY(getcpu_arguments), ENTRY(getcpu_of_the_vdso), ENTRY(names_of_the_vdso),
               ENTRY(sched_getcpu_after_moving), ENTRY(register_and_unregister),
               ENTRY(bad_registrations),
               ENTRY(fork_inherits_and_exec_does_not), ENTRY(each_thread_for_itself),
               ENTRY(cpu_id_follows_the_thread), ENTRY(sequence_that_ends_by_itself),
               ENTRY(signal_aborts_a_sequence), ENTRY(preemption_aborts_a_sequence),
               ENTRY(moving_aborts_a_sequence), ENTRY(bad_descriptions_kill),
               ENTRY(description_that_is_not_mapped_kills), ENTRY(area_that_goes_away_kills),
               ENTRY(counters_of_cpus), ENTRY(membarrier_commands),
               ENTRY(membarrier_registration_is_of_the_program), ENTRY(membarrier_while_others_run),
               ENTRY(membarrier_orders_the_light_side), ENTRY(membarrier_aborts_sequences));
}
