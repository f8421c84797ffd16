/* SPDX-License-Identifier: BSD-2-Clause */
/* What the system says of itself: uname, limits, random numbers, priorities, prctl, affinity. */
#include "test/linux/check.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

CASE(names_of_the_system)
{
    struct utsname name;
    CALL(uname(&name));
    say("%s %s\n", name.sysname, name.machine);
    TRUTH(name.release[0] >= '3' && name.release[0] <= '9');
    CALL(syscall(SYS_uname, 8));
    static char big[100];
    CALL(sethostname(big, 65));
    CALL(sethostname(big, (size_t)-1));
    CALL(syscall(SYS_sethostname, 8, 5));
}

CASE(random_numbers)
{
    static unsigned char a[64], b[64];
    CALL(getrandom(a, sizeof a, 0));
    CALL(getrandom(b, sizeof b, GRND_NONBLOCK));
    TRUTH(memcmp(a, b, sizeof a) != 0);
    CALL(getrandom(a, 0, 0));
    CALL(getrandom(a, 8, 0x40));
    CALL(syscall(SYS_getrandom, 8, 8, 0));
    CALL(getrandom(malloc(100000), 100000, 0));
}

static void show_limit(const char *name, int what)
{
    struct rlimit r;
    if (getrlimit(what, &r)) {
        say("%s: %s\n", name, error_name(errno));
    } else {
        say("%s: %ld %ld\n", name, (long)r.rlim_cur, (long)r.rlim_max);
    }
}

CASE(limits)
{
    show_limit("NOFILE", RLIMIT_NOFILE);
    show_limit("STACK", RLIMIT_STACK);
    show_limit("CORE", RLIMIT_CORE);
    show_limit("AS", RLIMIT_AS);
    show_limit("FSIZE", RLIMIT_FSIZE);
    show_limit("99", 99);
    struct rlimit r = {100, 50};
    CALL(setrlimit(RLIMIT_NOFILE, &r));
    r = (struct rlimit){50, 100};
    CALL(setrlimit(RLIMIT_NOFILE, &r));
    show_limit("NOFILE", RLIMIT_NOFILE);
    CALL(setrlimit(99, &r));
    pid_t pid;
    CHILD(pid)
    {
        setuid(1000);
        r = (struct rlimit){50, 101};
        CALL(setrlimit(RLIMIT_NOFILE, &r));
        r = (struct rlimit){20, 30};
        CALL(setrlimit(RLIMIT_NOFILE, &r));
        show_limit("NOFILE", RLIMIT_NOFILE);
    }
    waitpid(pid, NULL, 0);
    CALL(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL));
    CALL(syscall(SYS_prlimit64, 0x7ffffff, RLIMIT_NOFILE, NULL, &r));
    CALL(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 8, NULL));
}

CASE(limit_of_processes)
{
    chmod(".", 0777);
    pid_t pid;
    CHILD(pid)
    {
        struct rlimit r = {1, 1};
        setrlimit(RLIMIT_NPROC, &r);
        setgid(4321);
        setuid(4321);
        CALL(fork());
    }
    say_end("child", pid);
}

CASE(limit_of_the_stack)
{
    pid_t pid;
    CHILD(pid)
    {
        volatile char room[4 << 20];
        for (size_t i = sizeof room; i > 0; i -= 4096) {
            room[i - 1] = 1;
        }
        say("4 MiB are fine: %d\n", room[4095]);
    }
    say_end("child", pid);
}

CASE(about_the_machine)
{
    struct sysinfo info;
    CALL(sysinfo(&info));
    TRUTH(info.totalram > 0 && info.freeram <= info.totalram);
    TRUTH(info.procs > 0);
    TRUTH(info.mem_unit >= 1);
    CALL(syscall(SYS_sysinfo, 8));
}

CASE(priorities)
{
    errno = 0;
    CALL(getpriority(PRIO_PROCESS, 0));
    CALL(setpriority(PRIO_PROCESS, 0, 5));
    CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    CALL(setpriority(PRIO_PROCESS, 0, 100));
    CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    CALL(syscall(SYS_getpriority, 9, 0));
    CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0x7ffffff));
    pid_t pid;
    CHILD(pid)
    {
        CALL(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    }
    waitpid(pid, NULL, 0);
}

