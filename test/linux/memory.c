/* SPDX-License-Identifier: BSD-2-Clause */
/* mmap and its family: private and shared, anonymous and of files, splits, rights, brk. */
#include "test/linux/check.h"

#include <setjmp.h>
#include <sys/resource.h>

enum { PAGE = 4096 };

static sigjmp_buf back;
static volatile int fault_signal, fault_code;
static void *volatile fault_address;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)context;
    fault_signal = sig;
    fault_code = info->si_code;
    fault_address = info->si_addr;
    siglongjmp(back, 1);
}
static void catch_faults(void)
{
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
}

/* Reads or writes a byte and says what happened. */
static void touch(const char *what, volatile char *at, bool write)
{
    catch_faults();
    if (sigsetjmp(back, 1) == 0) {
        if (write) {
            *at = 1;
        } else {
            (void)*at;
        }
        say("%s: fine\n", what);
    } else {
        say("%s: %s code %d, address %s\n", what, signal_name(fault_signal), fault_code,
            fault_address == at ? "right" : "wrong");
    }
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
}

static char *map(size_t size, int prot, int flags)
{
    char *at = mmap(NULL, size, prot, flags | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        say("mmap: %s\n", error_name(errno));
        _exit(1);
    }
    return at;
}
#define RW (PROT_READ | PROT_WRITE)

CASE(anonymous_is_zero)
{
    char *at = map(64 * PAGE, RW, MAP_PRIVATE);
    long sum = 0;
    for (int i = 0; i < 64 * PAGE; i++) {
        sum += at[i];
    }
    SHOW(sum);
    memset(at, 1, 64 * PAGE);
    CALL(munmap(at, 64 * PAGE));
    at = map(64 * PAGE, RW, MAP_PRIVATE);
    for (int i = 0; i < 64 * PAGE; i++) {
        sum += at[i];
    }
    SHOW(sum);
}

CASE(private_is_copied_on_fork)
{
    char *at = map(16 * PAGE, RW, MAP_PRIVATE);
    memset(at, 'p', 16 * PAGE);
    pid_t pid;
    CHILD(pid)
    {
        memset(at, 'c', 8 * PAGE);
        pid_t inner;
        CHILD(inner)
        {
            at[0] = 'g';
            say("grandchild %c %c %c\n", at[0], at[PAGE], at[15 * PAGE]);
        }
        waitpid(inner, NULL, 0);
        say("child %c %c %c\n", at[0], at[PAGE], at[15 * PAGE]);
    }
    waitpid(pid, NULL, 0);
    say("parent %c %c %c\n", at[0], at[PAGE], at[15 * PAGE]);
}

CASE(shared_anonymous_is_shared)
{
    char *at = map(2 * PAGE, RW, MAP_SHARED);
    pid_t pid;
    CHILD(pid)
    {
        strcpy(at + PAGE, "from the child");
    }
    waitpid(pid, NULL, 0);
    say("%s\n", at + PAGE);
}

CASE(private_file)
{
    make_file("f", "file contents");
    int fd = open("f", O_RDONLY);
    char *at = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    TRUTH(at != MAP_FAILED);
    close(fd);
    say_bytes("mapped", at, 16);
    at[0] = 'F';
    say_bytes("changed", at, 4);
    say_file("f");
}

CASE(shared_file)
{
    make_file("f", "file contents");
    int fd = open("f", O_RDWR);
    char *at = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    char *other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    memcpy(at, "FILE", 4);
    say_bytes("other mapping", other, 8);
    say_bytes("private mapping", private, 8);
    say_file("f");
    CALL(pwrite(fd, "xy", 2, 5));
    say_bytes("after write", at, 13);
    CALL(msync(at, PAGE, MS_SYNC));
    CALL(msync(at + 1, PAGE, MS_SYNC));
    CALL(msync(at, PAGE, MS_SYNC | MS_ASYNC));
    CALL(msync((void *)0x10000, PAGE, MS_SYNC));
    pid_t pid;
    CHILD(pid)
    {
        at[0] = 'Z';
    }
    waitpid(pid, NULL, 0);
    say_file("f");
}

CASE(beyond_the_end_of_a_file)
{
    make_file("f", "short");
    int fd = open("f", O_RDWR);
    char *at = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
    touch("last page", at + PAGE - 1, false);
    touch("beyond", at + PAGE, false);
    touch("beyond", at + 2 * PAGE, true);
    CALL(ftruncate(fd, 2 * PAGE));
    touch("after growing", at + PAGE, true);
    CALL(ftruncate(fd, 10));
    touch("after shrinking", at + PAGE, false);
    CALL(ftruncate(fd, 2 * PAGE));
    SHOW(at[PAGE]);
    at[20] = 'q';
    CALL(ftruncate(fd, 10));
    CALL(ftruncate(fd, 100));
    SHOW(at[20]);
}

