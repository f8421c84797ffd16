/* SPDX-License-Identifier: BSD-2-Clause */
/* futex(2): waiting, waking and moving, on every kind of memory and none. */
#include "test/linux/futex.h"

static const struct timespec long_ago = {0, 1};
static unsigned word, word2;

/* Every operation that can be tried without sleeping, on one address: as the word, then as the
 * second word. */
static void try_all(void *at)
{
    static const struct {
        int op;
        const char *name;
    } ops[] = {
        {FUTEX_WAIT, "wait"},
        {FUTEX_WAKE, "wake"},
        {FUTEX_REQUEUE, "requeue"},
        {FUTEX_CMP_REQUEUE, "cmp_requeue"},
        {FUTEX_WAKE_OP, "wake_op"},
        {FUTEX_WAIT_BITSET, "wait_bitset"},
        {FUTEX_WAKE_BITSET, "wake_bitset"},
        {FUTEX_UNLOCK_PI, "unlock_pi"},
        {FUTEX_TRYLOCK_PI, "trylock_pi"},
        {FUTEX_LOCK_PI, "lock_pi"},
        {FUTEX_LOCK_PI2, "lock_pi2"},
        {FUTEX_CMP_REQUEUE_PI, "cmp_requeue_pi"},
    };
    for (size_t i = 0; i < 2 * COUNT(ops); i++) {
        int op = ops[i / 2].op | (i & 1 ? PRIVATE : 0);
        bool wait = ops[i / 2].op == FUTEX_WAIT || ops[i / 2].op == FUTEX_WAIT_BITSET;
        bool lock = ops[i / 2].op == FUTEX_LOCK_PI || ops[i / 2].op == FUTEX_LOCK_PI2;
        const void *arg = wait || lock ? (const void *)&long_ago : (const void *)(long)wait;
        long first = futex(at, op, wait ? 77 : 1, arg, &word2, wait || lock ? ~0u : 77);
        say_result(ops[i / 2].name, first == -1 ? -errno : first);
        if (ops[i / 2].op == FUTEX_REQUEUE || ops[i / 2].op == FUTEX_WAKE_OP ||
            ops[i / 2].op == FUTEX_CMP_REQUEUE_PI) {
            long second = futex(&word, op, 1, NULL, at, 0);
            say_result("second", second == -1 ? -errno : second);
        }
    }
}

static void *map(int prot, int flags, int fd)
{
    void *at = mmap(NULL, 4096, prot, flags, fd, 0);
    if (at == MAP_FAILED) {
        say("mmap: %s\n", error_name(errno));
    }
    return at;
}
static int file_of(int size)
{
    int fd = open("file", O_RDWR | O_CREAT, 0644);
    ftruncate(fd, size);
    return fd;
}

CASE(nothing_mapped)
{
    char *at = map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    munmap(at, 4096);
    try_all(at);
}
CASE(null)
{
    try_all(NULL);
}
CASE(misaligned)
{
    try_all((char *)&word + 2);
}
CASE(in_the_kernel)
{
    try_all((void *)0xffff888000000000ul);
}
CASE(end_of_user_memory)
{
    try_all((void *)0x7fffffffeffcul);
}
CASE(not_canonical)
{
    try_all((void *)0x1000000000000000ul);
}
CASE(no_access)
{
    try_all(map(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
}
CASE(read_only_memory)
{
    try_all(map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1));
}
CASE(read_only_memory_once_written)
{
    int *at = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    *at = 5;
    mprotect(at, 4096, PROT_READ);
    try_all(at);
}
CASE(read_only_private_file)
{
    try_all(map(PROT_READ, MAP_PRIVATE, file_of(4096)));
}
CASE(read_only_shared_file)
{
    try_all(map(PROT_READ, MAP_SHARED, file_of(4096)));
}
CASE(private_file)
{
    try_all(map(PROT_READ | PROT_WRITE, MAP_PRIVATE, file_of(4096)));
}
CASE(shared_file)
{
    try_all(map(PROT_READ | PROT_WRITE, MAP_SHARED, file_of(4096)));
}
CASE(beyond_the_end_of_a_file)
{
    try_all(map(PROT_READ | PROT_WRITE, MAP_SHARED, file_of(0)));
}
CASE(shared_memory)
{
    try_all(map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1));
}
CASE(program_text)
{
    try_all((void *)((uintptr_t)try_all & ~3ul));
}

