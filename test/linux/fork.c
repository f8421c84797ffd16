/* SPDX-License-Identifier: BSD-2-Clause */
/* fork, vfork, exit and the family of wait: statuses, order, memory apart, what is inherited. */
#include "test/linux/check.h"

#include <sys/resource.h>
#include <sys/times.h>

static int global = 1;

CASE(exit_statuses)
{
    static const int codes[] = {0, 1, 7, 127, 128, 255, 256, -1};
    for (size_t i = 0; i < COUNT(codes); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(codes[i]);
        }
        say_end("child", pid);
    }
}

CASE(killed_statuses)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGHUP, SIGUSR1, SIGSEGV, SIGPIPE, SIGALRM};
    for (size_t i = 0; i < COUNT(signals); i++) {
        pid_t pid;
        CHILD(pid)
        {
            kill(getpid(), signals[i]);
            pause();
        }
        say_end(signal_name(signals[i]), pid);
    }
}

CASE(memory_is_copied)
{
    int local = 1;
    char *heap = malloc(100000);
    memset(heap, 'a', 100000);
    pid_t pid;
    CHILD(pid)
    {
        global = local = 2;
        memset(heap, 'b', 100000);
        say("child: %d %d %c\n", global, local, heap[99999]);
    }
    say_end("child", pid);
    say("parent: %d %d %c\n", global, local, heap[99999]);
}

CASE(pids_of_family)
{
    pid_t parent = getpid();
    int p[2];
    pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t me = getpid();
        write(p[1], &me, sizeof me);
        TRUTH(getppid() == parent);
        TRUTH(getpid() != parent);
        TRUTH(gettid() == getpid());
        _exit(0);
    }
    pid_t told = 0;
    read(p[0], &told, sizeof told);
    say_end("child", pid);
    TRUTH(told == pid);
}

CASE(orphan_gets_a_new_parent)
{
    int p[2];
    pipe(p);
    pid_t pid;
    CHILD(pid)
    {
        pid_t middle = getpid();
        pid_t grandchild;
        CHILD(grandchild)
        {
            while (getppid() == middle) {
                sleep_ms(1);
            }
            pass(p[1]);
        }
    }
    say_end("middle", pid);
    close(p[1]);
    char c;
    CALL(read(p[0], &c, 1)); /* the orphan has seen its parent change */
}

CASE(wait_without_children)
{
    int status;
    CALL(wait(&status));
    CALL(waitpid(-1, &status, WNOHANG));
    CALL(waitpid(1, &status, 0));
    CALL(waitpid(getpid(), &status, 0));
    CALL(waitpid(-1, &status, 0x100));
    CALL(waitid(P_ALL, 0, NULL, 0));
    CALL(waitid(99, 0, NULL, WEXITED));
}

CASE(wait_nohang)
{
    int p[2], status = -1;
    pipe(p);
    pid_t pid;
    CHILD(pid)
    {
        close(p[1]);
        await(p[0]);
    }
    close(p[0]);
    CALL(waitpid(pid, &status, WNOHANG));
    close(p[1]);
    say_end("child", pid);
    CALL(waitpid(pid, &status, WNOHANG));
}

CASE(wait_for_any_finds_all)
{
    int seen = 0;
    for (int i = 0; i < 5; i++) {
        if (fork() == 0) {
            _exit(1 << i);
        }
    }
    for (int i = 0; i < 5; i++) {
        int status = 0;
        TRUTH(wait(&status) > 0);
        seen |= WEXITSTATUS(status);
    }
    SHOW(seen);
    CALL(wait(NULL));
}

CASE(wait_by_process_group)
{
    int status = 0;
    pid_t a = fork();
    if (a == 0) {
        setpgid(0, 0);
        _exit(1);
    }
    setpgid(a, a);
    pid_t b = fork();
    if (b == 0) {
        _exit(2);
    }
    TRUTH(waitpid(0, &status, 0) == b);
    say("own group: %s\n", status_text(status));
    TRUTH(waitpid(-a, &status, 0) == a);
    say("group a: %s\n", status_text(status));
    CALL(waitpid(-a, &status, 0));
}

CASE(waitid_leaves_the_zombie)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(9);
    }
    CALL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    TRUTH(info.si_pid == pid);
    TRUTH(info.si_signo == SIGCHLD);
    TRUTH(info.si_code == CLD_EXITED);
    SHOW(info.si_status);
    memset(&info, 0, sizeof info);
    CALL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
    SHOW(info.si_status);
    CALL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
}

