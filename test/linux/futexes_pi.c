/* SPDX-License-Identifier: BSD-2-Clause */
/* Futexes that have an owner: FUTEX_LOCK_PI and its like, and the robust lists of threads that end.
 */
#include "test/linux/futex.h"

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
        sched_yield();
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
        sched_yield();
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
        sched_yield();
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
        sched_yield();
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
        sched_yield();
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

static void lock_and_die(pthread_mutex_t *mutex)
{
    pid_t pid;
    CHILD(pid)
    {
        pthread_mutex_lock(mutex);
        kill(getpid(), SIGKILL);
    }
    say_end("owner", pid);
}
static pthread_mutex_t *robust_mutex(int protocol)
{
    pthread_mutex_t *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                  -1, 0);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&attr, protocol);
    pthread_mutex_init(mutex, &attr);
    return mutex;
}

CASE(robust_and_inheriting)
{
    pthread_mutex_t *mutex = robust_mutex(PTHREAD_PRIO_INHERIT);
    for (int i = 0; i < 3; i++) {
        lock_and_die(mutex);
        TRUTH(pthread_mutex_lock(mutex) == EOWNERDEAD);
        CALL(pthread_mutex_consistent(mutex));
        CALL(pthread_mutex_unlock(mutex));
    }
}

CASE(owner_dies_while_others_wait)
{
    for (int protocol = 0; protocol < 2; protocol++) {
        pthread_mutex_t *mutex = robust_mutex(protocol ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE);
        int ready[2];
        pid_t owner, waiter[2];
        pipe(ready);
        CHILD(owner)
        {
            pthread_mutex_lock(mutex);
            pass(ready[1]);
            pause();
        }
        await(ready[0]);
        for (int i = 0; i < 2; i++) {
            CHILD(waiter[i])
            {
                int error = pthread_mutex_lock(mutex);
                if (error == EOWNERDEAD) {
                    pthread_mutex_consistent(mutex);
                }
                pthread_mutex_unlock(mutex);
                _exit(error == EOWNERDEAD);
            }
            await_sleep(waiter[i], waiter[i]);
        }
        kill(owner, SIGKILL);
        say_end("owner", owner);
        int died = 0;
        for (int i = 0; i < 2; i++) {
            int status;
            waitpid(waiter[i], &status, 0);
            died += WEXITSTATUS(status);
        }
        SHOW(died);
    }
}

/* --- robust lists ------------------------------------------------------------------------------
 */

struct entry {
    struct entry *next;
    unsigned lock, pad;
};
struct head {
    void *next;
    long offset;
    void *pending;
};
static struct {
    struct head head;
    struct entry entries[8];
} * lists; /* in shared memory */

static void make_list(void)
{
    lists = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    lists->head.next = &lists->head;
    lists->head.offset = offsetof(struct entry, lock);
}
/* A child whose list that is ends; `change` has the last word about it. */
static void end_with_list(int count, void (*change)(void))
{
    pid_t pid;
    CHILD(pid)
    {
        for (int i = 0; i < count; i++) {
            lists->entries[i].lock = (unsigned)gettid_();
            lists->entries[i].next = i + 1 < count ? &lists->entries[i + 1] : (void *)&lists->head;
        }
        lists->head.next = count ? (void *)&lists->entries[0] : (void *)&lists->head;
        if (change) {
            change();
        }
        if (syscall(SYS_set_robust_list, &lists->head, sizeof(struct head))) {
            say("set_robust_list: %s\n", error_name(errno));
        }
    }
    say_end("owner", pid);
    for (int i = 0; i < 8; i++) {
        say_word("entry", lists->entries[i].lock, pid);
    }
}

