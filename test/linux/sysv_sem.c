/* SPDX-License-Identifier: BSD-2-Clause */
/* System V semaphores: made, changed, waited for, undone and removed. */
#include "test/linux/check.h"

#include <grp.h>
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/sem.h>

static long sem_get(int key, int count, int flags)
{
    return syscall(SYS_semget, key, count, flags);
}
static long sem_ctl(int id, int number, int command, void *arg)
{
    return syscall(SYS_semctl, id, number, command, arg);
}
static long set_value(int id, int number, long value)
{
    return sem_ctl(id, number, SETVAL, (void *)value);
}
static long value_of(int id, int number)
{
    return sem_ctl(id, number, GETVAL, NULL);
}
static long op(int id, int number, int change, int flags)
{
    struct sembuf o = {(unsigned short)number, (short)change, (short)flags};
    return syscall(SYS_semop, id, &o, 1);
}
static long ops(int id, const struct sembuf *o, unsigned count)
{
    return syscall(SYS_semop, id, o, count);
}
static long timed(int id, const struct sembuf *o, unsigned count, const struct timespec *t)
{
    return syscall(SYS_semtimedop, id, o, count, t);
}
static int new_set(int count)
{
    return (int)sem_get(IPC_PRIVATE, count, 0600);
}
static void end_set(int id)
{
    CALL(sem_ctl(id, 0, IPC_RMID, NULL));
}
/* A key that nobody else has. */
static int some_key(void)
{
    return 0x4b000000 | (getpid() & 0xffffff);
}
static void say_all(int id, int count)
{
    unsigned short values[16];
    sem_ctl(id, 0, GETALL, values);
    for (int i = 0; i < count; i++) {
        say("%d%s", values[i], i + 1 < count ? " " : "\n");
    }
}
/* Until so many wait for a larger value of, or for zero in, the semaphore. */
static void await_waiters(int id, int number, int command, long count)
{
    while (sem_ctl(id, number, command, NULL) != count) {
        sleep_ms(1);
    }
}

CASE(making)
{
    int key = some_key();
    CALL(sem_get(key, 1, 0));
    CALL(sem_get(key, 0, IPC_CREAT | 0600));
    CALL(sem_get(key, -1, IPC_CREAT | 0600));
    CALL(sem_get(key, 32001, IPC_CREAT | 0600));
    int id = (int)sem_get(key, 4, IPC_CREAT | IPC_EXCL | 0640);
    TRUTH(id >= 0);
    CALL(sem_get(key, 4, IPC_CREAT | IPC_EXCL | 0640));
    TRUTH(sem_get(key, 3, IPC_CREAT) == id);
    TRUTH(sem_get(key, 0, 0) == id);
    CALL(sem_get(key, 5, 0));
    struct semid_ds s;
    memset(&s, 0xff, sizeof s);
    CALL(sem_ctl(id, 0, IPC_STAT, &s));
    SHOW(s.sem_nsems);
    SHOW(s.sem_otime);
    TRUTH(s.sem_ctime > 1000000);
    SHOW(s.sem_perm.mode);
    TRUTH(s.sem_perm.__key == key);
    CALL(op(id, 1, 3, 0));
    CALL(sem_ctl(id, 0, IPC_STAT, &s));
    TRUTH(s.sem_otime > 1000000);
    s.sem_perm.mode = 0777604;
    s.sem_perm.uid = 1000;
    CALL(sem_ctl(id, 0, IPC_SET, &s));
    CALL(sem_ctl(id, 0, IPC_STAT, &s));
    SHOW(s.sem_perm.mode);
    SHOW(s.sem_perm.uid);
    CALL(sem_ctl(id, 0, IPC_STAT, (void *)8));
    CALL(sem_ctl(id, 0, IPC_SET, (void *)8));
    CALL(sem_ctl(id, 0, 99, &s));
    CALL(sem_ctl(-1, 0, IPC_STAT, &s));
    end_set(id);
    end_set(id);
    CALL(op(id, 1, 3, 0));
    CALL(sem_get(key, 0, 0));
}

