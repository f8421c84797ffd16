/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals: handlers, masks, flags, queues, alternate stacks, waiting, restart. */
#include "test/linux/check.h"

#include <ucontext.h>

static volatile int count;
static volatile int last;
static volatile int order[64];
static siginfo_t last_info;

static void note(int sig)
{
    order[count++ & 63] = sig;
    last = sig;
}
static void note_info(int sig, siginfo_t *info, void *context)
{
    (void)context;
    note(sig);
    last_info = *info;
}
static void handle(int sig, int flags)
{
    struct sigaction act = {.sa_flags = flags};
    if (flags & SA_SIGINFO) {
        act.sa_sigaction = note_info;
    } else {
        act.sa_handler = note;
    }
    sigaction(sig, &act, NULL);
}
static void block(int how, int sig)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(how, &set, NULL);
}

CASE(handler_runs)
{
    handle(SIGUSR1, 0);
    CALL(raise(SIGUSR1));
    CALL(kill(getpid(), SIGUSR1));
    SHOW(count);
    SHOW(last == SIGUSR1);
}

CASE(default_actions)
{
    for (int sig = 1; sig < 32; sig++) {
        if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
            continue;
        }
        pid_t pid;
        CHILD(pid)
        {
            kill(getpid(), sig);
        }
        say_end(signal_name(sig), pid);
    }
    pid_t pid;
    CHILD(pid)
    {
        kill(getpid(), SIGRTMIN);
    }
    say_end("a real-time signal", pid);
}

CASE(ignored_is_dropped)
{
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    block(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1);
    handle(SIGUSR1, 0);
    block(SIG_UNBLOCK, SIGUSR1);
    SHOW(count);
}

CASE(kill_and_stop_cannot_be_caught)
{
    struct sigaction act = {.sa_handler = note};
    CALL(sigaction(SIGKILL, &act, NULL));
    CALL(sigaction(SIGSTOP, &act, NULL));
    CALL(sigaction(SIGKILL, NULL, &act));
    CALL(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
    CALL(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
    CALL(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sigprocmask(SIG_SETMASK, NULL, &set);
    SHOW(sigismember(&set, SIGKILL));
    SHOW(sigismember(&set, SIGSTOP));
    SHOW(sigismember(&set, SIGUSR1));
}

CASE(blocked_waits)
{
    handle(SIGUSR1, 0);
    handle(SIGUSR2, 0);
    block(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    SHOW(count);
    sigset_t set;
    CALL(sigpending(&set));
    SHOW(sigismember(&set, SIGUSR1));
    SHOW(sigismember(&set, SIGUSR2));
    block(SIG_UNBLOCK, SIGUSR1);
    SHOW(count);
    CALL(sigprocmask(77, &set, NULL));
}

CASE(lowest_number_first)
{
    static const int sent[] = {SIGTERM, SIGUSR2, SIGHUP, SIGUSR1};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (size_t i = 0; i < COUNT(sent); i++) {
        struct sigaction act = {.sa_handler = note};
        sigfillset(&act.sa_mask);
        sigaction(sent[i], &act, NULL);
        raise(sent[i]);
    }
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int i = 0; i < count; i++) {
        say("%s\n", signal_name(order[i]));
    }
}

static int values[16];
static int value_count;
static void note_value(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    values[value_count++ & 15] = info->si_value.sival_int;
}

CASE(real_time_signals_queue)
{
    struct sigaction act = {.sa_sigaction = note_value, .sa_flags = SA_SIGINFO};
    sigfillset(&act.sa_mask);
    sigaction(SIGRTMIN, &act, NULL);
    sigaction(SIGRTMIN + 1, &act, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 4; i++) {
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 10 + i});
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    for (int i = 0; i < value_count; i++) {
        say("value %d\n", values[i]);
    }
}

CASE(info_of_kill)
{
    handle(SIGUSR1, SA_SIGINFO);
    kill(getpid(), SIGUSR1);
    SHOW(last_info.si_signo);
    SHOW(last_info.si_code);
    TRUTH(last_info.si_pid == getpid());
    TRUTH(last_info.si_uid == getuid());
    raise(SIGUSR1);
    SHOW(last_info.si_code);
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5});
    SHOW(last_info.si_code);
    SHOW(last_info.si_value.sival_int);
}

