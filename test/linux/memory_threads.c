/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that several threads use and change at once: what one has taken away no other reads or
 * writes any more, on whatever CPU it runs; what several make at once is there once; a fork has a
 * picture that does not move. The programs count what must not be and say how often it was.
 */
#include "test/linux/check.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>

#define PAGE   4096ul
#define ROUNDS 40u
#define FILL   0x5a

typedef volatile unsigned char byte;

/* Faults of a thread come back to where it has said so. */
static __thread sigjmp_buf trap;

static void on_fault(int sig)
{
    siglongjmp(trap, sig);
}

static void catch_faults(void)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* The byte, or -1: it cannot be read. */
static int try_read(const byte *p)
{
    return sigsetjmp(trap, 0) != 0 ? -1 : *p;
}

static bool try_write(byte *p, unsigned char value)
{
    if (sigsetjmp(trap, 0) != 0) {
        return false;
    }
    *p = value;
    return true;
}

static void *map(void *where, size_t size, int extra)
{
    void *p = mmap(where, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | extra, -1, 0);
    if (p == MAP_FAILED) {
        say("mmap: %s\n", error_name(errno));
        exit(1);
    }
    return p;
}

/*
 * One page that the main thread changes step by step: in an even step it holds the step's number,
 * in an odd one something else is true of it. Others watch.
 */
static struct {
    byte *page;
    unsigned step;     /* atomic */
    unsigned seen;     /* atomic: watchers that have looked in this step, or missed it */
    bool over;         /* atomic */
    unsigned long bad; /* atomic */
    int odd;           /* what an odd step reads: -1 (a fault), or a value */
} watched;

static unsigned step_now(void)
{
    return __atomic_load_n(&watched.step, __ATOMIC_SEQ_CST);
}

static void *watch(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&watched.over, __ATOMIC_SEQ_CST)) {
        unsigned step = step_now();
        int value = try_read(watched.page);
        if (step == step_now()) {
            int expected = step % 2 == 0 ? (int)(step / 2 % 100 + 1) : watched.odd;
            /* A step is announced when it is complete, and -1 before the next one begins. */
            if (step != -1u && value != expected) {
                __atomic_fetch_add(&watched.bad, 1, __ATOMIC_SEQ_CST);
            }
            __atomic_fetch_add(&watched.seen, 1, __ATOMIC_SEQ_CST);
        }
    }
    return NULL;
}

#define WATCHERS 2

static pthread_t watchers[WATCHERS];

static void watch_begin(int odd)
{
    catch_faults();
    watched.page = map(NULL, PAGE, 0);
    watched.odd = odd;
    watched.step = -1u;
    for (int i = 0; i < WATCHERS; i++) {
        pthread_create(&watchers[i], NULL, watch, NULL);
    }
}

/* Says that a step is complete, lets somebody look, and closes it. */
static void step_is(unsigned step)
{
    __atomic_store_n(&watched.seen, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&watched.step, step, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 30 && __atomic_load_n(&watched.seen, __ATOMIC_SEQ_CST) < 3; i++) {
        sched_yield();
    }
    __atomic_store_n(&watched.step, -1u, __ATOMIC_SEQ_CST);
}

static void watch_end(void)
{
    __atomic_store_n(&watched.over, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < WATCHERS; i++) {
        pthread_join(watchers[i], NULL);
    }
    SHOW(watched.bad);
}

CASE(unmapped_is_gone_for_all)
{
    watch_begin(-1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        *watched.page = (unsigned char)(round % 100 + 1);
        step_is(2 * round);
        munmap((void *)watched.page, PAGE);
        /* Somebody else's memory now, perhaps the same page. */
        unsigned char *other = map(NULL, 4 * PAGE, 0);
        memset(other, 0xee, 4 * PAGE);
        step_is(2 * round + 1);
        map((void *)watched.page, PAGE, MAP_FIXED);
        munmap(other, 4 * PAGE);
    }
    watch_end();
}

CASE(no_rights_for_all)
{
    watch_begin(-1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        *watched.page = (unsigned char)(round % 100 + 1);
        step_is(2 * round);
        mprotect((void *)watched.page, PAGE, PROT_NONE);
        step_is(2 * round + 1);
        mprotect((void *)watched.page, PAGE, PROT_READ | PROT_WRITE);
    }
    watch_end();
}

CASE(discarded_is_zero_for_all)
{
    watch_begin(0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        *watched.page = (unsigned char)(round % 100 + 1);
        step_is(2 * round);
        madvise((void *)watched.page, PAGE, MADV_DONTNEED);
        step_is(2 * round + 1);
    }
    watch_end();
}

