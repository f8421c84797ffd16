/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every system call of abi/linux.def with bad pointers, bad descriptors and absurd numbers, as an
 * ordinary user. The cases are the calls; what the table says of an argument decides what is bad
 * about it. cases: abi/linux.def
 */
#include "test/linux/check.h"

#include <grp.h>

struct call {
    int number;
    const char *name, *format;
};
static const struct call calls[] = {
#define LINUX_CALL(number, name, format) {number, #name, format},
/* Not by way of the other: prlimit64 is a macro in musl's headers. */
#define LINUX_PARTIAL(number, name, format, missing) {number, #name, format},
#include "abi/linux.def"
#undef LINUX_CALL
#undef LINUX_PARTIAL
};

/*
 * Calls that end or stop the caller, depend on what else the machine is doing, or whose order of
 * checks is an accident; other programs here test them.
 */
#define SKIP(name) #name
static const char *const skipped[] = {
    SKIP(exit),
    SKIP(exit_group),
    SKIP(fork),
    SKIP(vfork),
    SKIP(clone),
    SKIP(clone3),
    SKIP(pause),
    SKIP(rt_sigreturn),
    SKIP(restart_syscall),
    SKIP(kill),
    SKIP(syslog),
    SKIP(rseq),
    SKIP(brk),
    SKIP(sync),
    SKIP(vhangup),
    SKIP(set_tid_address),
    SKIP(reboot),
    SKIP(kexec_load), /* where it is allowed, it would do harm */
    SKIP(kexec_file_load),
    SKIP(sched_yield),
    SKIP(rt_sigsuspend),
    SKIP(getpid),
    SKIP(gettid),
    SKIP(getppid),
    SKIP(getpgrp),
    SKIP(set_robust_list),
    SKIP(arch_prctl),
    SKIP(personality),
};

enum { UNMAPPED = 0x1000, GOOD = 1 };
static char room[65536] __attribute__((aligned(4096)));
static char missing[] = "nowhere";

struct variant {
    const char *what;
    long pointer, descriptor;
    long number; /* 0: harmless ones */
};

static long argument(char letter, const struct variant *variant, int index)
{
    switch (letter) {
    case 's':
        return variant->pointer == GOOD ? (long)(uintptr_t)missing : variant->pointer;
    case 'p':
        return variant->pointer == GOOD ? (long)(uintptr_t)room + 8192 * index : variant->pointer;
    case 'f':
    case 'a':
        return variant->descriptor;
    case 'u': /* a size: that of a signal set, too */
        return variant->number ? variant->number : 8;
    case 'd': /* a signal, a clock, a limit, a process: number 1 is one of each */
        return variant->number ? variant->number : 1;
    default: /* flags */
        return variant->number;
    }
}

static const char *outcome(long result)
{
    return result == -1 ? error_name(errno) : "fine";
}

/* In a child, because a call may do anything to its caller. */
static void attempt(const struct call *call, const struct variant *variant)
{
    long args[6] = {0};
    for (int i = 0; i < 6 && call->format[i]; i++) {
        args[i] = argument(call->format[i], variant, i);
    }
    pid_t pid;
    CHILD(pid)
    {
        setpgid(0, 0);
        alarm(10);
        long result = syscall(call->number, args[0], args[1], args[2], args[3], args[4], args[5]);
        say("%s: %s\n", variant->what, outcome(result));
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (status) {
        say("%s: %s\n", variant->what, status_text(status));
    }
}

static const struct call *current;

static bool takes(const struct call *call, const char *letters)
{
    return strpbrk(call->format, letters) != NULL;
}

static void try_call(void)
{
    /* Descriptor 3 is a file of 64 zero bytes, 4 a directory. */
    char zeros[64] = {0};
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0666);
    write(fd, zeros, sizeof zeros);
    lseek(fd, 0, SEEK_SET);
    open(".", O_RDONLY | O_DIRECTORY);
    chmod(".", 0777);
    setgroups(0, NULL);
    setgid(4000);
    setuid(4000);
    static const struct variant pointers[] = {
        {"unmapped pointers", UNMAPPED, 3, 0},
        {"kernel pointers", (long)0xffff800000000000, 3, 0},
        {"last page", 0x7ffffffff000, 3, 0},
    };
    static const struct variant descriptors[] = {
        {"descriptor -1", GOOD, -1, 0},
        {"descriptor 1000", GOOD, 1000, 0},
    };
    for (size_t i = 0; i < COUNT(pointers) && takes(current, "ps"); i++) {
        attempt(current, &pointers[i]);
    }
    for (size_t i = 0; i < COUNT(descriptors) && takes(current, "fa"); i++) {
        attempt(current, &descriptors[i]);
    }
    static const struct variant negative = {"negative numbers", GOOD, 3, -1000};
    if (takes(current, "duxo")) {
        attempt(current, &negative);
    }
}

static bool is_skipped(const char *name)
{
    for (size_t i = 0; i < COUNT(skipped); i++) {
        if (!strcmp(skipped[i], name)) {
            return true;
        }
    }
    return false;
}

int main(void)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        if (!is_skipped(calls[i].name)) {
            current = &calls[i];
            RUN({calls[i].name, try_call});
        }
    }
    return 0;
}