CASE(values)
{
    int id = new_set(3);
    unsigned short values[3] = {5, 6, 32767};
    CALL(sem_ctl(id, 0, SETALL, values));
    say_all(id, 3);
    CALL(set_value(id, 1, 0));
    CALL(set_value(id, 1, -1));
    CALL(set_value(id, 1, 32768));
    CALL(set_value(id, 3, 1));
    CALL(set_value(id, -1, 1));
    CALL(value_of(id, 3));
    CALL(value_of(id, 2));
    TRUTH(sem_ctl(id, 1, GETPID, NULL) == getpid());
    values[1] = 32768;
    CALL(sem_ctl(id, 0, SETALL, values));
    CALL(sem_ctl(id, 0, SETALL, (void *)8));
    CALL(sem_ctl(id, 0, GETALL, (void *)8));
    CALL(sem_ctl(id, 0, GETNCNT, NULL));
    CALL(sem_ctl(id, 3, GETZCNT, NULL));
    say_all(id, 3);
    end_set(id);
}

CASE(operations)
{
    int id = new_set(3);
    struct sembuf o[3] = {{0, 2, 0}, {1, 1, 0}, {2, -1, IPC_NOWAIT}};
    CALL(ops(id, o, 3));
    say_all(id, 3);
    CALL(op(id, 2, 1, 0));
    CALL(ops(id, o, 3));
    say_all(id, 3);
    CALL(op(id, 0, 0, IPC_NOWAIT));
    CALL(op(id, 2, 0, IPC_NOWAIT));
    CALL(op(id, 0, -2, 0));
    CALL(op(id, 0, -1, IPC_NOWAIT));
    /* One after the other. */
    struct sembuf twice[3] = {{0, 0, IPC_NOWAIT}, {0, 1, 0}, {0, -1, IPC_NOWAIT}};
    CALL(ops(id, twice, 3));
    twice[2].sem_op = -2;
    CALL(ops(id, twice, 3));
    say_all(id, 3);
    CALL(set_value(id, 0, 32767));
    CALL(op(id, 0, 1, 0));
    CALL(op(id, 0, 32767, 0));
    CALL(op(id, 0, -32767, 0));
    CALL(op(id, 3, 1, 0));
    CALL(ops(id, o, 0));
    CALL(ops(id, NULL, 501));
    CALL(ops(id, (void *)8, 1));
    CALL(op(-1, 0, 1, 0));
    end_set(id);
}

CASE(waiting)
{
    int id = new_set(2);
    pid_t pid;
    CHILD(pid)
    {
        struct sembuf o[2] = {{0, -3, 0}, {1, -1, 0}};
        CALL(ops(id, o, 2));
        TRUTH(sem_ctl(id, 0, GETPID, NULL) == getpid());
    }
    await_waiters(id, 0, GETNCNT, 1);
    SHOW(sem_ctl(id, 1, GETNCNT, NULL));
    op(id, 0, 2, 0);
    op(id, 0, 1, 0);
    SHOW(sem_ctl(id, 0, GETNCNT, NULL));
    SHOW(sem_ctl(id, 1, GETNCNT, NULL));
    say_all(id, 2);
    op(id, 1, 1, 0);
    /* It was done in the waiter's place. */
    long first = value_of(id, 0), second = value_of(id, 1);
    say_end("child", pid);
    SHOW(first + second);
    set_value(id, 0, 2);
    CHILD(pid)
    {
        struct sembuf o[2] = {{0, 0, 0}, {0, 5, 0}};
        CALL(ops(id, o, 2));
    }
    await_waiters(id, 0, GETZCNT, 1);
    SHOW(sem_ctl(id, 0, GETNCNT, NULL));
    op(id, 0, -1, 0);
    op(id, 0, -1, 0);
    say_end("child", pid);
    say_all(id, 2);
    CHILD(pid)
    {
        CALL(op(id, 0, -9, 0));
    }
    await_waiters(id, 0, GETNCNT, 1);
    unsigned short values[2] = {9, 1};
    sem_ctl(id, 0, SETALL, values);
    say_end("child", pid);
    say_all(id, 2);
    end_set(id);
}

static void on_signal(int sig)
{
    (void)sig;
}

