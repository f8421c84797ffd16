/* SPDX-License-Identifier: BSD-2-Clause */
/* What strace= shows of arguments: names of values and bits, strings, what a program lies about. */
// sources: kernel/personality/linux/strace_args.c lib/format.c

// flags: -Ikernel/arch/x86_64/include

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/strace.h"

/* A program's memory is our own, but for the first page. */
int copy_from_user(void *dst, vaddr_t src, size_t size)
{
    if (src < 4096) {
        return -EFAULT;
    }
    memcpy(dst, (const void *)src, size);
    return 0;
}

long strncpy_from_user(char *dst, vaddr_t src, size_t size)
{
    if (src < 4096) {
        return -EFAULT;
    }
    size_t length = strnlen((const char *)src, size);
    memcpy(dst, (const char *)src, length < size ? length + 1 : size);
    return length < size ? (long)length : -ENAMETOOLONG;
}

static const char *format_of(unsigned nr)
{
    switch (nr) {
#define LINUX_CALL(number, name, format)                                                           \
    case number:                                                                                   \
        return format;
#include "abi/linux.def"
#undef LINUX_CALL
    default:
        return "xxxxxx";
    }
}

#define ARG(value) ((uint64_t)(uintptr_t)(value))

static struct strace_line line;

/* The arguments of a call as text. */
static const char *text_of(unsigned nr, long result, const uint64_t value[6])
{
    struct strace_args args = {.nr = nr, .format = format_of(nr), .result = result};
    memcpy(args.value, value, sizeof(args.value));
    line.size = 0;
    strace_add_args(&line, &args);
    return line.text;
}
#define TEXT(nr, result, ...) text_of(SYS_##nr, result, (const uint64_t[6]){__VA_ARGS__})

static void bits_have_names(void **state)
{
    (void)state;
    assert_string_equal(TEXT(openat, 0, ARG(-100), ARG("/x"), 02001101, 0644),
                        "AT_FDCWD, \"/x\", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644");
    assert_string_equal(TEXT(open, 0, ARG("."), 0, 0), "\".\", O_RDONLY, 0");
    assert_string_equal(TEXT(open, 0, ARG("."), 020200002, 0), "\".\", O_RDWR|O_TMPFILE, 0");
    assert_string_equal(TEXT(open, 0, ARG("."), 04010000, 0), "\".\", O_RDONLY|O_SYNC, 0");
    assert_string_equal(TEXT(mmap, 0, 0, 4096, 0, 0x22, ARG(-1), 0),
                        "NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0");
    assert_string_equal(
        TEXT(mmap, 0, 0, 4096, 0x83, 0x80000003, 0xffffffff, 4096),
        "NULL, 4096, PROT_READ|PROT_WRITE|0x80, MAP_SHARED_VALIDATE|0x80000000, -1, "
        "0x1000");
    assert_string_equal(TEXT(access, 0, ARG("f"), 0), "\"f\", F_OK");
    assert_string_equal(TEXT(access, 0, ARG("f"), 5), "\"f\", R_OK|X_OK");
    assert_string_equal(TEXT(clone, 0, 0x1200011, 0, 0, 0, 0),
                        "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, NULL, 0");
    assert_string_equal(TEXT(clone, 0, 17, 0, 0, 0, 0), "SIGCHLD, NULL, NULL, NULL, 0");
    assert_string_equal(TEXT(clone, 0, 0, 0, 0, 0, 0), "0, NULL, NULL, NULL, 0");
    assert_string_equal(TEXT(futex, 0, 0, 128, 1, 0, 0, 0),
                        "NULL, FUTEX_WAIT|FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0");
    assert_string_equal(TEXT(futex, 0, 0, 0x189, 1, 0, 0, 0xffffffff),
                        "NULL, FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME, 1, NULL, "
                        "NULL, 0xffffffff");
    assert_string_equal(TEXT(socket, 0, 1, 02000005, 0), "AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0");
}

static void values_have_names(void **state)
{
    (void)state;
    assert_string_equal(TEXT(kill, 0, ARG(-1), 9), "-1, SIGKILL");
    assert_string_equal(TEXT(kill, 0, 0xfffffffe, 64), "-2, 64");
    assert_string_equal(TEXT(lseek, 0, 3, ARG(-5), 2), "3, -5, SEEK_END");
    assert_string_equal(TEXT(lseek, 0, 3, 0x80000000, 7), "3, 2147483648, 7");
    assert_string_equal(TEXT(ioctl, 0, 1, 0x5413, 0), "1, TIOCGWINSZ, NULL");
    assert_string_equal(TEXT(ioctl, 0, 1, 0xc0de, 4096), "1, 0xc0de, 0x1000");
    assert_string_equal(TEXT(getrusage, 0, 0xffffffff, 0), "RUSAGE_CHILDREN, NULL");
}