static volatile int depth, deepest;
static void nest(int sig)
{
    depth++;
    deepest = depth > deepest ? depth : deepest;
    if (count++ < 3) {
        raise(sig);
    }
    depth--;
}

CASE(nodefer_nests)
{
    struct sigaction act = {.sa_handler = nest};
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    SHOW(deepest);
    SHOW(count);
    count = deepest = 0;
    act.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    SHOW(deepest);
}

CASE(resethand_works_once)
{
    struct sigaction act;
    handle(SIGUSR1, (int)SA_RESETHAND);
    raise(SIGUSR1);
    SHOW(count);
    sigaction(SIGUSR1, NULL, &act);
    TRUTH(act.sa_handler == SIG_DFL);
}

static void say_mask(int sig)
{
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    say("in handler of %s: USR1 %d USR2 %d TERM %d\n", signal_name(sig), sigismember(&set, SIGUSR1),
        sigismember(&set, SIGUSR2), sigismember(&set, SIGTERM));
}

CASE(mask_in_handler)
{
    struct sigaction act = {.sa_handler = say_mask};
    sigaddset(&act.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    say_mask(0);
    act.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
}

static char *alt_base;
static size_t alt_size;
static void say_stack(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    char here;
    ucontext_t *uc = context;
    uintptr_t at = (uintptr_t)&here, base = (uintptr_t)alt_base;
    say("on the alternate stack: %d\n", at >= base && at < base + alt_size);
    say("uc_stack is it: %d\n", uc->uc_stack.ss_sp == alt_base && uc->uc_stack.ss_size == alt_size);
    stack_t now;
    sigaltstack(NULL, &now);
    say("flags %d\n", now.ss_flags);
    stack_t off = {.ss_flags = SS_DISABLE};
    CALL(sigaltstack(&off, NULL));
}

CASE(alternate_stack)
{
    stack_t stack = {.ss_size = 65536}, old;
    alt_size = stack.ss_size;
    stack.ss_sp = alt_base = malloc(stack.ss_size);
    CALL(sigaltstack(NULL, &old));
    SHOW(old.ss_flags);
    CALL(sigaltstack(&stack, NULL));
    struct sigaction act = {.sa_sigaction = say_stack, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
    CALL(sigaltstack(NULL, &old));
    SHOW(old.ss_flags);
    stack.ss_size = 100;
    CALL(sigaltstack(&stack, NULL));
    stack.ss_flags = 0x77;
    CALL(sigaltstack(&stack, NULL));
    CALL(syscall(SYS_sigaltstack, 8, NULL));
    CALL(syscall(SYS_sigaltstack, NULL, 8));
}

static void overflow_handler(int sig, siginfo_t *info, void *context)
{
    (void)context;
    say("%s on the alternate stack, code %d\n", signal_name(sig), info->si_code);
    _exit(5);
}
static int recurse(volatile char *above)
{
    volatile char room[4096];
    room[0] = above[0];
    return recurse(room) + room[0];
}

CASE(stack_overflow_is_caught)
{
    static char stack_bytes[65536];
    stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof stack_bytes};
    pid_t pid;
    CHILD(pid)
    {
        sigaltstack(&stack, NULL);
        struct sigaction act = {.sa_sigaction = overflow_handler,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigaction(SIGSEGV, &act, NULL);
        char start = 0;
        recurse(&start);
    }
    say_end("with a handler", pid);
    CHILD(pid)
    {
        char start = 0;
        recurse(&start);
    }
    say_end("without", pid);
}

CASE(suspend_swaps_the_mask)
{
    sigset_t none, set;
    handle(SIGUSR1, 0);
    block(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1);
    sigemptyset(&none);
    CALL(sigsuspend(&none));
    SHOW(count);
    sigprocmask(SIG_BLOCK, NULL, &set);
    SHOW(sigismember(&set, SIGUSR1));
}

CASE(timed_wait)
{
    sigset_t set;
    siginfo_t info;
    struct timespec zero = {0, 0}, bad = {0, 2000000000};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CALL(sigtimedwait(&set, &info, &zero));
    CALL(sigtimedwait(&set, &info, &bad));
    sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 77});
    CALL(sigtimedwait(&set, &info, &zero));
    SHOW(info.si_value.sival_int);
    pid_t parent = getpid(), pid;
    CHILD(pid)
    {
        sleep_ms(20);
        kill(parent, SIGUSR1);
    }
    CALL(sigwaitinfo(&set, &info));
    TRUTH(info.si_pid == pid);
    waitpid(pid, NULL, 0);
    struct timespec little = {0, 10000000};
    CALL(sigtimedwait(&set, NULL, &little));
}