CASE(robust_list_of_three)
{
    make_list();
    end_with_list(3, NULL);
}
static void make_ring(void)
{
    lists->entries[2].next = &lists->entries[0];
}
CASE(robust_list_is_a_ring)
{
    make_list();
    end_with_list(3, make_ring);
}
static void make_self_ring(void)
{
    lists->entries[1].next = &lists->entries[1];
}
CASE(robust_entry_names_itself)
{
    make_list();
    end_with_list(3, make_self_ring);
}
static void into_kernel(void)
{
    lists->entries[1].next = (void *)0xffffffff81000000ul;
}
CASE(robust_list_leads_into_the_kernel)
{
    make_list();
    end_with_list(3, into_kernel);
}
static void first_into_kernel(void)
{
    lists->head.next = (void *)0xffff888000001000ul;
    lists->head.pending = &lists->entries[0];
}
CASE(robust_list_begins_in_the_kernel)
{
    make_list();
    end_with_list(3, first_into_kernel);
}
static void offset_into_kernel(void)
{
    lists->head.offset = (long)(0xffff888000000000ul - (uintptr_t)&lists->entries[0]);
    lists->head.pending = &lists->entries[1];
}
CASE(robust_offset_leads_into_the_kernel)
{
    make_list();
    end_with_list(3, offset_into_kernel);
}
static void odd_offset(void)
{
    lists->head.offset = offsetof(struct entry, lock) + 2;
}
CASE(robust_words_are_misaligned)
{
    make_list();
    end_with_list(2, odd_offset);
}
static void unmapped_entry(void)
{
    lists->entries[0].next = (void *)0x1000;
}
CASE(robust_entry_is_not_mapped)
{
    make_list();
    end_with_list(3, unmapped_entry);
}
static void others_lock(void)
{
    lists->entries[1].lock = 1;
    lists->entries[2].lock |= FUTEX_WAITERS;
}
CASE(robust_list_with_locks_of_others)
{
    make_list();
    end_with_list(4, others_lock);
}
static void with_pending(void)
{
    lists->entries[5].lock = (unsigned)gettid_();
    lists->head.pending = &lists->entries[5];
}
CASE(robust_pending_lock)
{
    make_list();
    end_with_list(2, with_pending);
}
static void pending_in_list(void)
{
    lists->head.pending = &lists->entries[1];
}
CASE(robust_pending_lock_is_in_the_list)
{
    make_list();
    end_with_list(3, pending_in_list);
}
static void inheriting_entries(void)
{
    lists->head.next = (char *)&lists->entries[0] + 1;
    lists->entries[0].next = (void *)((char *)&lists->entries[1] + 1);
    lists->entries[1].lock |= FUTEX_WAITERS;
}
CASE(robust_entries_of_inheriting_locks)
{
    make_list();
    end_with_list(3, inheriting_entries);
}

CASE(robust_list_too_long)
{
    enum { LONG = 2100 };
    make_list();
    struct entry *e = (void *)(lists + 1);
    pid_t pid;
    CHILD(pid)
    {
        for (int i = 0; i < LONG; i++) {
            e[i].lock = (unsigned)gettid_();
            e[i].next = i + 1 < LONG ? &e[i + 1] : (void *)&lists->head;
        }
        lists->head.next = e;
        syscall(SYS_set_robust_list, &lists->head, sizeof(struct head));
    }
    say_end("owner", pid);
    int died = 0;
    for (int i = 0; i < LONG; i++) {
        died += (e[i].lock & FUTEX_OWNER_DIED) != 0;
    }
    SHOW(died);
}

CASE(robust_head_anywhere)
{
    static void *const heads[] = {(void *)8, (void *)0xffff888000000000ul, (void *)1};
    for (size_t i = 0; i < COUNT(heads); i++) {
        pid_t pid;
        CHILD(pid)
        {
            CALL(syscall(SYS_set_robust_list, heads[i], sizeof(struct head)));
        }
        say_end("child", pid);
    }
    CALL(syscall(SYS_set_robust_list, &lists, 23));
    CALL(syscall(SYS_set_robust_list, &lists, 0));
}

