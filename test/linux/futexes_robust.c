/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of futexes whose owner ends: robust mutexes of the C library, and robust lists. */
#include "test/linux/futex.h"

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
    return RUN(ENTRY(robust_and_inheriting), ENTRY(owner_dies_while_others_wait),
               ENTRY(robust_list_of_three), ENTRY(robust_list_is_a_ring),
               ENTRY(robust_entry_names_itself), ENTRY(robust_list_leads_into_the_kernel),
               ENTRY(robust_list_begins_in_the_kernel), ENTRY(robust_offset_leads_into_the_kernel),
               ENTRY(robust_words_are_misaligned), ENTRY(robust_entry_is_not_mapped),
               ENTRY(robust_list_with_locks_of_others), ENTRY(robust_pending_lock),
               ENTRY(robust_pending_lock_is_in_the_list), ENTRY(robust_entries_of_inheriting_locks),
               ENTRY(robust_list_too_long), ENTRY(robust_head_anywhere),
               ENTRY(robust_death_wakes_one), ENTRY(robust_list_at_exec),
               ENTRY(robust_list_of_others));
}
