/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes with several threads that exec, fork, vfork, end and are killed. */
#include "test/linux/threads.h"

/* The process ends with this status, or what it did in that round is said. */
static void must_exit(int round, pid_t pid, int code)
{
    int status;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code) {
        say("round %d: %s\n", round, status_text(status));
    }
}

static void *sleep_in_wait(void *arg)
{
    pid_t pid;
    (void)arg;
    CHILD(pid)
    {
        pause();
    }
    waitpid(pid, NULL, 0);
    return NULL;
}
static void *end_at_once(void *arg)
{
    return arg;
}
static void *make_threads(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_t t;
        if (pthread_create(&t, NULL, end_at_once, NULL) == 0) {
            pthread_join(t, NULL);
        }
    }
    return NULL;
}
static void *make_children(void *arg)
{
    (void)arg;
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    return NULL;
}
static void *map_and_unmap(void *arg)
{
    (void)arg;
    for (;;) {
        char *at = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(at, 1, 65536);
        munmap(at, 65536);
    }
    return NULL;
}
static void *vfork_child(void *arg)
{
    (void)arg;
    pid_t pid = vfork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return NULL;
}

static void *(*const every_state[])(void *) = {spin,          sleep_for_ever, sleep_in_futex,
                                               sleep_in_read, sleep_in_wait,  make_threads,
                                               make_children, map_and_unmap,  vfork_child};

static volatile long spun[COUNT(every_state)];
/* A thread in each of the states, all under way. */
static void start_every_state(void)
{
    for (size_t i = 0; i < COUNT(every_state); i++) {
        pthread_t t;
        int error = pthread_create(&t, NULL, every_state[i], (void *)&spun[i]);
        if (error) {
            say("pthread_create: %s\n", error_name(error));
        }
    }
    while (!spun[0]) {
        sched_yield();
    }
}

/* --- the end -------------------------------------------------------------------------------------
 */

CASE(exit_group_with_threads_in_every_state)
{
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            start_every_state();
            _exit(3);
        }
        must_exit(i, pid, 3);
    }
    say("done\n");
}

CASE(kill_with_threads_in_every_state)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGABRT, SIGSEGV};
    for (size_t i = 0; i < 8; i++) {
        int ready[2];
        pipe(ready);
        pid_t pid = fork();
        if (pid == 0) {
            start_every_state();
            pass(ready[1]);
            pause();
            _exit(1);
        }
        await(ready[0]);
        kill(pid, signals[i % 4]);
        int status;
        waitpid(pid, &status, 0);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != signals[i % 4]) {
            say("round %zu: %s\n", i, status_text(status));
        }
        close(ready[0]);
        close(ready[1]);
    }
    say("done\n");
}

CASE(exec_with_threads_in_every_state)
{
    find_self();
    for (int i = 0; i < 6; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            start_every_state();
            exec_self("quiet");
            _exit(1);
        }
        must_exit(i, pid, 6);
    }
    say("done\n");
}

static void *exec_main(void *arg)
{
    exec_self(arg);
    return NULL;
}
CASE(exec_of_another_thread)
{
    find_self();
    for (int i = 0; i < 6; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t t;
            start_every_state();
            pthread_create(&t, NULL, exec_main, "quiet");
            for (;;) {
                pause();
            }
        }
        must_exit(i, pid, 6);
    }
    say("done\n");
}

CASE(two_threads_exec_at_once)
{
    find_self();
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t t[3];
            for (size_t n = 0; n < COUNT(t); n++) {
                pthread_create(&t[n], NULL, exec_main, "quiet");
            }
            exec_self("quiet");
        }
        must_exit(i, pid, 6);
    }
    say("done\n");
}

CASE(exec_against_exit_group)
{
    find_self();
    int other = 0;
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t t;
            pthread_create(&t, NULL, exec_main, "quiet");
            _exit(4);
        }
        int status;
        waitpid(pid, &status, 0);
        other += !WIFEXITED(status) || (WEXITSTATUS(status) != 6 && WEXITSTATUS(status) != 4);
    }
    SHOW(other);
}

