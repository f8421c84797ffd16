/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All outputs are in one table, so that the end of alba and the handlers of signals find the
 * temporary files. A handler only unlinks names that do not change once they are in the table.
 */
#include "host/output.h"
#include "host/say.h"
#include "host/text.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTPUTS_MAX = 4 };

struct output {
    int fd;
    const char *name; /* for people */
    char *place;
    char *volatile temporary; /* its name until it is whole; NULL: it has none (any more) */
};

static struct output outputs[OUTPUTS_MAX];
static size_t output_count;

static void remove_unfinished(void)
{
    for (size_t i = 0; i < OUTPUTS_MAX; i++) {
        if (outputs[i].temporary != NULL) {
            unlink(outputs[i].temporary);
        }
    }
}

/* The signal is sent again as it would have come without us: the status tells of it. */
static void on_signal(int number)
{
    remove_unfinished();
    signal(number, SIG_DFL);
    raise(number);
}

static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM};

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        sigaction(ending[i], NULL, &before);
        if (before.sa_handler == SIG_DFL) {
            sigaction(ending[i], &action, NULL);
        }
    }
    atexit(remove_unfinished);
}

static void hold_signals(int how)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        sigaddset(&set, ending[i]);
    }
    sigprocmask(how, &set, NULL);
}

/* Where the file will be: what a symbolic link leads to, so that the link stays. Only a regular
 * file may be replaced. */
static char *place_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        if (errno != ENOENT) {
            fail(STATUS_ALBA, "cannot write %s: %s", path, strerror(errno));
        }
        if (path[0] == '\0' || path[strlen(path) - 1] == '/') {
            fail(STATUS_ALBA, "'%s' is not the name of a file to write", path);
        }
        return text_copy(path);
    }
    if (S_ISDIR(status.st_mode)) {
        fail(STATUS_ALBA, "cannot write %s: it is a directory", path);
    }
    if (!S_ISREG(status.st_mode)) {
        fail(STATUS_ALBA,
             "cannot write %s: it is not a regular file; write one and copy it with dd", path);
    }
    char *real = realpath(path, NULL);
    if (real == NULL) {
        fail(STATUS_ALBA, "cannot write %s: %s", path, strerror(errno));
    }
    return real;
}

static struct output *create(const char *path, char *place)
{
    if (output_count == 0) {
        catch_signals();
    }
    struct output *output = &outputs[output_count++];
    char *name = text_format("%s.XXXXXX", place);
    hold_signals(SIG_BLOCK);
    output->fd = mkostemp(name, O_CLOEXEC);
    output->temporary = output->fd < 0 ? NULL : name;
    hold_signals(SIG_UNBLOCK);
    if (output->fd < 0) {
        fail(STATUS_ALBA, "cannot write %s: %s", path, strerror(errno));
    }
    output->name = text_copy(path);
    output->place = place;
    return output;
}

struct output *output_create(const char *path)
{
    return create(path, place_of(path));
}

struct output *output_create_scratch(const char *path)
{
    struct output *output = create(path, place_of(path));
    unlink(output->temporary);
    output->temporary = NULL;
    return output;
}

static _Noreturn void fail_writing(const struct output *output)
{
    fail(STATUS_ALBA, "cannot write %s: %s", output->name, strerror(errno));
}

void output_write(struct output *output, const void *bytes, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(output->fd, bytes, size, (off_t)offset);
        if (written < 0 && errno != EINTR) {
            fail_writing(output);
        }
        if (written > 0) {
            bytes = (const char *)bytes + written;
            size -= (size_t)written;
            offset += (uint64_t)written;
        }
    }
}

void output_text(struct output *output, const char *text, uint64_t offset)
{
    output_write(output, text, strlen(text), offset);
}

void output_copy(struct output *output, int fd, uint64_t size, uint64_t offset)
{
    off_t from = 0;
    if (lseek(output->fd, (off_t)offset, SEEK_SET) < 0) {
        fail_writing(output);
    }
    while ((uint64_t)from < size) {
        uint64_t left = size - (uint64_t)from;
        ssize_t copied = sendfile(output->fd, fd, &from, left < 1 << 30 ? left : 1 << 30);
        if (copied < 0 && errno != EINTR) {
            fail_writing(output);
        }
        if (copied == 0) {
            fail(STATUS_ALBA, "cannot write %s: a file became shorter while it was read",
                 output->name);
        }
    }
}

void output_set_size(struct output *output, uint64_t size)
{
    if (ftruncate(output->fd, (off_t)size) != 0) {
        fail_writing(output);
    }
}

int output_fd(const struct output *output)
{
    return output->fd;
}

/* mkostemp's files are for their owner alone; a new file is for whom the umask lets. */
static void finish(struct output *output)
{
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(output->fd, 0666 & ~mask) != 0 || close(output->fd) != 0) {
        fail_writing(output);
    }
}

void output_finish(void)
{
    for (size_t i = 0; i < output_count; i++) {
        if (outputs[i].temporary != NULL) {
            finish(&outputs[i]);
        }
    }
    for (size_t i = 0; i < output_count; i++) {
        struct output *output = &outputs[i];
        hold_signals(SIG_BLOCK);
        if (output->temporary != NULL && rename(output->temporary, output->place) != 0) {
            fail_writing(output);
        }
        output->temporary = NULL;
        hold_signals(SIG_UNBLOCK);
    }
}
