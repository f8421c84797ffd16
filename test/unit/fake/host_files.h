/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The host's file system as a model: calls are made by a child process whose root is an empty tmpfs
 * directory of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_what {
    HOST_OPEN,
    HOST_MKDIR,
    HOST_RMDIR,
    HOST_UNLINK,
    HOST_SYMLINK,
    HOST_LINK,
    HOST_RENAME,
    HOST_CHMOD,
    HOST_TRUNCATE,
    HOST_STAT,
    HOST_LIST,
    HOST_READLINK,
    HOST_CHDIR,
    HOST_GETCWD,
    HOST_MKFIFO,
    HOST_CHOWN,
    HOST_COUNT,
};

#define HOST_WRITE_MAX 9000

struct host_call {
    unsigned what, flags, mode;
    unsigned user;     /* who asks: 0, or another one in the group of the same number */
    unsigned uid, gid; /* HOST_CHOWN; UINT32_MAX: as it is */
    uint64_t size;
    char name[128], name2[128];
};

struct host_stat {
    unsigned mode, nlink, entries, uid, gid;
    uint64_t size, names_sum; /* of a directory's entries, in any order */
    char text[256];
};

/* False: this host does not let us. *users: calls may be made as other users. */
bool host_start(bool *users);
void host_end(void);
/* 0 or more, or a negative errno. */
long host_do(const struct host_call *call, struct host_stat *out);
void host_add_entry(struct host_stat *out, const char *name, size_t size, unsigned type);
void host_print(const struct host_call *call);