CASE(waitid_nothing_yet)
{
    siginfo_t info;
    memset(&info, 0x55, sizeof info);
    int p[2];
    pipe(p);
    pid_t pid;
    CHILD(pid)
    {
        close(p[1]);
        await(p[0]);
    }
    CALL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
    SHOW(info.si_pid);
    SHOW(info.si_signo);
    close(p[1]);
    CALL(waitid(P_PID, (id_t)pid, &info, WEXITED));
    SHOW(info.si_status);
}

CASE(zombie_can_be_signalled)
{
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(3);
    }
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    CALL(kill(pid, 0));
    CALL(kill(pid, SIGKILL));
    say_end("zombie", pid);
    CALL(kill(pid, 0));
}

CASE(stop_and_continue_are_seen)
{
    int status = 0, p[2];
    pipe(p);
    pid_t pid;
    CHILD(pid)
    {
        raise(SIGSTOP);
        await(p[0]);
        raise(SIGTSTP);
    }
    TRUTH(waitpid(pid, &status, WUNTRACED) == pid);
    say("first: %s\n", status_text(status));
    CALL(waitpid(pid, &status, WUNTRACED | WNOHANG));
    kill(pid, SIGCONT);
    TRUTH(waitpid(pid, &status, WCONTINUED) == pid);
    say("then: %s\n", status_text(status));
    pass(p[1]);
    TRUTH(waitpid(pid, &status, WUNTRACED) == pid);
    say("again: %s\n", status_text(status));
    kill(pid, SIGCONT);
    say_end("end", pid);
}

CASE(vfork_shares_memory)
{
    static volatile int seen;
    pid_t pid = vfork();
    if (pid == 0) {
        seen = 42;
        _exit(6);
    }
    say("parent saw %d\n", seen);
    say_end("child", pid);
}

CASE(vfork_waits_for_exec)
{
    char *argv[] = {"true", NULL}, *envp[] = {NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execve("/nonexistent", argv, envp);
        _exit(errno);
    }
    say_end("child", pid);
}

CASE(descriptors_are_shared)
{
    make_file("f", "0123456789");
    int fd = open("f", O_RDONLY);
    pid_t pid;
    CHILD(pid)
    {
        char c;
        read(fd, &c, 1);
        lseek(fd, 5, SEEK_SET);
        close(fd);
    }
    say_end("child", pid);
    CALL(lseek(fd, 0, SEEK_CUR));
}

CASE(children_times_and_usage)
{
    struct rusage usage;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    int status;
    TRUTH(wait4(pid, &status, 0, &usage) == pid);
    TRUTH(usage.ru_utime.tv_sec == 0);
    CALL(getrusage(RUSAGE_SELF, &usage));
    CALL(getrusage(RUSAGE_CHILDREN, &usage));
    CALL(getrusage(99, &usage));
    struct tms t;
    CALL_OK(times(&t));
}

CASE(many_children)
{
    int good = 0;
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(i);
        }
        int status;
        good += waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == i;
    }
    SHOW(good);
}

CASE(deep_family)
{
    int depth = 0;
    while (depth < 20) {
        pid_t pid = fork();
        if (pid != 0) {
            int status;
            waitpid(pid, &status, 0);
            if (depth > 0) {
                _exit(WEXITSTATUS(status) + 1);
            }
            say("depth %d\n", WEXITSTATUS(status));
            return;
        }
        depth++;
    }
    _exit(0);
}

int main(void)
{
    return RUN(ENTRY(exit_statuses), ENTRY(killed_statuses), ENTRY(memory_is_copied),
               ENTRY(pids_of_family), ENTRY(orphan_gets_a_new_parent), ENTRY(wait_without_children),
               ENTRY(wait_nohang), ENTRY(wait_for_any_finds_all), ENTRY(wait_by_process_group),
               ENTRY(waitid_leaves_the_zombie), ENTRY(waitid_nothing_yet),
               ENTRY(zombie_can_be_signalled), ENTRY(stop_and_continue_are_seen),
               ENTRY(vfork_shares_memory), ENTRY(vfork_waits_for_exec),
               ENTRY(descriptors_are_shared), ENTRY(children_times_and_usage), ENTRY(many_children),
               ENTRY(deep_family));
}
