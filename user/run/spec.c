/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the spec. The file is mapped and its strings are used where they lie; only the two vectors
 * of pointers take memory of their own. Nothing is freed: the program runs until the machine stops.
 */
#include "user/run/spec.h"
#include "abi/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "user/run/sys.h"
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <stddef.h>

struct text {
    char *start;
    size_t size;
};

static int map_file(const char *path, struct text *text)
{
    long fd = SYS(open, ADDR(path), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return (int)fd;
    }
    long size = SYS(lseek, fd, 0, 2 /* SEEK_END */);
    long address = size > 0 ? SYS(mmap, 0, size, PROT_READ, MAP_PRIVATE, fd) : -EINVAL;
    SYS(close, fd);
    if (address < 0) {
        return (int)address;
    }
    text->start = (char *)address;
    text->size = (size_t)size;
    return text->start[size - 1] == '\0' ? 0 : -EINVAL;
}

/* The value when the record has this key, else NULL. */
static char *value_of(char *record, const char *key)
{
    size_t length = strlen(key);
    return strncmp(record, key, length) == 0 && record[length] == '=' ? record + length + 1 : NULL;
}

static bool read_number(char *record, const char *key, unsigned *number)
{
    const char *value = value_of(record, key);
    const char *end;
    uint64_t parsed;
    if (value == NULL || parse_u64(value, &end, 10, &parsed) != 0) {
        return false;
    }
    *number = (unsigned)parsed;
    return true;
}

static bool read_stream(char *record, const char *key, enum stream_kind *kind)
{
    const char *value = value_of(record, key);
    if (value == NULL) {
        return false;
    }
    *kind = value[0] == 't'   ? STREAM_TTY
            : value[0] == 'p' ? STREAM_PORT
            : value[0] == 'c' ? STREAM_CONSOLE
                              : STREAM_NULL;
    return true;
}

static bool read_flag(char *record, const char *key, bool *flag)
{
    unsigned number = 0;
    bool found = read_number(record, key, &number);
    if (found) {
        *flag = number != 0;
    }
    return found;
}

static bool read_text(char *record, const char *key, const char **text)
{
    const char *value = value_of(record, key);
    if (value == NULL) {
        return false;
    }
    *text = value;
    return true;
}

/* Every record that is not one of the two lists. */
static void read_record(struct spec *spec, char *record)
{
    (void)(read_text(record, "program", &spec->program) || read_text(record, "cwd", &spec->cwd) ||
           read_text(record, "hostname", &spec->hostname) ||
           read_number(record, "uid", &spec->uid) || read_number(record, "gid", &spec->gid) ||
           read_number(record, "rows", &spec->rows) ||
           read_number(record, "columns", &spec->columns) ||
           read_flag(record, "plain", &spec->plain) || read_flag(record, "strace", &spec->strace) ||
           read_text(record, "timeline", &spec->timeline) ||
           read_stream(record, "stdin", &spec->streams[0]) ||
           read_stream(record, "stdout", &spec->streams[1]) ||
           read_stream(record, "stderr", &spec->streams[2]));
}

int spec_read(const char *path, struct spec *spec)
{
    struct text text = {NULL, 0};
    int error = map_file(path, &text);
    if (error != 0) {
        return error;
    }
    size_t args = 0, envs = 0;
    char *end = text.start + text.size;
    for (char *record = text.start; record < end; record += strlen(record) + 1) {
        args += value_of(record, "arg") != NULL;
        envs += value_of(record, "env") != NULL;
    }
    size_t size = (args + envs + 2) * sizeof(char *);
    long vectors = SYS(mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1);
    if (vectors < 0) {
        return (int)vectors;
    }
    char **arg = spec->argv = (char **)vectors; /* zero-filled: both vectors end in NULL */
    char **env = spec->envp = spec->argv + args + 1;
    for (char *record = text.start; record < end; record += strlen(record) + 1) {
        char *value;
        if ((value = value_of(record, "arg")) != NULL) {
            *arg++ = value;
        } else if ((value = value_of(record, "env")) != NULL) {
            *env++ = value;
        } else {
            read_record(spec, record);
        }
    }
    return spec->program != NULL && args > 0 ? 0 : -EINVAL;
}

const char *spec_env(const struct spec *spec, const char *name)
{
    for (char **env = spec->envp; *env != NULL; env++) {
        const char *value = value_of(*env, name);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
