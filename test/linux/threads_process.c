/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes with several threads that exec, fork, vfork, stop, end and are killed, and their
 * signals. */
#include "test/linux/futex.h"

#include <sys/resource.h>
#include <sys/time.h>

enum { SOME = 6 };

static char self_path[PATH_MAX];
static void find_self(void)
{
    readlink("/proc/self/exe", self_path, sizeof self_path - 1);
}
static void exec_self(const char *what)
{
    char *argv[] = {(char *)what, NULL}, *envp[] = {NULL};
    execve(self_path, argv, envp);
    say("execve: %s\n", error_name(errno));
}

static void *spin(void *arg)
{
    volatile long *count = arg;
    for (;;) {
        (*count)++;
    }
    return NULL;
}
static void *sleep_for_ever(void *arg)
{
    (void)arg;
    for (;;) {
        pause();
    }
    return NULL;
}
static unsigned never_woken;
static void *sleep_in_futex(void *arg)
{
    (void)arg;
    for (;;) {
        futex(&never_woken, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0);
    }
    return NULL;
}
static void *sleep_in_read(void *arg)
{
    int p[2];
    char c;
    (void)arg;
    pipe(p);
    read(p[0], &c, 1);
    return NULL;
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
        int status;
        waitpid(pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 3) {
            say("round %d: %s\n", i, status_text(status));
        }
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
        int status;
        waitpid(pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 6) {
            say("round %d: %s\n", i, status_text(status));
        }
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
        int status;
        waitpid(pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 6) {
            say("round %d: %s\n", i, status_text(status));
        }
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
        int status;
        waitpid(pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 6) {
            say("round %d: %s\n", i, status_text(status));
        }
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

static void *exit_with(void *arg)
{
    syscall(SYS_exit, (long)arg);
    return NULL;
}
CASE(status_is_the_first_threads)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, exit_with, (void *)7);
        syscall(SYS_exit, 5);
    }
    say_end("both exit", pid);
    pid = fork();
    if (pid == 0) {
        int p[2];
        pthread_t t;
        pipe(p);
        pthread_create(&t, NULL, sleep_in_read, NULL);
        pthread_create(&t, NULL, exit_with, (void *)7);
        pthread_create(&t, NULL, exit_with, (void *)9);
        kill(getpid(), SIGTERM);
        syscall(SYS_exit, 5);
    }
    say_end("killed", pid);
}

