/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between fork and exec: session, terminal, streams, identity, directory; then the program is found
 * in PATH as execvp(3) does. Runs in the child only, but for child_start.
 */
#include "user/run/child.h"
#include "abi/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"
#include "user/run/sys.h"
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/signal.h>

enum { PATH_SIZE = 4096 };

/* Where what cannot be done is told, and whether people read it. */
struct report {
    int fd;
    bool people;
};

static _Noreturn void give_up(struct report to, long error, const char *doing, const char *what)
{
    char line[512];
    int size = to.people ? scnprintf(line, sizeof(line), "alba: cannot %s %s: error %ld\n", doing,
                                     what, -error)
                         : scnprintf(line, sizeof(line), "error %ld %s %s\n", -error, doing, what);
    SYS(write, to.fd, ADDR(line), size);
    SYS(exit_group, error == -ENOENT ? 127 : 126);
    for (;;) {
    }
}

/* Makes a directory and all above it; what exists already is fine, chdir tells the rest. */
static void make_directories(const char *path)
{
    char partial[PATH_SIZE];
    for (size_t i = 1; path[i] != '\0' && i < sizeof(partial) - 1; i++) {
        if (path[i] == '/') {
            strlcpy(partial, path, i + 1);
            SYS(mkdir, ADDR(partial), 0755);
        }
    }
    SYS(mkdir, ADDR(path), 0755);
}

static void take_identity(const struct spec *spec, struct report to)
{
    if (spec->uid == 0 && spec->gid == 0) {
        return; /* we are root already */
    }
    long error = SYS(setgroups, 0, 0);
    error = error == 0 ? SYS(setgid, spec->gid) : error;
    error = error == 0 ? SYS(setuid, spec->uid) : error;
    if (error != 0) {
        give_up(to, error, "become", "the user");
    }
}

/* A program that is there and yet "not found" lacks what would run it: its dynamic linker, or what
 * a script names. */
static _Noreturn void give_up_exec(const struct spec *spec, struct report to, long error)
{
    bool there = strchr(spec->program, '/') != NULL && SYS(access, ADDR(spec->program), 0) == 0;
    give_up(to, error,
            error == -ENOENT && there ? "find the dynamic linker or interpreter of" : "run",
            spec->program);
}

/* A file without "#!" that the kernel cannot run is not given to a shell: exec's error is told. */
static long exec_in_path(const struct spec *spec)
{
    const char *path = spec_env(spec, "PATH");
    if (path == NULL) {
        path = "/bin:/usr/bin";
    }
    long error = -ENOENT;
    while (true) {
        const char *end = strchr(path, ':');
        size_t length = end == NULL ? strlen(path) : (size_t)(end - path);
        char file[PATH_SIZE];
        if (length + strlen(spec->program) + 2 <= sizeof(file)) {
            memcpy(file, path, length);
            scnprintf(file + length, sizeof(file) - length, "%s%s", length == 0 ? "" : "/",
                      spec->program);
            long result = SYS(execve, ADDR(file), ADDR(spec->argv), ADDR(spec->envp));
            if (result != -ENOENT && result != -ENOTDIR) {
                error = result; /* found, but: the search goes on after EACCES as in execvp */
                if (result != -EACCES) {
                    return error;
                }
            }
        }
        if (end == NULL) {
            return error;
        }
        path = end + 1;
    }
}

static _Noreturn void child_main(const struct spec *spec, const int streams[3], int tty, int report)
{
    struct report to = {report, spec->streams[0] == STREAM_CONSOLE};
    long own = -1;
    SYS(setsid);
    if (tty >= 0) {
        SYS(ioctl, tty, TIOCSCTTY, 0);
    }
    if (to.people) {
        /* The terminal behind /dev/console: job control does not apply to the console itself. */
        own = SYS(open, ADDR("/dev/tty"), O_RDWR);
    }
    for (int i = 0; i < 3; i++) {
        SYS(dup2, own >= 0 ? own : streams[i], i); /* these are >= 3 or already at their place */
    }
    if (own >= 3) {
        SYS(close, own);
    }
    uint64_t none = 0;
    SYS(rt_sigprocmask, SIG_SETMASK, ADDR(&none), 0, sizeof(none));
    if (spec->cwd != NULL) {
        make_directories(spec->cwd);
        long error = SYS(chdir, ADDR(spec->cwd));
        if (error != 0) {
            give_up(to, error, "change to directory", spec->cwd);
        }
    }
    take_identity(spec, to);
    long error = strchr(spec->program, '/') == NULL
                     ? exec_in_path(spec)
                     : SYS(execve, ADDR(spec->program), ADDR(spec->argv), ADDR(spec->envp));
    give_up_exec(spec, to, error);
}

long child_start(const struct spec *spec, const int streams[3], int tty, int report)
{
    long child = SYS(fork);
    if (child == 0) {
        child_main(spec, streams, tty, report);
    }
    return child;
}