CASE(rights_of_file_and_mapping)
{
    make_file("f", "x");
    int r = open("f", O_RDONLY), w = open("f", O_WRONLY);
    CALL_OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r, 0));
    CALL_OK(mmap(NULL, PAGE, RW, MAP_SHARED, r, 0));
    CALL_OK(mmap(NULL, PAGE, RW, MAP_PRIVATE, r, 0));
    CALL_OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, w, 0));
    CALL_OK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, w, 0));
    char *at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r, 0);
    CALL(mprotect(at, PAGE, RW));
    int p[2];
    pipe(p);
    CALL_OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[0], 0));
    CALL_OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0));
}

CASE(mmap_errors)
{
    CALL_OK(mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CALL_OK(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    CALL_OK(syscall(SYS_mmap, NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1));
    CALL_OK(mmap((void *)1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    CALL_OK(syscall(SYS_mmap, NULL, SIZE_MAX, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CALL_OK(syscall(SYS_mmap, NULL, 1ul << 47, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CALL_OK(mmap((void *)(1ul << 47), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    CALL(munmap((void *)1, PAGE));
    CALL(munmap((void *)0x10000, 0));
    CALL(munmap((void *)0x10000, PAGE));
    CALL(munmap((void *)(1ul << 47), PAGE));
    CALL(munmap((void *)0x10000, SIZE_MAX - PAGE));
    CALL(syscall(SYS_mprotect, 1, PAGE, PROT_READ));
    CALL(mprotect((void *)0x10000, PAGE, PROT_READ));
    CALL(mprotect((void *)0x10000, 0, PROT_READ));
    char *at = map(PAGE, RW, MAP_PRIVATE);
    CALL(mprotect(at, PAGE, 0x80));
    CALL(mprotect(at, SIZE_MAX - PAGE, PROT_READ));
}

CASE(fixed_replaces)
{
    char *at = map(4 * PAGE, RW, MAP_PRIVATE);
    memset(at, 'a', 4 * PAGE);
    char *got = mmap(at + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    TRUTH(got == at + PAGE);
    say("%d %d %d\n", at[0], at[PAGE], at[2 * PAGE]);
    got = mmap(at, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    TRUTH(got == MAP_FAILED && errno == EEXIST);
    munmap(at + 3 * PAGE, PAGE);
    got = mmap(at + 3 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    TRUTH(got == at + 3 * PAGE);
    munmap(at, 4 * PAGE);
    got = mmap(at, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRUTH(got == at);
}

CASE(unmapping_splits)
{
    char *at = map(5 * PAGE, RW, MAP_PRIVATE);
    for (int i = 0; i < 5; i++) {
        at[i * PAGE] = (char)('a' + i);
    }
    CALL(munmap(at + 2 * PAGE, PAGE));
    touch("before", at + PAGE, false);
    touch("hole", at + 2 * PAGE, false);
    touch("after", at + 3 * PAGE, true);
    say("%c %c %c %d\n", at[0], at[PAGE], at[4 * PAGE], at[3 * PAGE]);
    CALL(munmap(at, 5 * PAGE));
    touch("all gone", at, false);
}

CASE(rights_are_kept)
{
    char *at = map(3 * PAGE, RW, MAP_PRIVATE);
    memset(at, 'x', 3 * PAGE);
    CALL(mprotect(at + PAGE, PAGE, PROT_READ));
    touch("read", at + PAGE, false);
    touch("write", at + PAGE, true);
    touch("write to the first", at, true);
    touch("write to the third", at + 2 * PAGE, true);
    CALL(mprotect(at + PAGE, PAGE, PROT_NONE));
    touch("read nothing", at + PAGE, false);
    CALL(mprotect(at, 3 * PAGE, RW));
    touch("write again", at + PAGE, true);
    say("%c\n", at[PAGE + 1]);
    touch("null", NULL, false);
    touch("null write", (char *)8, true);
}

CASE(kernel_addresses_fault)
{
    touch("read", (char *)0xffffffff80000000ul, false);
    touch("write", (char *)0xffff800000000000ul, true);
    touch("last user page", (char *)0x7ffffffff000ul, false);
    /* Not canonical: a general protection fault, the address is not told. */
    catch_faults();
    if (sigsetjmp(back, 1) == 0) {
        (void)*(volatile char *)0x8000000000000000ul;
    } else {
        say("%s code %d address %s\n", signal_name(fault_signal), fault_code,
            fault_address ? "some" : "none");
    }
}

CASE(data_is_not_executable)
{
    catch_faults();
    char *at = map(PAGE, RW, MAP_PRIVATE);
    at[0] = (char)0xc3; /* ret */
    if (sigsetjmp(back, 1) == 0) {
        ((void (*)(void))(uintptr_t)at)();
        say("executed\n");
    } else {
        say("%s code %d address %s\n", signal_name(fault_signal), fault_code,
            fault_address == at ? "right" : "wrong");
    }
    CALL(mprotect(at, PAGE, PROT_READ | PROT_EXEC));
    ((void (*)(void))(uintptr_t)at)();
    say("executed\n");
}

CASE(grow_and_move)
{
    char *at = map(4 * PAGE, RW, MAP_PRIVATE);
    memset(at, 'm', 4 * PAGE);
    char *block = map(PAGE, RW, MAP_PRIVATE);
    (void)block;
    char *bigger = mremap(at, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    TRUTH(bigger != MAP_FAILED);
    say("%c %c %d %d\n", bigger[0], bigger[4 * PAGE - 1], bigger[4 * PAGE], bigger[63 * PAGE]);
    char *smaller = mremap(bigger, 64 * PAGE, PAGE, 0);
    TRUTH(smaller == bigger);
    touch("cut off", bigger + PAGE, false);
    CALL_OK(mremap(smaller, PAGE, 0, 0));
    CALL_OK(mremap((void *)0x10000, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    CALL_OK(mremap(smaller + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    CALL_OK(mremap(smaller, PAGE, 2 * PAGE, 0x80));
}

CASE(advice)
{
    char *at = map(4 * PAGE, RW, MAP_PRIVATE);
    memset(at, 'x', 4 * PAGE);
    CALL(madvise(at + PAGE, PAGE, MADV_DONTNEED));
    say("%d %d\n", at[0], at[PAGE]);
    CALL(madvise(at, 4 * PAGE, MADV_WILLNEED));
    CALL(madvise(at, 4 * PAGE, MADV_RANDOM));
    CALL(madvise(at + 1, PAGE, MADV_DONTNEED));
    CALL(madvise(at, PAGE, 9999));
    CALL(madvise((void *)0x10000, PAGE, MADV_DONTNEED));
    unsigned char resident[4] = {0};
    CALL(mincore(at, 4 * PAGE, resident));
    say("%d %d\n", resident[0] & 1, resident[1] & 1);
    CALL(mincore(at + 1, PAGE, resident));
    CALL(mincore((void *)0x10000, PAGE, resident));
}

CASE(program_break)
{
    char *start = (char *)syscall(SYS_brk, 0);
    char *now = (char *)syscall(SYS_brk, start + 3 * PAGE);
    TRUTH(now == start + 3 * PAGE);
    long sum = 0;
    for (int i = 0; i < 3 * PAGE; i++) {
        sum += start[i];
    }
    SHOW(sum);
    memset(start, 1, 3 * PAGE);
    TRUTH((char *)syscall(SYS_brk, start + PAGE) == start + PAGE);
    char *page = (char *)(((uintptr_t)start + 2 * PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    touch("given back", page, false);
    TRUTH((char *)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
    SHOW(page[0]);
    TRUTH((char *)syscall(SYS_brk, 1) == start + 3 * PAGE);
    TRUTH((char *)syscall(SYS_brk, 1ul << 60) == start + 3 * PAGE);
}

CASE(limit_of_address_space)
{
    struct rlimit limit = {64 << 20, 64 << 20};
    CALL(setrlimit(RLIMIT_AS, &limit));
    CALL_OK(mmap(NULL, 128 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CALL_OK(mmap(NULL, 1 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

CASE(system_calls_see_the_same_memory)
{
    char *at = map(2 * PAGE, RW, MAP_PRIVATE);
    make_file("f", "some bytes");
    int fd = open("f", O_RDONLY);
    CALL(read(fd, at + PAGE - 4, 10));
    say_bytes("across pages", at + PAGE - 4, 10);
    mprotect(at + PAGE, PAGE, PROT_READ);
    lseek(fd, 0, SEEK_SET);
    CALL(read(fd, at + PAGE, 10));
    lseek(fd, 0, SEEK_SET);
    CALL(read(fd, at + PAGE - 4, 10));
    munmap(at + PAGE, PAGE);
    int out = open("g", O_RDWR | O_CREAT, 0644);
    CALL(write(out, at + PAGE - 4, 10));
    CALL(write(out, at + PAGE, 10));
    pid_t pid;
    CHILD(pid)
    {
        lseek(fd, 0, SEEK_SET);
        CALL(read(fd, at, 4));
    }
    waitpid(pid, NULL, 0);
    SHOW(at[0]);
}

CASE(sparse_use_of_much_address_space)
{
    size_t size = 1ul << 36;
    char *at = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TRUTH(at != MAP_FAILED);
    for (size_t i = 0; i < 32; i++) {
        at[(size / 32) * i] = (char)i;
    }
    long sum = 0;
    for (size_t i = 0; i < 32; i++) {
        sum += at[(size / 32) * i];
    }
    SHOW(sum);
    CALL(munmap(at, size));
}

int main(void)
{
    return RUN(ENTRY(anonymous_is_zero), ENTRY(private_is_copied_on_fork),
               ENTRY(shared_anonymous_is_shared), ENTRY(private_file), ENTRY(shared_file),
               ENTRY(beyond_the_end_of_a_file), ENTRY(rights_of_file_and_mapping),
               ENTRY(mmap_errors), ENTRY(fixed_replaces), ENTRY(unmapping_splits),
               ENTRY(rights_are_kept), ENTRY(kernel_addresses_fault), ENTRY(data_is_not_executable),
               ENTRY(grow_and_move), ENTRY(advice), ENTRY(program_break),
               ENTRY(limit_of_address_space), ENTRY(system_calls_see_the_same_memory),
               ENTRY(sparse_use_of_much_address_space));
}
