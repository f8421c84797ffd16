/* SPDX-License-Identifier: BSD-2-Clause */
/* Futexes that have an owner: FUTEX_LOCK_PI and its like. */
#include "test/linux/futex.h"
#include <stdatomic.h>

static unsigned word, word2, lock2;

CASE(lock_and_unlock)
{
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    say_word("locked", word, 0);
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    say_word("unlocked", word, 0);
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    say_word("locked", word, 0);
    CALL(futex(&word, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_LOCK_PI2, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}

CASE(what_is_in_the_word)
{
    static const unsigned values[] = {FUTEX_WAITERS, FUTEX_OWNER_DIED,
                                      FUTEX_WAITERS | FUTEX_OWNER_DIED};
    for (size_t i = 0; i < COUNT(values); i++) {
        word = values[i];
        CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
        say_word("locked", word, 0);
        word = (word & FUTEX_TID_MASK) | values[i];
        CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
        say_word("unlocked", word, 0);
    }
}

CASE(owner_that_does_not_exist)
{
    word = 0x3ffffff0;
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    TRUTH(word == (0x3ffffff0 | FUTEX_WAITERS));
    word = 0x3ffffff0;
    CALL(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    word = (unsigned)pid;
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
}

CASE(a_kernel_thread_as_owner)
{
    word = 2;
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
}

/* A thread that takes a lock, tells, and unlocks it when told. */
struct holder {
    pthread_t thread;
    unsigned *word;
    int tid, release; /* atomic */
    bool just_end;
};
static void *hold(void *arg)
{
    struct holder *h = arg;
    long result = futex(h->word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    if (result) {
        say("lock: %s\n", error_name(errno));
    }
    __atomic_store_n(&h->tid, gettid_(), __ATOMIC_RELEASE);
    while (!__atomic_load_n(&h->release, __ATOMIC_ACQUIRE)) {
        futex(&h->release, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    if (!h->just_end && futex(h->word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0)) {
        say("unlock: %s\n", error_name(errno));
    }
    return NULL;
}
static void start_holder(struct holder *h, unsigned *at)
{
    *h = (struct holder){.word = at};
    pthread_create(&h->thread, NULL, hold, h);
    while (!__atomic_load_n(&h->tid, __ATOMIC_ACQUIRE)) {
        look_again();
    }
    await_sleep(getpid(), h->tid);
}
static void let_go(struct holder *h)
{
    __atomic_store_n(&h->release, 1, __ATOMIC_RELEASE);
    futex(&h->release, FUTEX_WAKE, 1, NULL, NULL, 0);
    pthread_join(h->thread, NULL);
}

CASE(somebody_else_has_it)
{
    struct holder h;
    struct timespec past = {0, 1}, bad = {0, -1};
    start_holder(&h, &word);
    say_word("held", word, h.tid);
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    say_word("tried", word, h.tid);
    CALL(futex(&word, FUTEX_LOCK_PI, 0, &past, NULL, 0));
    CALL(futex(&word, FUTEX_LOCK_PI, 0, &bad, NULL, 0));
    CALL(futex(&word, FUTEX_LOCK_PI2, 0, &past, NULL, 0));
    CALL(futex(&word, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &past, NULL, 0));
    let_go(&h);
    say_word("let go", word, h.tid);
    CALL(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
}

CASE(given_to_the_one_who_waits)
{
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    struct sleeper s = {.word = &word, .op = FUTEX_LOCK_PI};
    start_sleeper(&s);
    say_word("wanted", word, s.tid);
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    say_word("given", word, s.tid);
    join_sleeper("sleeper", &s);
}

CASE(in_the_order_of_arrival)
{
    struct sleeper s[3];
    futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    for (int i = 0; i < 3; i++) {
        s[i] = (struct sleeper){.word = &word, .op = FUTEX_LOCK_PI};
        start_sleeper(&s[i]);
    }
    /* Each one ends as its owner, and the next one gets it. */
    futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    for (int i = 0; i < 3; i++) {
        join_sleeper("sleeper", &s[i]);
    }
    say_word("at the end", word, s[2].tid);
}

CASE(the_highest_priority_first)
{
    struct sleeper s[3];
    static const int fifo[3] = {0, 10, 20};
    futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    for (int i = 0; i < 3; i++) {
        s[i] = (struct sleeper){.word = &word, .op = FUTEX_LOCK_PI, .fifo = fifo[i]};
        start_sleeper(&s[i]);
    }
    /* Each one ends as its owner. */
    futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    for (int i = 0; i < 3; i++) {
        join_sleeper("sleeper", &s[i]);
        say("priority %d: turn %d\n", fifo[i], s[i].turn);
    }
}

CASE(two_locks_crosswise)
{
    futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    struct holder h;
    start_holder(&h, &word2);
    /* The holder of the second waits for the first; the caller then asks for the second. */
    struct sleeper s = {.word = &word2, .op = FUTEX_LOCK_PI};
    start_sleeper(&s);
    CALL(futex(&word2, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    let_go(&h);
    join_sleeper("sleeper", &s);
}

struct chain {
    unsigned *mine, *wanted;
    pthread_t thread;
    int tid;
    long result;
};
static void *chain_main(void *arg)
{
    struct chain *c = arg;
    futex(c->mine, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    __atomic_store_n(&c->tid, gettid_(), __ATOMIC_RELEASE);
    long result = futex(c->wanted, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    c->result = result == -1 ? -errno : result;
    futex(c->mine, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    if (result == 0) {
        futex(c->wanted, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    }
    return NULL;
}
static void start_chain(struct chain *c, unsigned *mine, unsigned *wanted)
{
    *c = (struct chain){.mine = mine, .wanted = wanted};
    pthread_create(&c->thread, NULL, chain_main, c);
    while (!__atomic_load_n(&c->tid, __ATOMIC_ACQUIRE)) {
        look_again();
    }
    await_sleep(getpid(), c->tid);
}

CASE(a_deadlock_is_refused)
{
    struct chain c;
    futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    start_chain(&c, &word2, &word);
    CALL(futex(&word2, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&word2, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    pthread_join(c.thread, NULL);
    say_result("other", c.result);
}

CASE(a_ring_of_four_is_refused)
{
    static unsigned locks[4];
    struct chain c[3];
    futex(&locks[3], FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    for (int i = 2; i >= 0; i--) {
        start_chain(&c[i], &locks[i], &locks[i + 1]);
    }
    CALL(futex(&locks[0], FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&locks[3], FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    for (int i = 0; i < 3; i++) {
        pthread_join(c[i].thread, NULL);
        say_result("other", c[i].result);
    }
}

static void say_priority(const char *when, int tid)
{
    say("%s: %ld\n", when, task_stat(getpid(), tid, 18));
}

CASE(the_owner_has_the_waiters_priority)
{
    struct holder h;
    struct timespec soon = {0, 1};
    start_holder(&h, &word);
    say_priority("its own", h.tid);
    struct sleeper low = {.word = &word, .op = FUTEX_LOCK_PI, .fifo = 20};
    struct sleeper high = {.word = &word, .op = FUTEX_LOCK_PI, .fifo = 40};
    start_sleeper(&low);
    say_priority("one waits", h.tid);
    start_sleeper(&high);
    say_priority("two wait", h.tid);
    CALL(futex(&word, FUTEX_LOCK_PI, 0, &soon, NULL, 0));
    say_priority("the caller gave up", h.tid);
    let_go(&h);
    join_sleeper("high", &high);
    join_sleeper("low", &low);
}

/* A thread that waits for one lock and has another lends what is lent to it. */
CASE(priorities_are_lent_along_a_chain)
{
    struct chain c;
    futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    start_chain(&c, &word2, &word);
    struct sleeper s = {.word = &word2, .op = FUTEX_LOCK_PI, .fifo = 30};
    start_sleeper(&s);
    say_priority("who waits", c.tid);
    say_priority("who has the first lock", gettid_());
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    say_priority("afterwards", gettid_());
    pthread_join(c.thread, NULL);
    join_sleeper("sleeper", &s);
}

static atomic_bool stop_hogging;
static void *hog(void *arg)
{
    set_fifo(20);
    while (!stop_hogging) {
    }
    return arg;
}

/* On one CPU, an owner without a claim would never run beside the hog. */
CASE(the_owner_runs_for_who_waits)
{
    cpu_set_t first;
    pthread_t hogger;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    CALL(sched_setaffinity(0, sizeof first, &first));
    struct holder h;
    start_holder(&h, &word);
    set_fifo(50);
    stop_hogging = false;
    pthread_create(&hogger, NULL, hog, NULL);
    h.release = 1;
    futex(&h.release, FUTEX_WAKE, 1, NULL, NULL, 0);
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    stop_hogging = true;
    pthread_join(h.thread, NULL);
    pthread_join(hogger, NULL);
}

CASE(plain_and_owned_do_not_mix)
{
    struct sleeper s = {.word = &word, .op = FUTEX_WAIT, .value = 0};
    start_sleeper(&s);
    word = 1; /* as if init had it */
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    word = 0;
    futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0);
    join_sleeper("sleeper", &s);
    futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    struct sleeper owned = {.word = &word, .op = FUTEX_LOCK_PI};
    start_sleeper(&owned);
    CALL(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 1));
    CALL(futex2(&word, FUTEX_REQUEUE, 1, 1, &word2, 0));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE, 1, 1, &word2, word));
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    join_sleeper("owned", &owned);
}

CASE(the_word_is_changed_behind_its_back)
{
    futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    struct sleeper s = {.word = &word, .op = FUTEX_LOCK_PI};
    start_sleeper(&s);
    unsigned good = word;
    word = 1 | FUTEX_WAITERS;
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    word = good;
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    join_sleeper("sleeper", &s);
}

static volatile sig_atomic_t handled;
static void on_signal(int sig)
{
    (void)sig;
    handled++;
}

CASE(a_signal_does_not_end_the_wait)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    struct sleeper s = {.word = &word, .op = FUTEX_LOCK_PI};
    start_sleeper(&s);
    syscall(SYS_tgkill, getpid(), s.tid, SIGUSR1);
    while (!handled) {
        look_again();
    }
    await_sleep(getpid(), s.tid);
    TRUTH(!s.done);
    CALL(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    join_sleeper("sleeper", &s);
}

CASE(the_owner_ends)
{
    struct holder h;
    start_holder(&h, &word);
    h.just_end = true;
    struct sleeper s = {.word = &word, .op = FUTEX_LOCK_PI};
    start_sleeper(&s);
    let_go(&h);
    join_sleeper("sleeper", &s);
    say_word("word", word, s.tid);
}

CASE(the_owner_ends_and_two_wait)
{
    struct holder h;
    struct sleeper s[2];
    start_holder(&h, &word);
    h.just_end = true;
    for (int i = 0; i < 2; i++) {
        s[i] = (struct sleeper){.word = &word, .op = FUTEX_LOCK_PI};
        start_sleeper(&s[i]);
    }
    let_go(&h);
    join_sleeper("first", &s[0]);
    join_sleeper("second", &s[1]);
    say_word("word", word, s[1].tid);
}

CASE(the_owner_is_killed)
{
    unsigned *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid;
    CHILD(pid)
    {
        futex(at, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
        pause();
    }
    while (!(__atomic_load_n(at, __ATOMIC_ACQUIRE) & FUTEX_TID_MASK)) {
        look_again();
    }
    struct sleeper s = {.word = at, .op = FUTEX_LOCK_PI};
    start_sleeper(&s);
    say_word("held", *at, pid);
    kill(pid, SIGKILL);
    say_end("owner", pid);
    join_sleeper("sleeper", &s);
    say_word("inherited", *at, s.tid);
}

CASE(a_waiter_is_killed)
{
    unsigned *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    futex(at, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    pid_t pid;
    CHILD(pid)
    {
        futex(at, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    }
    await_sleep(pid, pid);
    kill(pid, SIGKILL);
    say_end("waiter", pid);
    CALL(futex(at, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    say_word("free", *at, pid);
}

CASE(the_owner_execs)
{
    char *argv[] = {"none", NULL};
    unsigned *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int p[2];
    pipe(p);
    pid_t pid;
    CHILD(pid)
    {
        futex(at, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
        close(p[1]);
        await(p[0]);
        await_sleep(getppid(), (int)at[1]);
        execve("/proc/self/exe", argv, argv + 1);
    }
    close(p[0]);
    while (!(__atomic_load_n(at, __ATOMIC_ACQUIRE) & FUTEX_TID_MASK)) {
        look_again();
    }
    at[1] = (unsigned)gettid_();
    close(p[1]);
    CALL(futex(at, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    say_end("owner", pid);
    say_word("mine", *at, pid);
}

/* --- requeueing to a lock ------------------------------------------------------------------------
 */

CASE(requeue_pi_arguments)
{
    struct timespec past = {0, 1};
    CALL(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, &past, &word, 0));
    CALL(futex(&word, FUTEX_WAIT_REQUEUE_PI, 1, &past, &word2, 0));
    CALL(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, &past, &word2, 0));
    CALL(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, &past, (char *)&word2 + 1, 0));
    CALL(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, &past, (void *)8, 0));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 1, &word, 0));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 2, 1, &word2, 0));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 0, 1, &word2, 0));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, -1, &word2, 0));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 1, &word2, 5));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 1, &word2, 0));
}

static struct sleeper wanting[3];
static void start_wanting(int count)
{
    for (int i = 0; i < count; i++) {
        wanting[i] = (struct sleeper){.word = &word, .op = FUTEX_WAIT_REQUEUE_PI, .word2 = &lock2};
        start_sleeper(&wanting[i]);
    }
}

CASE(requeue_pi_takes_a_free_lock)
{
    start_wanting(1);
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 0, &lock2, 0));
    join_sleeper("sleeper", &wanting[0]);
    say_word("lock", lock2, wanting[0].tid);
}

CASE(requeue_pi_of_three)
{
    start_wanting(3);
    futex(&lock2, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 9, &lock2, 0));
    TRUTH(!wanting[0].done && !wanting[1].done && !wanting[2].done);
    CALL(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0));
    CALL(futex(&lock2, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    for (int i = 0; i < 3; i++) {
        join_sleeper("sleeper", &wanting[i]);
    }
}

CASE(requeue_pi_to_another_word)
{
    start_wanting(1);
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 1, &word2, 0));
    CALL(futex2(&word, FUTEX_REQUEUE, 1, 1, &lock2, 0));
    CALL(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 1, &lock2, 0));
    join_sleeper("sleeper", &wanting[0]);
}

CASE(requeue_pi_of_plain_sleepers)
{
    struct sleeper s = {.word = &word, .op = FUTEX_WAIT};
    start_sleeper(&s);
    CALL(futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 1, &lock2, 0));
    CALL(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    join_sleeper("sleeper", &s);
}

CASE(requeue_pi_times_out)
{
    struct timespec soon;
    clock_gettime(CLOCK_MONOTONIC, &soon);
    soon.tv_sec++;
    soon.tv_nsec = 0;
    futex(&lock2, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    wanting[0] = (struct sleeper){
        .word = &word, .op = FUTEX_WAIT_REQUEUE_PI, .word2 = &lock2, .timeout = &soon};
    start_sleeper(&wanting[0]);
    futex2(&word, FUTEX_CMP_REQUEUE_PI, 1, 1, &lock2, 0);
    join_sleeper("sleeper", &wanting[0]);
    CALL(futex(&lock2, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}

/* --- the C library's mutexes -------------------------------------------------------------------
 */

static long counter;
static pthread_mutex_t inheriting;
static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&inheriting);
        long now = counter;
        if (i % 16 == 0) {
            sched_yield();
        }
        counter = now + 1;
        pthread_mutex_unlock(&inheriting);
    }
    return NULL;
}

CASE(pthread_mutexes_inherit_priorities)
{
    pthread_mutexattr_t attr;
    pthread_t t[6];
    pthread_mutexattr_init(&attr);
    CALL(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
    CALL(pthread_mutex_init(&inheriting, &attr));
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_create(&t[i], NULL, count_up, NULL);
    }
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(counter);
}

int main(int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "none")) {
        return 7;
    }
    return RUN(ENTRY(lock_and_unlock), ENTRY(what_is_in_the_word), ENTRY(owner_that_does_not_exist),
               ENTRY(a_kernel_thread_as_owner), ENTRY(somebody_else_has_it),
               ENTRY(given_to_the_one_who_waits), ENTRY(in_the_order_of_arrival),
               ENTRY(the_highest_priority_first), ENTRY(two_locks_crosswise),
               ENTRY(a_deadlock_is_refused), ENTRY(a_ring_of_four_is_refused),
               ENTRY(the_owner_has_the_waiters_priority), ENTRY(priorities_are_lent_along_a_chain),
               ENTRY(the_owner_runs_for_who_waits), ENTRY(plain_and_owned_do_not_mix),
               ENTRY(the_word_is_changed_behind_its_back), ENTRY(a_signal_does_not_end_the_wait),
               ENTRY(the_owner_ends), ENTRY(the_owner_ends_and_two_wait),
               ENTRY(the_owner_is_killed), ENTRY(a_waiter_is_killed), ENTRY(the_owner_execs),
               ENTRY(requeue_pi_arguments), ENTRY(requeue_pi_takes_a_free_lock),
               ENTRY(requeue_pi_of_three), ENTRY(requeue_pi_to_another_word),
               ENTRY(requeue_pi_of_plain_sleepers), ENTRY(requeue_pi_times_out),
               ENTRY(pthread_mutexes_inherit_priorities));
}
