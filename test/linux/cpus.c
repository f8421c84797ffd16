/* SPDX-License-Identifier: BSD-2-Clause */
/* What threads know of the CPU they are on: getcpu(2), the vDSO; and membarrier(2). */
#include "test/linux/cpus.h"

#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>

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

/* --- membarrier
 * ------------------------------------------------------------------------------------ */

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

static volatile int stop_spinning, ping, pong;
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

int main(int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "after-exec")) {
        return after_exec();
    }
    return RUN(ENTRY(getcpu_arguments), ENTRY(getcpu_of_the_vdso), ENTRY(names_of_the_vdso),
               ENTRY(sched_getcpu_after_moving), ENTRY(membarrier_commands),
               ENTRY(membarrier_registration_is_of_the_program), ENTRY(membarrier_while_others_run),
               ENTRY(membarrier_orders_the_light_side));
}
