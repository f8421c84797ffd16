/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads through the C library, and futexes by themselves. */
#include "test/linux/check.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

/* futex(2); musl ships no kernel headers. */
enum {
    FUTEX_WAIT,
    FUTEX_WAKE,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_WAIT_PRIVATE = 128,
    FUTEX_WAKE_PRIVATE = 129,
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile int shared;
static __thread int own = 7;

static void *add(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&mutex);
        shared++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

CASE(create_and_join)
{
    enum { N = 8 };
    pthread_t threads[N];
    for (int i = 0; i < N; i++) {
        CALL(pthread_create(&threads[i], NULL, add, NULL));
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
    }
    SHOW(shared);
}

static void *show_own(void *arg)
{
    own += (int)(long)arg;
    return (void *)(long)own;
}

CASE(thread_local_storage)
{
    own = 100;
    for (long i = 1; i < 4; i++) {
        pthread_t t;
        void *result;
        pthread_create(&t, NULL, show_own, (void *)i);
        pthread_join(t, &result);
        say("thread: %ld\n", (long)result);
    }
    SHOW(own);
}

static void *show_ids(void *arg)
{
    (void)arg;
    TRUTH(getpid() != gettid());
    TRUTH(syscall(SYS_tgkill, getpid(), gettid(), 0) == 0);
    return (void *)(long)getpid();
}

CASE(ids)
{
    pthread_t t;
    void *pid;
    pthread_create(&t, NULL, show_ids, NULL);
    pthread_join(t, &pid);
    TRUTH((long)pid == getpid());
    TRUTH(getpid() == gettid());
}

enum { ITEMS = 1000, ROOM = 4 };
static int ring[ROOM], ring_count, ring_in, ring_out;

static void *produce(void *arg)
{
    (void)arg;
    for (int i = 1; i <= ITEMS; i++) {
        pthread_mutex_lock(&mutex);
        while (ring_count == ROOM) {
            pthread_cond_wait(&cond, &mutex);
        }
        ring[ring_in++ % ROOM] = i;
        ring_count++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

CASE(condition_variables)
{
    pthread_t t;
    long sum = 0;
    pthread_create(&t, NULL, produce, NULL);
    for (int i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&mutex);
        while (ring_count == 0) {
            pthread_cond_wait(&cond, &mutex);
        }
        sum += ring[ring_out++ % ROOM];
        ring_count--;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    pthread_join(t, NULL);
    SHOW(sum);
}

CASE(timed_condition)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&mutex);
    TRUTH(pthread_cond_timedwait(&cond, &mutex, &until) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    sem_t sem;
    sem_init(&sem, 0, 1);
    CALL(sem_wait(&sem));
    CALL(sem_trywait(&sem));
    CALL(sem_timedwait(&sem, &until));
}

static volatile sig_atomic_t handled_by;
static void note_thread(int sig)
{
    (void)sig;
    handled_by = gettid();
}
static sem_t ready;
static void *wait_for_signal(void *arg)
{
    *(volatile pid_t *)arg = gettid();
    sem_post(&ready);
    while (!handled_by) {
        sched_yield();
    }
    return NULL;
}

CASE(signal_to_one_thread)
{
    pthread_t t;
    volatile pid_t tid = 0;
    sem_init(&ready, 0, 0);
    signal(SIGUSR1, note_thread);
    pthread_create(&t, NULL, wait_for_signal, (void *)&tid);
    sem_wait(&ready);
    CALL(pthread_kill(t, SIGUSR1));
    pthread_join(t, NULL);
    TRUTH(handled_by == tid);
}

CASE(process_signal_goes_to_a_thread_that_takes_it)
{
    pthread_t t;
    volatile pid_t tid = 0;
    sigset_t set;
    handled_by = 0;
    sem_init(&ready, 0, 0);
    signal(SIGUSR1, note_thread);
    pthread_create(&t, NULL, wait_for_signal, (void *)&tid);
    sem_wait(&ready);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    CALL(kill(getpid(), SIGUSR1));
    pthread_join(t, NULL);
    TRUTH(handled_by == tid);
}

static void *leave(void *arg)
{
    if (arg) {
        _exit(23);
    }
    pause();
    return NULL;
}

CASE(exit_ends_all_threads)
{
    pid_t pid;
    CHILD(pid)
    {
        pthread_t t[3];
        pthread_create(&t[0], NULL, leave, NULL);
        pthread_create(&t[1], NULL, leave, NULL);
        pthread_create(&t[2], NULL, leave, (void *)1);
        pause();
    }
    say_end("exit_group in a thread", pid);
    CHILD(pid)
    {
        pthread_t t;
        pthread_create(&t, NULL, leave, NULL);
        kill(getpid(), SIGTERM);
        pause();
    }
    say_end("signal", pid);
}

static void *crash(void *arg)
{
    *(volatile int *)arg = 1;
    return NULL;
}
static void *linger(void *arg)
{
    (void)arg;
    sleep_ms(50);
    say("the last thread\n");
    _exit(4);
}

CASE(ways_to_end)
{
    pid_t pid;
    CHILD(pid)
    {
        pthread_t t;
        pthread_create(&t, NULL, crash, (void *)16);
        pause();
    }
    say_end("fault in a thread", pid);
    CHILD(pid)
    {
        pthread_t t;
        pthread_create(&t, NULL, linger, NULL);
        syscall(SYS_exit, 9);
    }
    say_end("the first thread leaves early", pid);
}

static void *exec_something(void *arg)
{
    char *argv[] = {"threads", "after-exec", NULL}, *envp[] = {NULL};
    execve(arg, argv, envp);
    say("execve: %s\n", error_name(errno));
    return NULL;
}

CASE(exec_in_a_thread)
{
    static char self[PATH_MAX];
    readlink("/proc/self/exe", self, sizeof self - 1);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, leave, NULL);
        pthread_create(&t, NULL, exec_something, self);
        pause();
        _exit(1);
    }
    say_end("end", pid);
}