CASE(unknown_operations)
{
    for (int op = 0; op < 20; op++) {
        static const char known[] = "xxxxxxxxxxxxxx";
        if ((size_t)op >= sizeof known - 1 || op == 2) {
            CALL(futex(&word, op, 1, NULL, &word2, 0));
        }
    }
    CALL(futex(&word, FUTEX_WAKE | 512, 1, NULL, NULL, 0));
    CALL(futex(&word, -1, 1, NULL, NULL, 0));
}

CASE(realtime_flag)
{
    for (int op = 0; op < 14; op++) {
        errno = 0;
        word = 0;
        long result = futex(&word, op | FUTEX_CLOCK_REALTIME, 77, &long_ago, &word2, ~0u);
        say("%d: %s\n", op, result < 0 && errno == ENOSYS ? "ENOSYS" : "something else");
    }
}

CASE(timeouts)
{
    struct timespec soon = {0, 1000000}, bad = {0, 1000000000}, negative = {-1, 0},
                    far = {1l << 62, 0};
    CALL(futex(&word, FUTEX_WAIT, 0, &soon, NULL, 0));
    CALL(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
    CALL(futex(&word, FUTEX_WAIT, 0, &negative, NULL, 0));
    CALL(futex(&word, FUTEX_WAIT, 1, &far, NULL, 0));
    CALL(futex(&word, FUTEX_WAIT, 1, &bad, NULL, 0));
    CALL(futex(&word, FUTEX_WAIT, 0, (void *)8, NULL, 0));
    CALL(futex(&word, FUTEX_WAIT_BITSET, 0, &long_ago, NULL, ~0u));
    CALL(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &soon, NULL, ~0u));
    CALL(futex(&word, FUTEX_WAIT_BITSET, 0, &bad, NULL, ~0u));
    CALL(futex(&word, FUTEX_WAIT_BITSET, 0, &soon, NULL, 0));
    CALL(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &far, NULL, ~0u));
    struct timespec when;
    clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_nsec += 2000000;
    if (when.tv_nsec >= 1000000000) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000;
    }
    CALL(futex(&word, FUTEX_WAIT_BITSET | PRIVATE, 0, &when, NULL, 1));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    TRUTH(now.tv_sec > when.tv_sec || (now.tv_sec == when.tv_sec && now.tv_nsec >= when.tv_nsec));
}

enum { MANY = 5 };
static struct sleeper many[MANY];
static void start_many(int count, int op)
{
    for (int i = 0; i < count; i++) {
        many[i] = (struct sleeper){.word = &word, .op = op, .value3 = 1u << i};
        start_sleeper(&many[i]);
    }
}
static void join_many(int count)
{
    for (int i = 0; i < count; i++) {
        join_sleeper("sleeper", &many[i]);
    }
}

CASE(wake_counts)
{
    start_many(MANY, FUTEX_WAIT);
    CALL(futex(&word, FUTEX_WAKE, 2, NULL, NULL, 0));
    SHOW(await_done(many, MANY, 2));
    CALL(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
    join_many(MANY);
}

CASE(wake_none_and_fewer)
{
    start_many(2, FUTEX_WAIT);
    long first = futex(&word, FUTEX_WAKE, 0, NULL, NULL, 0);
    long second = futex(&word, FUTEX_WAKE, -1u, NULL, NULL, 0);
    SHOW(first);
    SHOW(second);
    futex(&word, FUTEX_WAKE, 2, NULL, NULL, 0);
    join_many(2);
}

CASE(first_in_first_out)
{
    start_many(3, FUTEX_WAIT);
    for (int i = 0; i < 3; i++) {
        futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0);
        await_done(many, 3, i + 1);
        say("%d %d %d\n", many[0].done, many[1].done, many[2].done);
    }
    join_many(3);
}