CASE(scheduling)
{
    CALL(syscall(SYS_sched_getscheduler, 0));
    CALL(syscall(SYS_sched_getscheduler, 0x7ffffff));
    CALL(syscall(SYS_sched_getscheduler, -1));
    CALL(syscall(SYS_sched_get_priority_max, SCHED_FIFO));
    CALL(syscall(SYS_sched_get_priority_min, SCHED_FIFO));
    CALL(syscall(SYS_sched_get_priority_max, SCHED_OTHER));
    CALL(syscall(SYS_sched_get_priority_max, 99));
    struct sched_param param = {.sched_priority = 7};
    CALL(syscall(SYS_sched_getparam, 0, &param));
    SHOW(param.sched_priority);
    CALL(sched_yield());
}

CASE(affinity)
{
    unsigned long mask[16] = {0}, one[16] = {0};
    TRUTH(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask) > 0);
    TRUTH(mask[0] != 0);
    CALL(syscall(SYS_sched_getaffinity, 0, 1, mask));
    CALL(syscall(SYS_sched_getaffinity, 0x7ffffff, sizeof mask, mask));
    CALL(syscall(SYS_sched_setaffinity, 0, sizeof one, one));
    one[0] = 1;
    CALL(syscall(SYS_sched_setaffinity, 0, sizeof one, one));
    unsigned cpu = 99, node = 99;
    CALL(syscall(SYS_getcpu, &cpu, &node, NULL));
    say("cpu %u node %u\n", cpu, node);
}

CASE(names_of_threads)
{
    char name[32] = "";
    CALL(prctl(PR_SET_NAME, "a name that is too long"));
    CALL(prctl(PR_GET_NAME, name));
    say("%s\n", name);
    CALL(prctl(PR_SET_NAME, 8));
    CALL(prctl(12345, 0, 0, 0, 0));
    CALL(prctl(PR_GET_PDEATHSIG, name));
    CALL(prctl(PR_SET_PDEATHSIG, 99));
    CALL(prctl(PR_GET_DUMPABLE));
    CALL(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CALL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

CASE(signal_when_the_parent_dies)
{
    int p[2], q[2];
    pipe(p);
    pipe(q);
    pid_t pid;
    CHILD(pid)
    {
        pid_t inner;
        CHILD(inner)
        {
            close(p[0]);
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            pass(q[1]);
            pause();
        }
        await(q[0]);
    }
    close(p[1]);
    say_end("parent", pid);
    char c;
    CALL(read(p[0], &c, 1)); /* the end, when the child is gone */
}

CASE(a_parent_for_orphans)
{
    int p[2];
    pipe(p);
    CALL(prctl(PR_SET_CHILD_SUBREAPER, 1));
    pid_t pid;
    CHILD(pid)
    {
        pid_t inner;
        CHILD(inner)
        {
            close(p[1]);
            await(p[0]);
            _exit(77);
        }
    }
    say_end("child", pid);
    close(p[1]);
    int status = 0;
    TRUTH(wait(&status) > 0);
    say("orphan: %s\n", status_text(status));
}

CASE(execution_domain)
{
    CALL(personality(0xffffffff));
    CALL(personality(ADDR_NO_RANDOMIZE));
    CALL(personality(0xffffffff));
}

CASE(segment_bases)
{
    enum { SET_GS = 0x1001, SET_FS, GET_FS, GET_GS };
    unsigned long base = 1, fs = 0;
    CALL(syscall(SYS_arch_prctl, GET_FS, &fs));
    TRUTH(fs != 0);
    CALL(syscall(SYS_arch_prctl, SET_GS, 0x123000));
    CALL(syscall(SYS_arch_prctl, GET_GS, &base));
    SHOW(base);
    CALL(syscall(SYS_arch_prctl, SET_GS, 1ul << 63));
    CALL(syscall(SYS_arch_prctl, GET_GS, 8));
    CALL(syscall(SYS_arch_prctl, 0x9999, 0));
    pid_t pid;
    CHILD(pid)
    {
        base = 1;
        syscall(SYS_arch_prctl, GET_GS, &base);
        SHOW(base);
    }
    waitpid(pid, NULL, 0);
}

CASE(no_such_call)
{
    CALL(syscall(1000));
    CALL(syscall(0x7fffffff));
    CALL(syscall(-1));
    CALL(syscall(180));
}

int main(void)
{
    return RUN(ENTRY(names_of_the_system), ENTRY(random_numbers), ENTRY(limits),
               ENTRY(limit_of_processes), ENTRY(limit_of_the_stack), ENTRY(about_the_machine),
               ENTRY(priorities), ENTRY(scheduling), ENTRY(affinity), ENTRY(names_of_threads),
               ENTRY(signal_when_the_parent_dies), ENTRY(a_parent_for_orphans),
               ENTRY(execution_domain), ENTRY(segment_bases), ENTRY(no_such_call));
}