static void send_later(pid_t to, int sig)
{
    sleep_ms(50);
    kill(to, sig);
}

CASE(read_is_interrupted_or_restarted)
{
    int p[2];
    char c;
    pid_t me = getpid(), pid;
    pipe(p);
    handle(SIGUSR1, 0);
    pid = pester(me, SIGUSR1);
    CALL(read(p[0], &c, 1));
    end_child(pid);
    handle(SIGUSR1, SA_RESTART);
    CHILD(pid)
    {
        send_later(me, SIGUSR1);
        sleep_ms(20);
        write(p[1], "z", 1);
    }
    CALL(read(p[0], &c, 1));
    say_end("writer", pid);
    TRUTH(count >= 2);
}

CASE(wait_is_restarted)
{
    pid_t me = getpid(), pid;
    handle(SIGUSR1, SA_RESTART);
    CHILD(pid)
    {
        send_later(me, SIGUSR1);
        sleep_ms(20);
    }
    say_end("restarted", pid);
    handle(SIGUSR1, 0);
    pid = pester(me, SIGUSR1);
    CALL(waitpid(pid, NULL, 0));
    end_child(pid);
}

CASE(sleep_is_never_restarted)
{
    handle(SIGUSR1, SA_RESTART);
    pid_t pid = pester(getpid(), SIGUSR1);
    struct timespec t = {60, 0}, left = {0, 0};
    CALL(nanosleep(&t, &left));
    TRUTH(left.tv_sec >= 10 && left.tv_sec < 60);
    end_child(pid);
}

CASE(ignored_signal_does_not_interrupt)
{
    pid_t me = getpid(), pid;
    int p[2];
    char c;
    pipe(p);
    signal(SIGUSR1, SIG_IGN);
    CHILD(pid)
    {
        send_later(me, SIGUSR1);
        send_later(me, SIGCHLD);
        write(p[1], "y", 1);
    }
    CALL(read(p[0], &c, 1));
    waitpid(pid, NULL, 0);
}

CASE(child_signal_info)
{
    struct sigaction act = {.sa_sigaction = note_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGCHLD, &act, NULL);
    block(SIG_BLOCK, SIGCHLD);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(21);
    }
    CALL(sigwaitinfo(&set, &info));
    TRUTH(info.si_pid == pid);
    SHOW(info.si_code);
    SHOW(info.si_status);
    waitpid(pid, NULL, 0);
    pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        pause();
    }
    CALL(sigwaitinfo(&set, &info));
    SHOW(info.si_code);
    SHOW(info.si_status);
    kill(pid, SIGCONT);
    CALL(sigwaitinfo(&set, &info));
    SHOW(info.si_code);
    SHOW(info.si_status);
    kill(pid, SIGKILL);
    CALL(sigwaitinfo(&set, &info));
    SHOW(info.si_code);
    SHOW(info.si_status);
    waitpid(pid, NULL, 0);
}

CASE(children_are_reaped_when_ignored)
{
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(1);
    }
    CALL(waitpid(pid, NULL, 0));
    struct sigaction act = {.sa_handler = note, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &act, NULL);
    pid = fork();
    if (pid == 0) {
        _exit(1);
    }
    long result;
    while ((result = waitpid(pid, NULL, 0)) < 0 && errno == EINTR) {
    }
    report("waitpid with SA_NOCLDWAIT", result);
}