CASE(exec_against_kill)
{
    find_self();
    int other = 0;
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t t;
            pthread_create(&t, NULL, spin, (void *)&spun[0]);
            exec_self("quiet");
        }
        for (int n = 0; n < i * 3; n++) {
            sched_yield();
        }
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        other += !(WIFEXITED(status) && WEXITSTATUS(status) == 6) &&
                 !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    SHOW(other);
}

static int leader_tid;
static void *after_the_leader(void *arg)
{
    (void)arg;
    while (task_stat(leader_tid, leader_tid, 3) != 'Z') {
        sched_yield();
    }
    TRUTH(getpid() == leader_tid);
    TRUTH(gettid_() != leader_tid);
    CALL(kill(getpid(), 0));
    CALL(syscall(SYS_tgkill, getpid(), leader_tid, 0));
    pid_t pid;
    CHILD(pid)
    {
        TRUTH(getppid() == leader_tid);
    }
    say_end("child", pid);
    _exit(8);
}
/* Waits until the process has no other thread. */
static void await_others(void)
{
    for (;;) {
        char text[4096];
        int fd = open("/proc/self/status", O_RDONLY);
        ssize_t size = read(fd, text, sizeof text - 1);
        close(fd);
        text[size > 0 ? size : 0] = 0;
        const char *threads = strstr(text, "Threads:");
        if (threads && atoi(threads + 8) == 1) {
            return;
        }
        sched_yield();
    }
}
static void *exit_with(void *arg)
{
    syscall(SYS_exit, (long)arg);
    return NULL;
}
static void *exit_last(void *arg)
{
    while (task_stat(leader_tid, leader_tid, 3) != 'Z') {
        sched_yield();
    }
    syscall(SYS_exit, (long)arg);
    return NULL;
}
CASE(status_is_the_last_threads)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        leader_tid = getpid();
        pthread_create(&t, NULL, exit_last, (void *)7);
        syscall(SYS_exit, 5);
    }
    say_end("leader first", pid);
    pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, exit_with, (void *)7);
        await_others();
        syscall(SYS_exit, 5);
    }
    say_end("leader last", pid);
    pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, sleep_in_read, NULL);
        pthread_create(&t, NULL, exit_with, (void *)7);
        pthread_create(&t, NULL, exit_with, (void *)9);
        kill(getpid(), SIGTERM);
        syscall(SYS_exit, 5);
    }
    say_end("killed", pid);
}

CASE(leader_ends_first)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        leader_tid = getpid();
        pthread_create(&t, NULL, after_the_leader, NULL);
        syscall(SYS_exit, 5);
    }
    say_end("process", pid);
}

CASE(a_zombie_leader_is_not_reaped)
{
    int ready[2], go[2];
    pipe(ready);
    pipe(go);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, sleep_for_ever, NULL);
        pass(ready[1]);
        syscall(SYS_exit, 5);
    }
    await(ready[0]);
    while (task_stat(pid, pid, 3) != 'Z') {
        sched_yield();
    }
    int status;
    CALL(waitpid(pid, &status, WNOHANG));
    kill(pid, SIGKILL);
    say_end("process", pid);
}

static void *exec_after_the_leader(void *arg)
{
    (void)arg;
    while (task_stat(leader_tid, leader_tid, 3) != 'Z') {
        sched_yield();
    }
    exec_self("ids");
    return NULL;
}
CASE(exec_when_the_leader_has_ended)
{
    find_self();
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        leader_tid = getpid();
        pthread_create(&t, NULL, exec_after_the_leader, NULL);
        syscall(SYS_exit, 5);
    }
    say_end("process", pid);
}

/* --- fork and vfork
 * -------------------------------------------------------------------------------- */

