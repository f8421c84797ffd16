/* SPDX-License-Identifier: BSD-2-Clause */
/* Process groups and sessions; orphaned groups. */
#include "test/linux/check.h"

CASE(group_of_a_child)
{
    pid_t pid;
    CHILD(pid)
    {
        TRUTH(getpgrp() == getppid());
        TRUTH(getpgid(0) == getpgrp());
        TRUTH(getsid(0) == getsid(getppid()));
        CALL(setpgid(0, 0));
        TRUTH(getpgrp() == getpid());
        TRUTH(getpgid(getppid()) == getppid());
    }
    say_end("child", pid);
}

CASE(set_group_errors)
{
    CALL(setpgid(0, -1));
    CALL(setpgid(-1, 0));
    CALL(setpgid(0x7ffffff, 0));
    CALL(setpgid(1, 0));
    CALL(setpgid(0, 0x7ffffff));
    CALL(getpgid(0x7ffffff));
    CALL(getsid(0x7ffffff));
    CALL(getpgid(-1));
}

CASE(new_session)
{
    CALL(setsid());
    pid_t pid;
    CHILD(pid)
    {
        TRUTH(setsid() == getpid());
        TRUTH(getsid(0) == getpid());
        TRUTH(getpgrp() == getpid());
        CALL(setsid());
        CALL(setpgid(0, 0));
        CALL(open("/dev/tty", O_RDWR));
    }
    say_end("child", pid);
}

CASE(child_can_be_moved_until_it_execs)
{
    static char self[PATH_MAX];
    readlink("/proc/self/exe", self, sizeof self - 1);
    int p[2], q[2];
    pipe(p);
    pipe(q);
    pid_t a, b;
    CHILD(a)
    {
        close(p[1]);
        await(p[0]);
    }
    b = fork();
    if (b == 0) {
        close(p[1]);
        await(p[0]);
        dup2(q[1], 20);
        char *argv[] = {"groups", "pass", NULL}, *envp[] = {NULL};
        execve(self, argv, envp);
        _exit(1);
    }
    CALL(setpgid(a, a));
    CALL(setpgid(b, a));
    TRUTH(getpgid(b) == a);
    CALL(setpgid(b, getpgrp()));
    TRUTH(getpgid(b) == getpgrp());
    close(p[1]);
    await(q[0]);
    CALL(setpgid(b, b));
    kill(b, SIGKILL);
    say_end("b", b);
    say_end("a", a);
}

CASE(group_without_leader_lives)
{
    int p[2];
    pipe(p);
    pid_t leader = fork();
    if (leader == 0) {
        setpgid(0, 0);
        if (fork() == 0) {
            close(p[0]);
            pass(p[1]);
            pause();
            _exit(0);
        }
        _exit(0);
    }
    close(p[1]);
    await(p[0]);
    say_end("leader", leader);
    CALL(kill(-leader, 0));
    CALL(kill(-leader, SIGKILL));
    char c;
    CALL(read(p[0], &c, 1)); /* the end: the member is gone */
}

CASE(orphaned_group_is_not_stopped_by_the_terminal)
{
    int status;
    pid_t pid;
    CHILD(pid)
    {
        setsid();
        raise(SIGTSTP);
        raise(SIGTTIN);
        raise(SIGTTOU);
    }
    waitpid(pid, &status, WUNTRACED);
    say("%s\n", status_text(status));
    CHILD(pid)
    {
        setsid();
        raise(SIGSTOP);
    }
    waitpid(pid, &status, WUNTRACED);
    say("%s\n", status_text(status));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

CASE(stopped_group_that_becomes_an_orphan)
{
    /* POSIX, exit(3): SIGHUP and SIGCONT to a newly orphaned group with a stopped member. */
    int p[2];
    pipe(p);
    pid_t shell = fork();
    if (shell == 0) {
        setsid();
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            signal(SIGHUP, SIG_DFL);
            close(p[0]);
            raise(SIGSTOP);
            pause();
            _exit(0);
        }
        int status;
        waitpid(job, &status, WUNTRACED);
        say("job: %s\n", status_text(status));
        _exit(0);
    }
    close(p[1]);
    say_end("shell", shell);
    char c;
    CALL(read(p[0], &c, 1)); /* ends when the job has died of SIGHUP */
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "pass")) {
        pass(20);
        pause();
    }
    return RUN(ENTRY(group_of_a_child), ENTRY(set_group_errors), ENTRY(new_session),
               ENTRY(child_can_be_moved_until_it_execs), ENTRY(group_without_leader_lives),
               ENTRY(orphaned_group_is_not_stopped_by_the_terminal),
               ENTRY(stopped_group_that_becomes_an_orphan));
}
