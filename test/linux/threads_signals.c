/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals to processes with several threads, which stop and continue, too. */
#include "test/linux/threads.h"

#include <sys/time.h>

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

static volatile long spun;
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
            pthread_create(&t, NULL, spin, (void *)&spun);
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

int main(void)
{
    return RUN(ENTRY(tgkill_hits_the_one_that_is_named),
               ENTRY(process_signal_finds_the_one_that_spins_in_user_mode),
               ENTRY(signal_outlives_a_thread_that_ends),
               ENTRY(sigwait_gets_what_was_sent_to_the_process),
               ENTRY(stop_and_continue_with_threads), ENTRY(group_signal_reaches_all_members),
               ENTRY(signals_to_oneself_are_all_handled), ENTRY(queued_signals_are_all_handled),
               ENTRY(actions_are_changed_as_a_whole), ENTRY(timer_signals_reach_a_busy_thread));
}