CASE(robust_death_wakes_one)
{
    make_list();
    struct sleeper s[2];
    unsigned *at = &lists->entries[0].lock;
    for (int i = 0; i < 2; i++) {
        s[i] = (struct sleeper){.word = at, .op = FUTEX_WAIT};
        start_sleeper(&s[i]);
    }
    pid_t pid;
    CHILD(pid)
    {
        *at = (unsigned)gettid_() | FUTEX_WAITERS;
        lists->entries[0].next = (void *)&lists->head;
        lists->head.next = &lists->entries[0];
        syscall(SYS_set_robust_list, &lists->head, sizeof(struct head));
    }
    say_end("owner", pid);
    SHOW(await_done(s, 2, 1));
    CALL(futex(at, FUTEX_WAKE, 9, NULL, NULL, 0));
    join_sleeper("sleeper", &s[0]);
    join_sleeper("sleeper", &s[1]);
}

CASE(robust_list_at_exec)
{
    make_list();
    char *argv[] = {"none", NULL};
    pid_t pid;
    CHILD(pid)
    {
        lists->entries[0].lock = (unsigned)gettid_();
        lists->entries[0].next = (void *)&lists->head;
        lists->head.next = &lists->entries[0];
        syscall(SYS_set_robust_list, &lists->head, sizeof(struct head));
        execve("/proc/self/exe", argv, argv + 1);
    }
    say_end("owner", pid);
    say_word("entry", lists->entries[0].lock, pid);
}

CASE(robust_list_of_others)
{
    void *head;
    size_t size;
    make_list();
    syscall(SYS_set_robust_list, &lists->head, sizeof(struct head));
    CALL(syscall(SYS_get_robust_list, 0, &head, &size));
    TRUTH(head == &lists->head);
    SHOW(size);
    CALL(syscall(SYS_get_robust_list, gettid_(), &head, &size));
    CALL(syscall(SYS_get_robust_list, 0x3fffffff, &head, &size));
    CALL(syscall(SYS_get_robust_list, 0, (void *)8, &size));
    CALL(syscall(SYS_get_robust_list, 0, &head, (void *)8));
    CALL(syscall(SYS_get_robust_list, -1, &head, &size));
}

int main(int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "none")) {
        return 7;
    }
    return RUN(
        ENTRY(lock_and_unlock), ENTRY(what_is_in_the_word), ENTRY(owner_that_does_not_exist),
        ENTRY(a_kernel_thread_as_owner), ENTRY(somebody_else_has_it),
        ENTRY(given_to_the_one_who_waits), ENTRY(in_the_order_of_arrival),
        ENTRY(the_highest_priority_first), ENTRY(two_locks_crosswise), ENTRY(a_deadlock_is_refused),
        ENTRY(a_ring_of_four_is_refused), ENTRY(plain_and_owned_do_not_mix),
        ENTRY(the_word_is_changed_behind_its_back), ENTRY(a_signal_does_not_end_the_wait),
        ENTRY(the_owner_ends), ENTRY(the_owner_ends_and_two_wait), ENTRY(the_owner_is_killed),
        ENTRY(a_waiter_is_killed), ENTRY(the_owner_execs), ENTRY(requeue_pi_arguments),
        ENTRY(requeue_pi_takes_a_free_lock), ENTRY(requeue_pi_of_three),
        ENTRY(requeue_pi_to_another_word), ENTRY(requeue_pi_of_plain_sleepers),
        ENTRY(requeue_pi_times_out), ENTRY(pthread_mutexes_inherit_priorities),
        ENTRY(robust_and_inheriting), ENTRY(owner_dies_while_others_wait),
        ENTRY(robust_list_of_three), ENTRY(robust_list_is_a_ring), ENTRY(robust_entry_names_itself),
        ENTRY(robust_list_leads_into_the_kernel), ENTRY(robust_list_begins_in_the_kernel),
        ENTRY(robust_offset_leads_into_the_kernel), ENTRY(robust_words_are_misaligned),
        ENTRY(robust_entry_is_not_mapped), ENTRY(robust_list_with_locks_of_others),
        ENTRY(robust_pending_lock), ENTRY(robust_pending_lock_is_in_the_list),
        ENTRY(robust_entries_of_inheriting_locks), ENTRY(robust_list_too_long),
        ENTRY(robust_head_anywhere), ENTRY(robust_death_wakes_one), ENTRY(robust_list_at_exec),
        ENTRY(robust_list_of_others));
}