CASE(fork_while_others_map_and_end)
{
    pthread_t t;
    for (int i = 0; i < 3; i++) {
        pthread_create(&t, NULL,
                       i == 0   ? map_and_unmap
                       : i == 1 ? make_threads
                                : map_and_unmap,
                       NULL);
    }
    int bad = 0;
    for (int i = 0; i < 30; i++) {
        static volatile int mine;
        pid_t pid = fork();
        if (pid == 0) {
            mine = i;
            char *at = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                            0);
            memset(at, 3, 65536);
            _exit(mine != i || at[65535] != 3);
        }
        int status;
        waitpid(pid, &status, 0);
        bad += status != 0;
    }
    SHOW(bad);
}

static volatile int ran;
static void *count_runs(void *arg)
{
    (void)arg;
    for (;;) {
        ran++;
    }
    return NULL;
}
CASE(vfork_stops_only_the_caller)
{
    pthread_t t;
    pthread_create(&t, NULL, count_runs, NULL);
    pid_t pid = vfork();
    if (pid == 0) {
        int before = ran;
        while (ran == before) {
        }
        _exit(9);
    }
    say_end("child", pid);
}

static pid_t vforked;
static void *vfork_and_wait(void *arg)
{
    int *fd = arg;
    vforked = vfork();
    if (vforked == 0) {
        pass(fd[1]);
        for (;;) {
            pause();
        }
    }
    return NULL;
}
CASE(kill_while_a_thread_is_in_vfork)
{
    int p[2], up[2];
    pipe(p);
    pipe(up);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, vfork_and_wait, p);
        await(p[0]);
        pass(up[1]);
        pause();
    }
    await(up[0]);
    kill(pid, SIGKILL);
    say_end("process", pid);
}

CASE(vfork_child_execs_and_dies)
{
    find_self();
    pid_t pid = vfork();
    if (pid == 0) {
        exec_self("quiet");
        _exit(1);
    }
    say_end("execed", pid);
    pid = vfork();
    if (pid == 0) {
        kill(getpid(), SIGKILL);
        _exit(1);
    }
    say_end("killed", pid);
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}
CASE(set_tid_address_is_cleared_and_woken)
{
    int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    /* In a child with memory of its own nobody is left to see it. */
    pid_t pid;
    CHILD(pid)
    {
        *word = 77;
        TRUTH(syscall(SYS_set_tid_address, word) == gettid_());
    }
    say_end("child", pid);
    SHOW(*word);
    static int cleared;
    static char stack[65536] __attribute__((aligned(16)));
    cleared = 55;
    int flags = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x200000; /* a thread, CHILD_CLEARTID */
    long tid = clone(do_nothing, stack + sizeof stack, flags, NULL, NULL, NULL, &cleared);
    TRUTH(tid > 0);
    while (__atomic_load_n(&cleared, __ATOMIC_ACQUIRE)) {
        futex(&cleared, FUTEX_WAIT, 55, NULL, NULL, 0);
    }
    SHOW(cleared);
}

int main(int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "quiet")) {
        return 6;
    }
    if (argc > 0 && !strcmp(argv[0], "ids")) {
        TRUTH(getpid() == gettid_());
        return 11;
    }
    return RUN(ENTRY(exit_group_with_threads_in_every_state),
               ENTRY(kill_with_threads_in_every_state), ENTRY(exec_with_threads_in_every_state),
               ENTRY(exec_of_another_thread), ENTRY(two_threads_exec_at_once),
               ENTRY(exec_against_exit_group), ENTRY(exec_against_kill),
               ENTRY(status_is_the_last_threads), ENTRY(leader_ends_first),
               ENTRY(a_zombie_leader_is_not_reaped), ENTRY(exec_when_the_leader_has_ended),
               ENTRY(fork_while_others_map_and_end), ENTRY(vfork_stops_only_the_caller),
               ENTRY(kill_while_a_thread_is_in_vfork), ENTRY(vfork_child_execs_and_dies),
               ENTRY(set_tid_address_is_cleared_and_woken));
}