CASE(replaced_is_new_for_all)
{
    watch_begin(FILL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        *watched.page = (unsigned char)(round % 100 + 1);
        step_is(2 * round);
        char *other = map(NULL, PAGE, 0);
        other[0] = FILL;
        mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)watched.page);
        step_is(2 * round + 1);
    }
    watch_end();
}

/* Every one of the threads has seen the page of zeroes, or a file's page, before one writes. */
static void write_once(bool of_file)
{
    make_file("f", "z");
    int fd = open("f", O_RDWR);
    watch_begin(of_file ? 'z' : 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        void *where = (void *)watched.page;
        if (of_file) {
            mmap(where, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
        } else {
            map(where, PAGE, MAP_FIXED);
        }
        step_is(2 * round + 1);
        *watched.page = (unsigned char)(round % 100 + 1);
        step_is(2 * round);
    }
    watch_end();
    close(fd);
}

CASE(first_write_is_seen_by_all)
{
    write_once(false);
}
CASE(first_write_to_a_copy_is_seen_by_all)
{
    write_once(true);
}

/* A thread that writes all the time, as far as it may. */
static bool writers_end;
static void *write_always(void *arg)
{
    byte *page = arg;
    for (unsigned char value = 1; !__atomic_load_n(&writers_end, __ATOMIC_SEQ_CST); value++) {
        try_write(page, value | 1);
        try_write(page + PAGE - 1, value | 1);
    }
    return NULL;
}

#define WRITERS 2
static pthread_t writers[WRITERS];
static byte *writers_begin(size_t pages)
{
    catch_faults();
    byte *page = map(NULL, pages * PAGE, 0);
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_create(&writers[i], NULL, write_always, (void *)(page + i % pages * PAGE));
    }
    return page;
}
static void writers_join(void)
{
    __atomic_store_n(&writers_end, true, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(writers[i], NULL);
    }
}

/* How often bytes change that nobody may write. */
static unsigned long changes(const byte *page, size_t size)
{
    unsigned long bad = 0;
    unsigned char first[4] = {page[0], page[PAGE - 1], page[size - PAGE], page[size - 1]};
    for (int i = 0; i < 2000; i++) {
        if (i % 1000 == 0) {
            sched_yield();
        }
        bad += page[0] != first[0] || page[PAGE - 1] != first[1] || page[size - PAGE] != first[2] ||
               page[size - 1] != first[3];
    }
    return bad;
}

CASE(nobody_writes_what_is_read_only)
{
    byte *page = writers_begin(2);
    unsigned long bad = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        mprotect((void *)page, 2 * PAGE, PROT_READ);
        bad += changes(page, 2 * PAGE);
        mprotect((void *)page, 2 * PAGE, PROT_READ | PROT_WRITE);
        sched_yield();
    }
    writers_join();
    SHOW(bad);
}

CASE(nobody_writes_to_a_page_used_anew)
{
    byte *page = writers_begin(2);
    unsigned long bad = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        munmap((void *)page, 2 * PAGE);
        byte *other = map(NULL, 8 * PAGE, MAP_POPULATE);
        bad += changes(other, 2 * PAGE) + changes(other + 2 * PAGE, 6 * PAGE);
        for (size_t i = 0; i < 8 * PAGE; i++) {
            bad += other[i] != 0;
        }
        map((void *)page, 2 * PAGE, MAP_FIXED);
        munmap((void *)other, 8 * PAGE);
        sched_yield();
    }
    writers_join();
    SHOW(bad);
}

CASE(the_picture_of_a_fork_does_not_move)
{
    byte *page = writers_begin(2);
    unsigned long bad = 0;
    for (unsigned round = 0; round < ROUNDS / 4; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(changes(page, 2 * PAGE) != 0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        bad += status != 0;
    }
    writers_join();
    SHOW(bad);
}

/* Many threads count in the same fresh pages: a page made twice would lose counts. */
#define COUNTERS 4
#define PAGES    256u
static unsigned *counted;
static pthread_barrier_t barrier;
static void *count(void *arg)
{
    size_t start = (size_t)arg;
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < PAGES; i++) {
        unsigned *page = counted + (i + start) % PAGES * (PAGE / sizeof *counted);
        if (start % 2 != 0) {
            (void)*(volatile unsigned *)page;
        }
        __atomic_fetch_add(page, 1, __ATOMIC_RELAXED);
    }
    pthread_barrier_wait(&barrier);
    return NULL;
}