CASE(interrupted)
{
    int id = new_set(1);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pid_t pid = pester(getpid(), SIGUSR1);
    CALL(op(id, 0, -1, 0));
    end_child(pid);
    SHOW(sem_ctl(id, 0, GETNCNT, NULL));
    CHILD(pid)
    {
        CALL(op(id, 0, -1, 0));
    }
    await_waiters(id, 0, GETNCNT, 1);
    sem_ctl(id, 0, IPC_RMID, NULL);
    say_end("removed", pid);
}

CASE(timeouts)
{
    int id = new_set(1);
    struct sembuf o = {0, -1, 0};
    struct timespec t = {0, 20000000};
    long long before = now_ns();
    CALL(timed(id, &o, 1, &t));
    TRUTH(now_ns() - before >= 20000000);
    SHOW(sem_ctl(id, 0, GETNCNT, NULL));
    t.tv_nsec = 0;
    CALL(timed(id, &o, 1, &t));
    t.tv_nsec = 1000000000;
    CALL(timed(id, &o, 1, &t));
    t.tv_nsec = -1;
    CALL(timed(id, &o, 1, &t));
    CALL(timed(id, &o, 1, (void *)8));
    op(id, 0, 1, 0);
    t.tv_nsec = 0;
    CALL(timed(id, &o, 1, &t));
    op(id, 0, 1, 0);
    CALL(timed(id, &o, 1, NULL));
    end_set(id);
}

CASE(undoing)
{
    int id = new_set(3);
    pid_t pid;
    unsigned short values[3] = {5, 5, 5};
    sem_ctl(id, 0, SETALL, values);
    CHILD(pid)
    {
        struct sembuf o[3] = {{0, -4, SEM_UNDO}, {1, 3, SEM_UNDO}, {2, 2, 0}};
        CALL(ops(id, o, 3));
        CALL(op(id, 0, 1, SEM_UNDO));
        struct sembuf no[2] = {{0, 1, SEM_UNDO}, {1, -9, IPC_NOWAIT}};
        CALL(ops(id, no, 2));
        say_all(id, 3);
        pid_t inner;
        CHILD(inner)
        {
            CALL(op(id, 1, -1, SEM_UNDO));
        }
        say_end("inner", inner);
        say_all(id, 3);
    }
    say_end("child", pid);
    say_all(id, 3);
    /* Not below zero; and what was set is not undone. */
    CHILD(pid)
    {
        op(id, 0, 2, SEM_UNDO);
        op(id, 1, 2, SEM_UNDO);
        op(id, 2, 2, SEM_UNDO);
        op(id, 0, -6, 0);
        set_value(id, 1, 1);
        CALL(op(id, 2, 32000, SEM_UNDO));
        CALL(op(id, 2, -32000, 0));
        CALL(op(id, 2, 32000, SEM_UNDO));
    }
    say_end("child", pid);
    say_all(id, 3);
    end_set(id);
}

CASE(undoing_wakes)
{
    int id = new_set(1), p[2];
    pid_t pid;
    set_value(id, 0, 1);
    pipe(p);
    CHILD(pid)
    {
        op(id, 0, -1, SEM_UNDO);
        pass(p[1]);
        pause();
    }
    await(p[0]);
    pid_t waiter;
    CHILD(waiter)
    {
        CALL(op(id, 0, -1, 0));
    }
    await_waiters(id, 0, GETNCNT, 1);
    end_child(pid);
    say_end("waiter", waiter);
    /* execve keeps what is to be undone. */
    CHILD(pid)
    {
        op(id, 0, 7, SEM_UNDO);
        dup2(p[1], 1);
        execl("/proc/self/exe", "sysv_sem", "idle", NULL);
    }
    await(p[0]);
    say_all(id, 1);
    end_child(pid);
    say_all(id, 1);
    /* The set goes first. */
    CHILD(pid)
    {
        op(id, 0, 7, SEM_UNDO);
        end_set(id);
    }
    say_end("child", pid);
}

static void *change(void *arg)
{
    op(*(int *)arg, 0, 4, SEM_UNDO);
    return NULL;
}