static int leader_tid;
static void *after_the_leader(void *arg)
{
    (void)arg;
    while (task_state(leader_tid, leader_tid) != 'Z') {
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
    while (task_state(pid, pid) != 'Z') {
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
    while (task_state(leader_tid, leader_tid) != 'Z') {
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

/* --- signals
 * ----------------------------------------------------------------------------------------- */

static int hits, hit_tid; /* atomic */
static void note(int sig)
{
    (void)sig;
    __atomic_store_n(&hit_tid, gettid_(), __ATOMIC_RELEASE);
    __atomic_add_fetch(&hits, 1, __ATOMIC_ACQ_REL);
}
static void on_note(int sig)
{
    struct sigaction action = {.sa_handler = note};
    sigaction(sig, &action, NULL);
}
static void block(int how, int sig)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    pthread_sigmask(how, &set, NULL);
}
static void await_hits(int count)
{
    while (__atomic_load_n(&hits, __ATOMIC_ACQUIRE) < count) {
        sched_yield();
    }
}

struct target {
    pthread_t thread;
    int tid;
    bool spins, blocks;
};
static int stop_targets;
static void *target_main(void *arg)
{
    struct target *t = arg;
    if (t->blocks) {
        block(SIG_BLOCK, SIGUSR1);
    }
    __atomic_store_n(&t->tid, gettid_(), __ATOMIC_RELEASE);
    while (!__atomic_load_n(&stop_targets, __ATOMIC_ACQUIRE)) {
        if (!t->spins) {
            pause();
        }
    }
    return NULL;
}
static void start_target(struct target *t)
{
    t->tid = 0;
    pthread_create(&t->thread, NULL, target_main, t);
    while (!__atomic_load_n(&t->tid, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
}

CASE(tgkill_hits_the_one_that_is_named)
{
    struct target t[4] = {{.spins = true}, {.spins = false}, {.spins = true}, {.spins = false}};
    on_note(SIGUSR1);
    for (int i = 0; i < 4; i++) {
        start_target(&t[i]);
    }
    bool right = true;
    for (int i = 0; i < 40; i++) {
        int before = hits;
        syscall(SYS_tgkill, getpid(), t[i % 4].tid, SIGUSR1);
        await_hits(before + 1);
        right = right && hit_tid == t[i % 4].tid;
    }
    TRUTH(right);
    CALL(syscall(SYS_tgkill, getpid(), 0x3fffffff, SIGUSR1));
    CALL(syscall(SYS_tgkill, getpid() + 1, t[0].tid, 0));
    CALL(syscall(SYS_tgkill, getpid(), -1, SIGUSR1));
    CALL(syscall(SYS_tgkill, -1, t[0].tid, SIGUSR1));
    CALL(syscall(SYS_tgkill, getpid(), t[0].tid, 65));
    CALL(syscall(SYS_tkill, t[0].tid, 0));
    CALL(syscall(SYS_tkill, 0, 0));
}

CASE(process_signal_finds_the_one_that_spins_in_user_mode)
{
    struct target spinner = {.spins = true};
    on_note(SIGUSR1);
    start_target(&spinner);
    block(SIG_BLOCK, SIGUSR1);
    for (int i = 0; i < 20; i++) {
        kill(getpid(), SIGUSR1);
        await_hits(i + 1);
    }
    TRUTH(hit_tid == spinner.tid);
}

static void *take_and_end(void *arg)
{
    (void)arg;
    block(SIG_UNBLOCK, SIGUSR1);
    return NULL;
}
CASE(signal_outlives_a_thread_that_ends)
{
    on_note(SIGUSR1);
    block(SIG_BLOCK, SIGUSR1);
    for (int i = 0; i < 100; i++) {
        pthread_t t;
        int before = hits;
        /* Taken by the thread while it lives, else by this one when it lets it in. */
        pthread_create(&t, NULL, take_and_end, NULL);
        kill(getpid(), SIGUSR1);
        pthread_join(t, NULL);
        block(SIG_UNBLOCK, SIGUSR1);
        block(SIG_BLOCK, SIGUSR1);
        if (hits != before + 1) {
            say("round %d: %d\n", i, hits - before);
        }
    }
    SHOW(hits);
}

CASE(sigwait_gets_what_was_sent_to_the_process)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    struct target t[2] = {{.spins = true}, {.spins = false}};
    start_target(&t[0]);
    start_target(&t[1]);
    for (int i = 0; i < 20; i++) {
        int sig = 0;
        kill(getpid(), SIGUSR2);
        sigwait(&set, &sig);
        if (sig != SIGUSR2) {
            say("round %d: %d\n", i, sig);
        }
    }
    say("done\n");
}

CASE(stop_and_continue_with_threads)
{
    int ready[2], status;
    pipe(ready);
    volatile long *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                                0);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        for (int i = 0; i < 3; i++) {
            pthread_create(&t, NULL, spin, (void *)(count + i));
        }
        pthread_create(&t, NULL, sleep_in_futex, NULL);
        pthread_create(&t, NULL, sleep_in_read, NULL);
        while (!count[0] || !count[1] || !count[2]) {
            sched_yield();
        }
        pass(ready[1]);
        pause();
    }
    await(ready[0]);
    for (int i = 0; i < 5; i++) {
        kill(pid, SIGSTOP);
        waitpid(pid, &status, WUNTRACED);
        if (i == 0) {
            say("%s\n", status_text(status));
        }
        long before[3] = {count[0], count[1], count[2]};
        for (int n = 0; n < 50; n++) {
            sched_yield();
        }
        if (before[0] != count[0] || before[1] != count[1] || before[2] != count[2]) {
            say("round %d: it runs\n", i);
        }
        kill(pid, SIGCONT);
        waitpid(pid, &status, WCONTINUED);
        if (i == 0) {
            say("%s\n", status_text(status));
        }
        while (before[0] == count[0] || before[1] == count[1] || before[2] == count[2]) {
            sched_yield();
        }
    }
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGKILL);
    say_end("killed while stopped", pid);
}

CASE(group_signal_reaches_all_members)
{
    enum { MEMBERS = 5 };
    pid_t member[MEMBERS];
    int ready[2];
    pipe(ready);
    for (int i = 0; i < MEMBERS; i++) {
        member[i] = fork();
        if (member[i] == 0) {
            pthread_t t;
            setpgid(0, i ? member[0] : 0);
            pthread_create(&t, NULL, spin, (void *)&spun[0]);
            pass(ready[1]);
            pause();
        }
        setpgid(member[i], member[0]);
    }
    for (int i = 0; i < MEMBERS; i++) {
        await(ready[0]);
    }
    CALL(kill(-member[0], SIGTERM));
    for (int i = 0; i < MEMBERS; i++) {
        say_end("member", member[i]);
    }
    CALL(kill(-member[0], 0));
}

static void *raise_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        syscall(SYS_tkill, gettid_(), SIGUSR1);
    }
    return NULL;
}
CASE(signals_to_oneself_are_all_handled)
{
    pthread_t t[4];
    on_note(SIGUSR1);
    for (int i = 0; i < 4; i++) {
        pthread_create(&t[i], NULL, raise_often, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(hits);
}

static void *queue_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++) {
        while (sigqueue(getpid(), SIGRTMIN + 5, (union sigval){.sival_int = i}) &&
               errno == EAGAIN) {
            sched_yield();
        }
    }
    return NULL;
}
CASE(queued_signals_are_all_handled)
{
    pthread_t t[4];
    on_note(SIGRTMIN + 5);
    for (int i = 0; i < 4; i++) {
        pthread_create(&t[i], NULL, queue_often, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    await_hits(200);
    SHOW(hits);
}

static void *change_actions(void *arg)
{
    const struct sigaction *other = arg;
    struct sigaction mine = {.sa_handler = note, .sa_flags = SA_RESTART}, old;
    for (int i = 0; i < 2000; i++) {
        sigaction(SIGUSR2, i % 2 ? &mine : other, &old);
        bool restart = (old.sa_flags & SA_RESTART) != 0;
        if (old.sa_handler != SIG_DFL && (old.sa_handler == note) != restart) {
            say("a mixture of two actions\n");
        }
    }
    return NULL;
}
CASE(actions_are_changed_as_a_whole)
{
    pthread_t t[3];
    struct sigaction other = {.sa_handler = SIG_IGN};
    for (int i = 0; i < 3; i++) {
        pthread_create(&t[i], NULL, change_actions, &other);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
    }
    say("done\n");
}

CASE(timer_signals_reach_a_busy_thread)
{
    struct target spinner = {.spins = true};
    struct itimerval often = {{0, 1000}, {0, 1000}};
    on_note(SIGALRM);
    alarm(0);
    start_target(&spinner);
    block(SIG_BLOCK, SIGALRM);
    setitimer(ITIMER_REAL, &often, NULL);
    await_hits(20);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    TRUTH(hit_tid == spinner.tid);
}

/* --- who is whose
 * ----------------------------------------------------------------------------------- */

CASE(getppid_after_the_parent_has_gone)
{
    int p[2], out[2];
    pipe(p);
    pipe(out);
    pid_t middle = fork();
    if (middle == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            char answer = getppid() == parent ? 'y' : 'n';
            write(out[1], &answer, 1);
            close(p[1]);
            await(p[0]);
            while (getppid() == parent) {
                sched_yield();
            }
            answer = getppid() != parent ? 'y' : 'n';
            write(out[1], &answer, 1);
            _exit(0);
        }
        char c;
        read(out[0], &c, 1);
        say("first: %c\n", c);
        _exit(0);
    }
    close(p[1]);
    close(p[0]);
    say_end("middle", middle);
    char c;
    read(out[0], &c, 1);
    say("then: %c\n", c);
}

CASE(wait_of_several_threads)
{
    enum { CHILDREN = 12 };
    static int waited;
    for (int i = 0; i < CHILDREN; i++) {
        if (fork() == 0) {
            _exit(i);
        }
    }
    pthread_t t[4];
    for (int i = 0; i < 4; i++) {
        extern void *wait_for_some(void *);
        pthread_create(&t[i], NULL, wait_for_some, &waited);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(waited);
    CALL(waitpid(-1, NULL, 0));
}
void *wait_for_some(void *arg);
void *wait_for_some(void *arg)
{
    while (waitpid(-1, NULL, 0) > 0) {
        __atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *set_group_often(void *arg)
{
    pid_t pid = *(pid_t *)arg;
    while (!__atomic_load_n(&stop_targets, __ATOMIC_ACQUIRE)) {
        setpgid(pid, pid);
        getpgid(pid);
        getsid(pid);
        kill(pid, 0);
    }
    return NULL;
}
CASE(exit_against_setpgid_and_kill)
{
    pthread_t t;
    static pid_t child;
    pthread_create(&t, NULL, set_group_often, &child);
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        __atomic_store_n(&child, pid, __ATOMIC_RELAXED);
        waitpid(pid, NULL, 0);
    }
    __atomic_store_n(&stop_targets, 1, __ATOMIC_RELEASE);
    pthread_join(t, NULL);
    say("done\n");
}

static void *read_proc(void *arg)
{
    static const char *const names[] = {"stat", "status", "maps",  "cmdline",
                                        "comm", "statm",  "limits"};
    pid_t *pid = arg;
    for (unsigned i = 0; !__atomic_load_n(&stop_targets, __ATOMIC_ACQUIRE); i++) {
        char name[64], text[4096];
        snprintf(name, sizeof name, "/proc/%d/%s", __atomic_load_n(pid, __ATOMIC_RELAXED),
                 names[i % COUNT(names)]);
        int fd = open(name, O_RDONLY);
        if (fd >= 0) {
            while (read(fd, text, sizeof text) > 0) {
            }
            close(fd);
        }
    }
    return NULL;
}
CASE(exit_and_exec_against_readers_of_proc)
{
    pthread_t t[2];
    static pid_t child;
    find_self();
    for (int i = 0; i < 2; i++) {
        pthread_create(&t[i], NULL, read_proc, &child);
    }
    for (int i = 0; i < 40; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t other;
            pthread_create(&other, NULL, sleep_in_futex, NULL);
            if (i % 2) {
                exec_self("quiet");
            }
            _exit(6);
        }
        __atomic_store_n(&child, pid, __ATOMIC_RELAXED);
        waitpid(pid, NULL, 0);
    }
    __atomic_store_n(&stop_targets, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
    }
    say("done\n");
}

/* --- limits
 * -------------------------------------------------------------------------------------------- */

static void limit_processes(unsigned count)
{
    struct rlimit limit = {count, count};
    CALL(setrlimit(RLIMIT_NPROC, &limit));
    CALL(syscall(SYS_setresgid, 4242, 4242, 4242));
    CALL(syscall(SYS_setresuid, 4242, 4242, 4242));
}

CASE(nproc_counts_processes)
{
    pid_t user;
    CHILD(user)
    {
        pid_t pids[8];
        int made = 0;
        limit_processes(5);
        for (int i = 0; i < 8; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                pause();
            }
            if (pids[i] < 0) {
                say("fork %d: %s\n", i, error_name(errno));
                break;
            }
            made++;
        }
        SHOW(made);
        kill(pids[0], SIGKILL);
        /* A zombie counts until it is waited for. */
        siginfo_t info;
        waitid(P_PID, (id_t)pids[0], &info, WEXITED | WNOWAIT);
        CALL(fork());
        waitpid(pids[0], NULL, 0);
        pids[0] = fork();
        if (pids[0] == 0) {
            pause();
        }
        TRUTH(pids[0] > 0);
        for (int i = 0; i < made; i++) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
    }
    say_end("user", user);
}

CASE(nproc_counts_threads)
{
    pid_t user;
    CHILD(user)
    {
        pthread_t t[8];
        int made = 0, error = 0;
        limit_processes(4);
        while (made < 8 && (error = pthread_create(&t[made], NULL, sleep_for_ever, NULL)) == 0) {
            made++;
        }
        SHOW(made);
        say("%s\n", error_name(error));
        CALL(fork());
    }
    say_end("user", user);
}

CASE(nproc_follows_setuid)
{
    pid_t user;
    /* Root's are not limited, and what was made as root counts for the user it has become. */
    CHILD(user)
    {
        pid_t pid;
        int ready[2];
        pipe(ready);
        for (int i = 0; i < 3; i++) {
            pid = fork();
            if (pid == 0) {
                syscall(SYS_setresuid, 4242, 4242, 4242);
                pass(ready[1]);
                pause();
            }
            await(ready[0]);
        }
        limit_processes(5);
        pid = fork();
        if (pid == 0) {
            pause();
        }
        TRUTH(pid > 0);
        CALL(fork());
        kill(0, SIGKILL);
    }
    say_end("user", user);
}

CASE(fork_bomb_of_a_user)
{
    pid_t user;
    CHILD(user)
    {
        setpgid(0, 0);
        limit_processes(30);
        /* Everybody forks until nobody can. */
        int failed = 0;
        for (int i = 0; i < 6; i++) {
            if (fork() < 0) {
                failed = errno;
            }
        }
        if (getpid() == getpgrp()) {
            while (!failed) {
                pid_t pid = fork();
                if (pid == 0) {
                    for (;;) {
                        pause();
                    }
                }
                failed = pid < 0 ? errno : 0;
            }
            say("%s\n", error_name(failed));
            kill(0, SIGKILL);
        }
        for (;;) {
            pause();
        }
    }
    say_end("user", user);
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
    return RUN(
        ENTRY(exit_group_with_threads_in_every_state), ENTRY(kill_with_threads_in_every_state),
        ENTRY(exec_with_threads_in_every_state), ENTRY(exec_of_another_thread),
        ENTRY(two_threads_exec_at_once), ENTRY(exec_against_exit_group), ENTRY(exec_against_kill),
        ENTRY(status_is_the_first_threads), ENTRY(leader_ends_first),
        ENTRY(a_zombie_leader_is_not_reaped), ENTRY(exec_when_the_leader_has_ended),
        ENTRY(fork_while_others_map_and_end), ENTRY(vfork_stops_only_the_caller),
        ENTRY(kill_while_a_thread_is_in_vfork), ENTRY(vfork_child_execs_and_dies),
        ENTRY(set_tid_address_is_cleared_and_woken), ENTRY(tgkill_hits_the_one_that_is_named),
        ENTRY(process_signal_finds_the_one_that_spins_in_user_mode),
        ENTRY(signal_outlives_a_thread_that_ends), ENTRY(sigwait_gets_what_was_sent_to_the_process),
        ENTRY(stop_and_continue_with_threads), ENTRY(group_signal_reaches_all_members),
        ENTRY(signals_to_oneself_are_all_handled), ENTRY(queued_signals_are_all_handled),
        ENTRY(actions_are_changed_as_a_whole), ENTRY(timer_signals_reach_a_busy_thread),
        ENTRY(getppid_after_the_parent_has_gone), ENTRY(wait_of_several_threads),
        ENTRY(exit_against_setpgid_and_kill), ENTRY(exit_and_exec_against_readers_of_proc),
        ENTRY(nproc_counts_processes), ENTRY(nproc_counts_threads), ENTRY(nproc_follows_setuid),
        ENTRY(fork_bomb_of_a_user));
}