static unsigned long count_round(int flags, int fd)
{
    pthread_t threads[COUNTERS];
    unsigned long bad = 0;
    counted = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
    for (size_t i = 0; i < COUNTERS; i++) {
        pthread_create(&threads[i], NULL, count, (void *)(i / 2));
    }
    for (size_t i = 0; i < COUNTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < PAGES; i++) {
        bad += counted[i * (PAGE / sizeof *counted)] != COUNTERS;
    }
    munmap(counted, PAGES * PAGE);
    return bad;
}

CASE(pages_made_at_once_are_made_once)
{
    unsigned long anonymous = 0, shared = 0, copied = 0, of_file = 0;
    make_file("f", "");
    int fd = open("f", O_RDWR);
    ftruncate(fd, PAGES * PAGE);
    pthread_barrier_init(&barrier, NULL, COUNTERS);
    for (int round = 0; round < 10; round++) {
        anonymous += count_round(MAP_PRIVATE | MAP_ANONYMOUS, -1);
        shared += count_round(MAP_SHARED | MAP_ANONYMOUS, -1);
        copied += count_round(MAP_PRIVATE, fd);
        of_file += count_round(MAP_SHARED, fd);
        ftruncate(fd, 0);
        ftruncate(fd, PAGES * PAGE);
    }
    SHOW(anonymous);
    SHOW(shared);
    SHOW(copied);
    SHOW(of_file);
    close(fd);
}

/* Each thread has memory of its own in a space that all of them change. */
static void *use_own(void *arg)
{
    unsigned long bad = 0;
    unsigned char mine = (unsigned char)(size_t)arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = (round % 9 + 1) * PAGE;
        unsigned char *p = map(NULL, size, 0);
        memset(p, mine, size);
        if (round % 3 == 0) {
            mprotect(p, PAGE, PROT_READ);
            mprotect(p, PAGE, PROT_READ | PROT_WRITE);
        }
        if (round % 4 == 0) {
            p = mremap(p, size, 3 * size, MREMAP_MAYMOVE);
            for (size_t i = size; i < 3 * size; i += PAGE) {
                bad += p[i] != 0;
            }
        }
        if (round % 5 == 0) {
            madvise(p + size - PAGE, PAGE, MADV_DONTNEED);
            bad += p[size - 1] != 0;
            p[size - 1] = mine;
        }
        for (size_t i = PAGE - 1; i < size; i += PAGE) {
            bad += p[i] != mine;
        }
        munmap(p, round % 4 == 0 ? 3 * size : size);
    }
    return (void *)bad;
}

CASE(threads_keep_their_own_memory)
{
    pthread_t threads[6];
    unsigned long bad = 0;
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_create(&threads[i], NULL, use_own, (void *)(i + 1));
    }
    for (int i = 0; i < 10; i++) {
        pid_t pid;
        CHILD(pid)
        {
            bad += use_own((void *)99) != NULL;
            _exit(bad != 0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        bad += status != 0;
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        bad += (unsigned long)result;
    }
    SHOW(bad);
}

/* What lay beyond the end of a file when it was cut is not there when it grows again. */
CASE(what_was_cut_off_a_file_is_gone)
{
    make_file("f", "");
    int fd = open("f", O_RDWR);
    catch_faults();
    byte *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_create(&writers[i], NULL, write_always, (void *)(page + i % 2 * PAGE));
    }
    unsigned long bad = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned char last = 0;
        ftruncate(fd, 2 * PAGE);
        sched_yield();
        ftruncate(fd, PAGE / 2); /* the threads write at PAGE - 1, which stays in no file */
        ftruncate(fd, 0);
        bad += try_read((const byte *)page) != -1;
        ftruncate(fd, 1);
        pread(fd, &last, 1, 0);
    }
    writers_join();
    ftruncate(fd, 0);
    ftruncate(fd, 2 * PAGE);
    bad += page[0] != 0 || page[PAGE - 1] != 0 || page[PAGE] != 0 || page[2 * PAGE - 1] != 0;
    SHOW(bad);
    close(fd);
}

int main(void)
{
    return RUN(ENTRY(unmapped_is_gone_for_all), ENTRY(no_rights_for_all),
               ENTRY(discarded_is_zero_for_all), ENTRY(replaced_is_new_for_all),
               ENTRY(first_write_is_seen_by_all), ENTRY(first_write_to_a_copy_is_seen_by_all),
               ENTRY(nobody_writes_what_is_read_only), ENTRY(nobody_writes_to_a_page_used_anew),
               ENTRY(the_picture_of_a_fork_does_not_move), ENTRY(pages_made_at_once_are_made_once),
               ENTRY(threads_keep_their_own_memory), ENTRY(what_was_cut_off_a_file_is_gone));
}