CASE(bitsets)
{
    start_many(3, FUTEX_WAIT_BITSET);
    CALL(futex(&word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 8));
    CALL(futex(&word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 2));
    await_done(many, 3, 1);
    say("%d %d %d\n", many[0].done, many[1].done, many[2].done);
    CALL(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 12));
    CALL(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0));
    join_many(3);
}

CASE(private_and_shared_waiters_are_apart)
{
    start_many(1, FUTEX_WAIT | PRIVATE);
    CALL(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    join_many(1);
    start_many(1, FUTEX_WAIT);
    CALL(futex(&word, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    CALL(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    join_many(1);
}

CASE(one_page_at_two_addresses)
{
    int fd = file_of(8192);
    unsigned *a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
    struct sleeper s = {.word = a + 1024 + 3, .op = FUTEX_WAIT};
    start_sleeper(&s);
    CALL(futex(b + 2, FUTEX_WAKE, 1, NULL, NULL, 0));
    CALL(futex(b + 3, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    CALL(futex(b + 3, FUTEX_WAKE, 1, NULL, NULL, 0));
    join_sleeper("sleeper", &s);
}

CASE(read_only_view_of_a_file)
{
    int fd = file_of(4096);
    unsigned *a = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd), *b = map(PROT_READ, MAP_PRIVATE, fd);
    struct sleeper s = {.word = b, .op = FUTEX_WAIT};
    start_sleeper(&s);
    CALL(futex(a, FUTEX_WAKE, 1, NULL, NULL, 0));
    join_sleeper("sleeper", &s);
}

/* A child that sleeps on the word and says how it woke. */
static pid_t sleeping_child(unsigned *at, int op)
{
    pid_t pid;
    CHILD(pid)
    {
        CALL(futex(at, op, 0, NULL, NULL, 0));
    }
    await_sleep(pid, pid);
    return pid;
}

CASE(between_processes)
{
    unsigned *at = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    pid_t pid = sleeping_child(at, FUTEX_WAIT);
    SHOW(futex(at, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    while (futex(at, FUTEX_WAKE, 1, NULL, NULL, 0) == 0) {
        sched_yield();
    }
    say_end("child", pid);
}

CASE(private_memory_after_fork)
{
    pid_t pid = sleeping_child(&word, FUTEX_WAIT);
    SHOW(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    kill(pid, SIGTERM);
    say_end("child", pid);
}

CASE(woken_by_who_maps_it_later)
{
    int fd = file_of(4096);
    unsigned *at = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    pid_t pid = sleeping_child(at, FUTEX_WAIT), waker;
    munmap(at, 4096);
    CHILD(waker)
    {
        unsigned *there = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
        while (futex(there, FUTEX_WAKE, 1, NULL, NULL, 0) == 0) {
            sched_yield();
        }
    }
    say_end("child", pid);
    say_end("waker", waker);
}

CASE(memory_goes_while_somebody_sleeps)
{
    unsigned *at = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    struct sleeper s = {.word = at, .op = FUTEX_WAIT};
    start_sleeper(&s);
    CALL(munmap(at, 4096));
    CALL(futex(at, FUTEX_WAKE, 1, NULL, NULL, 0));
    unsigned *again = mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
                           -1, 0);
    TRUTH(again == at);
    SHOW(futex(at, FUTEX_WAKE, 1, NULL, NULL, 0));
    TRUTH(!s.done);
}

CASE(requeue_counts)
{
    start_many(MANY, FUTEX_WAIT);
    CALL(futex2(&word, FUTEX_REQUEUE, 1, 2, &word2, 0));
    SHOW(await_done(many, MANY, 1));
    CALL(futex(&word2, FUTEX_WAKE, 1, NULL, NULL, 0));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE, 0, 9, &word2, 1));
    CALL(futex2(&word, FUTEX_CMP_REQUEUE, 0, 1, &word2, 0));
    CALL(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0));
    CALL(futex(&word2, FUTEX_WAKE, 9, NULL, NULL, 0));
    join_many(MANY);
}

CASE(requeue_to_itself_and_bad_counts)
{
    start_many(2, FUTEX_WAIT);
    CALL(futex2(&word, FUTEX_REQUEUE, 0, 9, &word, 0));
    CALL(futex2(&word, FUTEX_REQUEUE, -1u, 1, &word2, 0));
    CALL(futex2(&word, FUTEX_REQUEUE, 1, -1, &word2, 0));
    CALL(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0));
    join_many(2);
}

CASE(requeue_to_shared_memory)
{
    unsigned *at = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    start_many(2, FUTEX_WAIT);
    CALL(futex2(&word, FUTEX_REQUEUE, 0, 9, at, 0));
    pid_t pid;
    CHILD(pid)
    {
        CALL(futex(at, FUTEX_WAKE, 9, NULL, NULL, 0));
    }
    say_end("child", pid);
    join_many(2);
}

CASE(requeued_sleepers_time_out)
{
    struct timespec little = {0, 20000000};
    many[0] = (struct sleeper){.word = &word, .op = FUTEX_WAIT, .timeout = &little};
    start_sleeper(&many[0]);
    futex2(&word, FUTEX_REQUEUE, 0, 9, &word2, 0);
    join_many(1);
    CALL(futex(&word2, FUTEX_WAKE, 1, NULL, NULL, 0));
}

CASE(wake_op_changes_the_second_word)
{
    static const struct {
        int op, arg;
    } ops[] = {{FUTEX_OP_SET, 5},  {FUTEX_OP_ADD, 7},  {FUTEX_OP_OR, 3},
               {FUTEX_OP_ANDN, 6}, {FUTEX_OP_XOR, 15}, {FUTEX_OP_ADD, -1}};
    for (size_t i = 0; i < COUNT(ops); i++) {
        for (int shift = 0; shift < 2; shift++) {
            word2 = 0x55;
            int op = ops[i].op | (shift ? FUTEX_OP_OPARG_SHIFT : 0);
            long n = futex2(&word, FUTEX_WAKE_OP, 1, 1, &word2,
                            FUTEX_OP(op, ops[i].arg, FUTEX_OP_CMP_EQ, 0));
            say("%d %d %d: %ld %x\n", ops[i].op, ops[i].arg, shift, n, word2);
        }
    }
    CALL(futex2(&word, FUTEX_WAKE_OP, 1, 1, &word2, FUTEX_OP(5, 1, 0, 0)));
    CALL(futex2(&word, FUTEX_WAKE_OP, 1, 1, &word2, FUTEX_OP(FUTEX_OP_ADD, 1, 6, 0)));
    SHOW(word2);
}

CASE(wake_op_wakes_the_second_if)
{
    static const int how[] = {FUTEX_OP_CMP_EQ, FUTEX_OP_CMP_NE, FUTEX_OP_CMP_LT,
                              FUTEX_OP_CMP_LE, FUTEX_OP_CMP_GT, FUTEX_OP_CMP_GE};
    for (size_t i = 0; i < COUNT(how); i++) {
        for (int old = -1; old < 2; old++) {
            struct sleeper s = {.word = &word2, .op = FUTEX_WAIT, .value = (unsigned)old};
            word2 = (unsigned)old;
            start_sleeper(&s);
            long n = futex2(&word, FUTEX_WAKE_OP, 1, 1, &word2,
                            FUTEX_OP(FUTEX_OP_SET, 9, how[i], 0));
            say("%d %d: %ld\n", how[i], old, n);
            futex(&word2, FUTEX_WAKE, 1, NULL, NULL, 0);
            pthread_join(s.thread, NULL);
        }
    }
}

CASE(wake_op_wakes_both)
{
    struct sleeper s = {.word = &word2, .op = FUTEX_WAIT};
    start_many(2, FUTEX_WAIT);
    start_sleeper(&s);
    CALL(futex2(&word, FUTEX_WAKE_OP, 9, 9, &word2, FUTEX_OP(FUTEX_OP_SET, 1, 0, 0)));
    join_many(2);
    join_sleeper("second", &s);
}

static volatile sig_atomic_t handled;
static void on_signal(int sig)
{
    (void)sig;
    handled++;
}
static void catch (int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
}
static void signal_and_wait(int tid)
{
    int before = handled;
    syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
    while (handled == before) {
        sched_yield();
    }
}

CASE(signals_interrupt)
{
    struct timespec minute = {60, 0};
    catch (0);
    start_many(1, FUTEX_WAIT);
    signal_and_wait(many[0].tid);
    join_many(1);
    many[0] = (struct sleeper){.word = &word, .op = FUTEX_WAIT, .timeout = &minute};
    start_sleeper(&many[0]);
    signal_and_wait(many[0].tid);
    join_many(1);
    /* With a timeout it is not begun again after a handler, whatever SA_RESTART says. */
    catch (SA_RESTART);
    start_sleeper(&many[0]);
    signal_and_wait(many[0].tid);
    join_many(1);
}

CASE(restarted_after_a_handler)
{
    catch (SA_RESTART);
    start_many(1, FUTEX_WAIT);
    signal_and_wait(many[0].tid);
    while (futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0) {
        sched_yield();
    }
    join_many(1);
}

CASE(goes_on_after_a_stop)
{
    unsigned *at = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    struct timespec minute = {60, 0};
    pid_t pid;
    int status;
    CHILD(pid)
    {
        CALL(futex(at, FUTEX_WAIT, 0, &minute, NULL, 0));
    }
    await_sleep(pid, pid);
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    say("%s\n", status_text(status));
    CALL(futex(at, FUTEX_WAKE, 1, NULL, NULL, 0));
    kill(pid, SIGCONT);
    await_sleep(pid, pid);
    long woken = futex(at, FUTEX_WAKE, 1, NULL, NULL, 0);
    say_end("child", pid);
    SHOW(woken);
}

int main(void)
{
    return RUN(
        ENTRY(nothing_mapped), ENTRY(null), ENTRY(misaligned), ENTRY(in_the_kernel),
        ENTRY(end_of_user_memory), ENTRY(not_canonical), ENTRY(no_access), ENTRY(read_only_memory),
        ENTRY(read_only_memory_once_written), ENTRY(read_only_private_file),
        ENTRY(read_only_shared_file), ENTRY(private_file), ENTRY(shared_file),
        ENTRY(beyond_the_end_of_a_file), ENTRY(shared_memory), ENTRY(program_text),
        ENTRY(unknown_operations), ENTRY(realtime_flag), ENTRY(timeouts), ENTRY(wake_counts),
        ENTRY(wake_none_and_fewer), ENTRY(first_in_first_out), ENTRY(bitsets),
        ENTRY(private_and_shared_waiters_are_apart), ENTRY(one_page_at_two_addresses),
        ENTRY(read_only_view_of_a_file), ENTRY(between_processes), ENTRY(private_memory_after_fork),
        ENTRY(woken_by_who_maps_it_later), ENTRY(memory_goes_while_somebody_sleeps),
        ENTRY(requeue_counts), ENTRY(requeue_to_itself_and_bad_counts),
        ENTRY(requeue_to_shared_memory), ENTRY(requeued_sleepers_time_out),
        ENTRY(wake_op_changes_the_second_word), ENTRY(wake_op_wakes_the_second_if),
        ENTRY(wake_op_wakes_both), ENTRY(signals_interrupt), ENTRY(restarted_after_a_handler),
        ENTRY(goes_on_after_a_stop));
}