CASE(threads_undo_together)
{
    int id = new_set(1);
    pid_t pid;
    CHILD(pid)
    {
        pthread_t thread;
        pthread_create(&thread, NULL, change, &id);
        pthread_join(thread, NULL);
        SHOW(value_of(id, 0));
        op(id, 0, 1, SEM_UNDO);
        SHOW(value_of(id, 0));
    }
    say_end("child", pid);
    SHOW(value_of(id, 0));
    end_set(id);
}

CASE(rights)
{
    int key = some_key(), id = (int)sem_get(key, 2, IPC_CREAT | 0624);
    pid_t pid;
    for (gid_t group = 0; group < 3; group += 2) {
        CHILD(pid)
        {
            struct semid_ds s;
            unsigned short values[2] = {0, 0};
            setgroups(0, NULL);
            setresgid(group, group, group);
            setresuid(1000, 1000, 1000);
            CALL(sem_get(key, 0, 0200) >= 0);
            CALL(sem_get(key, 0, 0400) >= 0);
            CALL(op(id, 0, 0, IPC_NOWAIT));
            CALL(op(id, 0, 1, 0));
            CALL(value_of(id, 0));
            CALL(set_value(id, 0, 0));
            CALL(sem_ctl(id, 0, GETALL, values));
            CALL(sem_ctl(id, 0, SETALL, values));
            CALL(sem_ctl(id, 0, IPC_STAT, &s));
            CALL(sem_ctl(id, 0, IPC_SET, &s));
            CALL(sem_ctl(id, 0, IPC_RMID, NULL));
        }
        say_end("somebody", pid);
    }
    end_set(id);
}

CASE(information)
{
    struct seminfo use, more;
    struct semid_ds s;
    sem_ctl(0, 0, SEM_INFO, &use);
    int id = new_set(7);
    long last = sem_ctl(0, 0, SEM_INFO, &more);
    SHOW(more.semusz - use.semusz);
    SHOW(more.semaem - use.semaem);
    TRUTH(sem_ctl(0, 0, IPC_INFO, &use) == last);
    say("%d %d %d %d %d %d %d %d %d %d\n", use.semmap, use.semmni, use.semmns, use.semmnu,
        use.semmsl, use.semopm, use.semume, use.semusz, use.semvmx, use.semaem);
    int found = 0;
    for (long i = 0; i <= last; i++) {
        found += sem_ctl((int)i, 0, SEM_STAT, &s) == id && s.sem_nsems == 7;
        found += sem_ctl((int)i, 0, 20, &s) == id && s.sem_nsems == 7;
    }
    SHOW(found);
    CALL(sem_ctl(0, 0, SEM_INFO, (void *)8));
    char line[256], want[64];
    snprintf(want, sizeof want, "%10d %10d   600 %10d     0     0     0     0          0 ", 0, id,
             7);
    FILE *file = fopen("/proc/sysvipc/sem", "r");
    for (found = 0; fgets(line, sizeof line, file);) {
        found += strncmp(line, want, strlen(want)) == 0;
    }
    SHOW(found);
    say_file("/proc/sys/kernel/sem");
    end_set(id);
}

/* Four processes pass tokens through two semaphores and never lose one. */
CASE(many)
{
    int id = new_set(2);
    pid_t pids[4];
    op(id, 0, 2, 0);
    for (int p = 0; p < 4; p++) {
        CHILD(pids[p])
        {
            struct sembuf o[2] = {{0, -1, SEM_UNDO}, {1, 1, 0}}, back = {0, 1, SEM_UNDO};
            for (int i = 0; i < 500; i++) {
                if (ops(id, o, 2) || value_of(id, 0) > 1 || ops(id, &back, 1)) {
                    _exit(1);
                }
            }
        }
    }
    for (int p = 0; p < 4; p++) {
        say_end("child", pids[p]);
    }
    say_all(id, 2);
    end_set(id);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        pass(1);
        pause();
    }
    return RUN(ENTRY(making), ENTRY(values), ENTRY(operations), ENTRY(waiting), ENTRY(interrupted),
               ENTRY(timeouts), ENTRY(undoing), ENTRY(undoing_wakes), ENTRY(threads_undo_together),
               ENTRY(rights), ENTRY(information), ENTRY(many));
}