CASE(no_signal_for_stopped_children)
{
    handle(SIGCHLD, SA_NOCLDSTOP);
    int status;
    pid_t pid;
    CHILD(pid)
    {
        raise(SIGSTOP);
    }
    while (waitpid(pid, &status, WUNTRACED) < 0) {
    }
    say("%s, %d signals\n", status_text(status), count);
    kill(pid, SIGCONT);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    say("%s, %d signals\n", status_text(status), count);
}

CASE(kill_errors)
{
    CALL(kill(getpid(), 65));
    CALL(kill(getpid(), -1));
    CALL(kill(getpid(), 0));
    CALL(kill(0x7ffffff, SIGTERM));
    CALL(kill(-0x7ffffff, SIGTERM));
    CALL(syscall(SYS_tgkill, getpid(), getpid(), 0));
    CALL(syscall(SYS_tgkill, getpid(), 0x7ffffff, 0));
    CALL(syscall(SYS_tgkill, -1, 1, 0));
    CALL(syscall(SYS_tkill, 0, 0));
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
    CALL(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info));
}

CASE(stop_discards_continue_and_back)
{
    handle(SIGCONT, 0);
    block(SIG_BLOCK, SIGCONT);
    block(SIG_BLOCK, SIGTSTP);
    sigset_t set;
    raise(SIGTSTP);
    raise(SIGCONT);
    sigpending(&set);
    SHOW(sigismember(&set, SIGTSTP));
    SHOW(sigismember(&set, SIGCONT));
    raise(SIGTSTP);
    sigpending(&set);
    SHOW(sigismember(&set, SIGTSTP));
    SHOW(sigismember(&set, SIGCONT));
}

CASE(kill_wakes_a_stopped_process)
{
    int status;
    pid_t pid;
    CHILD(pid)
    {
        raise(SIGSTOP);
    }
    waitpid(pid, &status, WUNTRACED);
    say("%s\n", status_text(status));
    kill(pid, SIGTERM);
    CALL(waitpid(pid, &status, WNOHANG | WUNTRACED));
    kill(pid, SIGCONT);
    say_end("after SIGCONT", pid);
    CHILD(pid)
    {
        raise(SIGSTOP);
    }
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGKILL);
    say_end("after SIGKILL", pid);
}

CASE(group_gets_signals)
{
    int ready[2];
    pipe(ready);
    pid_t leader = 0, pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            setpgid(0, leader);
            pass(ready[1]);
            pause();
            _exit(0);
        }
        setpgid(pids[i], leader ? leader : pids[i]);
        leader = leader ? leader : pids[i];
        await(ready[0]);
    }
    CALL(killpg(leader, SIGTERM));
    for (int i = 0; i < 3; i++) {
        say_end("member", pids[i]);
    }
    CALL(killpg(leader, SIGTERM));
}

int main(void)
{
    return RUN(ENTRY(handler_runs), ENTRY(default_actions), ENTRY(ignored_is_dropped),
               ENTRY(kill_and_stop_cannot_be_caught), ENTRY(blocked_waits),
               ENTRY(lowest_number_first), ENTRY(real_time_signals_queue), ENTRY(info_of_kill),
               ENTRY(nodefer_nests), ENTRY(resethand_works_once), ENTRY(mask_in_handler),
               ENTRY(alternate_stack), ENTRY(stack_overflow_is_caught),
               ENTRY(suspend_swaps_the_mask), ENTRY(timed_wait),
               ENTRY(read_is_interrupted_or_restarted), ENTRY(wait_is_restarted),
               ENTRY(sleep_is_never_restarted), ENTRY(ignored_signal_does_not_interrupt),
               ENTRY(child_signal_info), ENTRY(children_are_reaped_when_ignored),
               ENTRY(no_signal_for_stopped_children), ENTRY(kill_errors),
               ENTRY(stop_discards_continue_and_back), ENTRY(kill_wakes_a_stopped_process),
               ENTRY(group_gets_signals));
}