static void *fork_in_thread(void *arg)
{
    (void)arg;
    pid_t pid;
    CHILD(pid)
    {
        TRUTH(getpid() == gettid());
    }
    say_end("child of a thread", pid);
    return NULL;
}

CASE(fork_copies_one_thread)
{
    pthread_t a, b;
    pthread_create(&a, NULL, leave, NULL);
    pthread_create(&b, NULL, fork_in_thread, NULL);
    pthread_join(b, NULL);
}

static int word;
static long futex(int op, int value, const struct timespec *timeout, int *other, int value3)
{
    return syscall(SYS_futex, &word, op, value, timeout, other, value3);
}
static void *futex_waiter(void *arg)
{
    (void)arg;
    while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 0) {
        futex(FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
    return NULL;
}

CASE(futex_basics)
{
    struct timespec little = {0, 10000000}, bad = {0, -1};
    CALL(futex(FUTEX_WAIT, 5, NULL, NULL, 0));
    CALL(futex(FUTEX_WAIT, 0, &little, NULL, 0));
    CALL(futex(FUTEX_WAIT, 0, &bad, NULL, 0));
    CALL(futex(FUTEX_WAKE, 1, NULL, NULL, 0));
    CALL(futex(FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
    CALL(futex(FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    CALL(futex(99, 1, NULL, NULL, 0));
    CALL(syscall(SYS_futex, 8, FUTEX_WAIT, 0, NULL, NULL, 0));
    CALL(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0));
    pthread_t t;
    pthread_create(&t, NULL, futex_waiter, NULL);
    sleep_ms(10);
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
    futex(FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    pthread_join(t, NULL);
    say("woken\n");
}

CASE(futex_between_processes)
{
    int *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid;
    CHILD(pid)
    {
        while (__atomic_load_n(at, __ATOMIC_ACQUIRE) == 0) {
            syscall(SYS_futex, at, FUTEX_WAIT, 0, NULL, NULL, 0);
        }
        say("child is awake\n");
    }
    sleep_ms(10);
    __atomic_store_n(at, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, at, FUTEX_WAKE, 10, NULL, NULL, 0);
    say_end("child", pid);
}

static int queue_word, target_word;
static volatile int requeued;
static void *requeue_waiter(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&requeued, 1, __ATOMIC_ACQ_REL);
    syscall(SYS_futex, &queue_word, FUTEX_WAIT, 0, NULL, NULL, 0);
    __atomic_sub_fetch(&requeued, 1, __ATOMIC_ACQ_REL);
    return NULL;
}

CASE(futex_requeue)
{
    enum { N = 3 };
    pthread_t t[N];
    for (int i = 0; i < N; i++) {
        pthread_create(&t[i], NULL, requeue_waiter, NULL);
    }
    CALL(syscall(SYS_futex, &queue_word, FUTEX_CMP_REQUEUE, 1, 10, &target_word, 77));
    long moved = 0;
    while (moved < N) {
        long n = syscall(SYS_futex, &queue_word, FUTEX_CMP_REQUEUE, 0, 10, &target_word, 0);
        moved += n > 0 ? n : 0;
        sched_yield();
    }
    SHOW(moved);
    long woken = syscall(SYS_futex, &queue_word, FUTEX_WAKE, 10, NULL, NULL, 0);
    woken += syscall(SYS_futex, &target_word, FUTEX_WAKE, 10, NULL, NULL, 0);
    SHOW(woken);
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(requeued);
}

static void *cancel_me(void *arg)
{
    (void)arg;
    char c;
    int p[2];
    pipe(p);
    read(p[0], &c, 1);
    return NULL;
}

CASE(cancel_a_sleeping_thread)
{
    pthread_t t;
    void *result;
    pthread_create(&t, NULL, cancel_me, NULL);
    CALL(pthread_cancel(t));
    CALL(pthread_join(t, &result));
    TRUTH(result == PTHREAD_CANCELED);
}

CASE(robust_mutex_of_a_dead_thread)
{
    pthread_mutex_t *robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                   -1, 0);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    CALL(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
    pthread_mutex_init(robust, &attr);
    pid_t pid;
    CHILD(pid)
    {
        pthread_mutex_lock(robust);
        kill(getpid(), SIGKILL);
    }
    say_end("owner", pid);
    TRUTH(pthread_mutex_lock(robust) == EOWNERDEAD);
    CALL(pthread_mutex_consistent(robust));
    CALL(pthread_mutex_unlock(robust));
    CALL(pthread_mutex_lock(robust));
}

CASE(busy_threads_share_the_cpu)
{
    static volatile int turn;
    pthread_t t;
    turn = 0;
    pthread_create(&t, NULL, linger, NULL); /* ends the case after 50 ms */
    while (!turn) {
        /* never gives the CPU away: the other thread must get it all the same */
    }
    (void)t;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        say("%s: pid is tid: %d\n", argv[1], getpid() == gettid());
        return 5;
    }
    return RUN(ENTRY(create_and_join), ENTRY(thread_local_storage), ENTRY(ids),
               ENTRY(condition_variables), ENTRY(timed_condition), ENTRY(signal_to_one_thread),
               ENTRY(process_signal_goes_to_a_thread_that_takes_it), ENTRY(exit_ends_all_threads),
               ENTRY(ways_to_end), ENTRY(exec_in_a_thread), ENTRY(fork_copies_one_thread),
               ENTRY(futex_basics), ENTRY(futex_between_processes), ENTRY(futex_requeue),
               ENTRY(cancel_a_sleeping_thread), ENTRY(robust_mutex_of_a_dead_thread),
               ENTRY(busy_threads_share_the_cpu));
}
