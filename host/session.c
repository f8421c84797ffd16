/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides about streams and writes down for PID 1 what it is to do. */
#include "host/session.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What cannot be written is a port: the failure is told when something is written to it. */
static enum stream_kind kind_of(int fd)
{
    struct stat status;
    bool usable = fd == STDIN_FILENO || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
    if (!usable || fstat(fd, &status) != 0) {
        return STREAM_PORT;
    }
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)) {
        return STREAM_NULL;
    }
    return isatty(fd) ? STREAM_TTY : STREAM_PORT;
}

bool session_size(const struct session *session, unsigned *rows, unsigned *columns)
{
    struct winsize size;
    if (session->terminal_output < 0 || ioctl(session->terminal_output, TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0) {
        return false;
    }
    *rows = size.ws_row;
    *columns = size.ws_col;
    return true;
}

void session_plan(struct session *session, const struct options *options)
{
    *session = (struct session){.terminal_output = -1, .rows = 24, .columns = 80};
    for (int i = 0; i < 3; i++) {
        session->kinds[i] = kind_of(i);
    }
    if (options->terminal) {
        session->raw = session->kinds[0] == STREAM_TTY;
        session->terminal_output = STDOUT_FILENO;
        session->kinds[0] = session->kinds[1] = session->kinds[2] = STREAM_TTY;
    } else {
        if (session->kinds[0] == STREAM_TTY && session->kinds[1] != STREAM_TTY) {
            session->kinds[0] = STREAM_PORT;
        }
        session->raw = session->kinds[0] == STREAM_TTY;
        if (session->kinds[1] == STREAM_TTY) {
            session->terminal_output = STDOUT_FILENO;
        } else if (session->kinds[2] == STREAM_TTY) {
            session->terminal_output = STDERR_FILENO;
        }
    }
    session->has_terminal = session->terminal_output >= 0;
    session_size(session, &session->rows, &session->columns);
}

void session_plan_console(struct session *session)
{
    *session = (struct session){.terminal_output = -1, .has_terminal = true, .raw = true};
    for (int i = 0; i < 3; i++) {
        session->kinds[i] = STREAM_CONSOLE;
    }
}

struct spec {
    char *bytes;
    size_t size;
};

/* Adds key=value and the zero byte that ends it. */
static void put(struct spec *spec, const char *key, const char *value)
{
    size_t key_size = strlen(key), value_size = strlen(value);
    spec->bytes = text_resize(spec->bytes, spec->size + key_size + value_size + 2);
    char *to = spec->bytes + spec->size;
    memcpy(to, key, key_size);
    to[key_size] = '=';
    memcpy(to + key_size + 1, value, value_size + 1);
    spec->size += key_size + value_size + 2;
}

static void put_number(struct spec *spec, const char *key, unsigned long number)
{
    char *value = text_format("%lu", number);
    put(spec, key, value);
    free(value);
}

/* Whether a later one of the list sets the same name. */
static bool is_overridden(const struct strings *env, size_t index, const char *name)
{
    size_t length = strcspn(name, "=");
    for (size_t i = index; i < env->count; i++) {
        if (strncmp(env->at[i], name, length) == 0 && env->at[i][length] == '=') {
            return true;
        }
    }
    return false;
}

static void put_default(struct spec *spec, const struct options *options, const char *name,
                        const char *value)
{
    if (!is_overridden(&options->env, 0, name)) {
        char *text = text_format("%s=%s", name, value);
        put(spec, "env", text);
        free(text);
    }
}

/* What docker gives a container, then what was asked for; nothing else of this environment. */
static void put_environment(struct spec *spec, const struct session *session,
                            const struct options *options)
{
    put_default(spec, options, "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    put_default(spec, options, "HOSTNAME", options->hostname);
    put_default(spec, options, "HOME", options->uid == 0 ? "/root" : "/");
    if (session->has_terminal) {
        put_default(spec, options, "TERM", options->term);
    }
    for (size_t i = 0; i < options->env.count; i++) {
        if (!is_overridden(&options->env, i + 1, options->env.at[i])) {
            put(spec, "env", options->env.at[i]);
        }
    }
}

char *session_spec(const struct session *session, const struct options *options,
                   const char *program, size_t *size)
{
    static const char *const streams[] = {"stdin", "stdout", "stderr"};
    static const char *const kinds[] = {"null", "port", "tty", "console"};
    struct spec spec = {NULL, 0};
    put(&spec, "program", program);
    for (char **arg = options->args; *arg != NULL; arg++) {
        put(&spec, "arg", *arg);
    }
    put_environment(&spec, session, options);
    for (int i = 0; i < 3; i++) {
        put(&spec, streams[i], kinds[session->kinds[i]]);
    }
    put(&spec, "cwd", options->workdir == NULL ? "/" : options->workdir);
    put(&spec, "hostname", options->hostname);
    put_number(&spec, "uid", options->uid);
    put_number(&spec, "gid", options->gid);
    put_number(&spec, "rows", session->rows);
    put_number(&spec, "columns", session->columns);
    put_number(&spec, "plain", session->has_terminal && !session->raw);
    put_number(&spec, "strace", options->strace);
    put(&spec, "timeline", options->timelines.count > 0 ? "json" : "none");
    *size = spec.size;
    return spec.bytes;
}