static void strings_are_quoted_and_cut(void **state)
{
    static const char *const words[] = {"a b", "\"\\", NULL};
    static const char *const many[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", NULL};
    (void)state;
    assert_string_equal(TEXT(chdir, 0, ARG("a\n\t\r\"\\\1\0332\377")),
                        "\"a\\n\\t\\r\\\"\\\\\\1\\0332\\377\"");
    assert_string_equal(TEXT(chdir, 0, ARG("")), "\"\"");
    static const char *const long_words[] = {"12345678901234567890123456789012",
                                             "123456789012345678901234567890123", NULL};
    assert_string_equal(TEXT(execve, 0, ARG("123456789012345678901234567890123"), ARG(long_words)),
                        "\"123456789012345678901234567890123\", "
                        "[\"12345678901234567890123456789012\", "
                        "\"12345678901234567890123456789012\"...], NULL");
    char path[162];
    memset(path, 'a', 161);
    path[161] = '\0';
    assert_int_equal(strlen(TEXT(chdir, 0, ARG(path + 1))), 160 + 2);
    assert_int_equal(strlen(TEXT(chdir, 0, ARG(path))), 160 + 2 + 3);
    assert_string_equal(TEXT(chdir, 0, 0), "NULL");
    assert_string_equal(TEXT(chdir, 0, 8), "0x8");
    assert_string_equal(TEXT(execve, 0, ARG("p"), ARG(words), 0),
                        "\"p\", [\"a b\", \"\\\"\\\\\"], NULL");
    assert_string_equal(
        TEXT(execve, 0, ARG("p"), ARG(many), 8),
        "\"p\", [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", ...], 0x8");
    assert_string_equal(TEXT(execve, 0, ARG("p"), 8, 0), "\"p\", 0x8, NULL");
}

static void buffers_have_their_sizes(void **state)
{
    (void)state;
    assert_string_equal(TEXT(write, 0, 1, ARG("a\0b"), 3), "1, \"a\\0b\", 3");
    assert_string_equal(TEXT(write, 0, 1, ARG("123456789012345678901234567890123"), 33),
                        "1, \"12345678901234567890123456789012\"..., 33");
    assert_string_equal(TEXT(write, 0, 1, 8, ARG(-1)), "1, 0x8, 18446744073709551615");
    assert_true(strace_is_late(SYS_read));
    assert_false(strace_is_late(SYS_write));
    assert_string_equal(TEXT(read, 2, 0, ARG("abcd"), 4), "0, \"ab\", 4");
    assert_string_equal(TEXT(read, 0, 0, ARG("abcd"), 4), "0, \"\", 4");
    assert_string_equal(TEXT(read, -EIO, 0, 4096, 4), "0, 0x1000, 4");
}

static void addresses_have_names(void **state)
{
    const struct sockaddr_un file = {AF_UNIX, "/run/s"}, abstract = {AF_UNIX, "\0ab"};
    const struct sockaddr other = {.sa_family = AF_INET}, odd = {.sa_family = 99};
    (void)state;
    assert_string_equal(TEXT(bind, 0, 3, ARG(&file), sizeof(file)),
                        "3, {AF_UNIX, \"/run/s\"}, 110");
    assert_string_equal(TEXT(bind, 0, 3, ARG(&abstract), 5), "3, {AF_UNIX, @\"ab\"}, 5");
    assert_string_equal(TEXT(bind, 0, 3, ARG(&file), 2), "3, {AF_UNIX}, 2");
    assert_string_equal(TEXT(bind, 0, 3, ARG(&other), sizeof(other)), "3, {AF_INET, ...}, 16");
    assert_string_equal(TEXT(bind, 0, 3, ARG(&odd), sizeof(odd)), "3, {99, ...}, 16");
    assert_string_equal(TEXT(bind, 0, 3, 8, 110), "3, 0x8, 110");
    assert_string_equal(TEXT(bind, 0, 3, 0, 0), "3, NULL, 0");
}

/* However long the arguments are, the line is cut and ends. */
static void lines_do_not_overflow(void **state)
{
    char odd[64];
    const char *many[9];
    (void)state;
    memset(odd, '\377', sizeof(odd));
    odd[63] = '\0';
    for (unsigned i = 0; i < 9; i++) {
        many[i] = odd;
    }
    const char *text = TEXT(execve, 0, ARG(odd), ARG(many), 0);
    assert_int_equal(strlen(text), sizeof(line.text) - 1);
    assert_int_equal(line.size, sizeof(line.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_have_names),
        cmocka_unit_test(values_have_names),
        cmocka_unit_test(strings_are_quoted_and_cut),
        cmocka_unit_test(buffers_have_their_sizes),
        cmocka_unit_test(addresses_have_names),
        cmocka_unit_test(lines_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
