/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Generated files: the framework under procfs and sysfs. A pseudo file system is a tree of nodes
 * that are described by constant tables or made on look-up; the text of a file is generated as a
 * whole when it is read from offset 0 and kept with the open file. Nothing exists before somebody
 * looks, and nothing is remembered afterwards.
 */
#include "kernel/fs/file.h"

/* statfs(2)'s f_type of procfs. */
#define PROC_SUPER_MAGIC 0x9fa0u

/* Text that grows; errors stick. */
struct text {
    char *bytes;
    size_t size, capacity;
    int error; /* -ENOMEM once it happened */
};
void text_printf(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_put(struct text *text, const char *bytes, size_t size);
/* Zero-terminated text, with each byte of `escaped` (and the backslash) as \ooo. */
void text_put_escaped(struct text *text, const char *string, const char *escaped);
/* Room for `size` more bytes, to be filled by the caller who then adds to text->size; NULL when
 * memory is out. */
char *text_reserve(struct text *text, size_t size);
void text_free(struct text *text);

struct pseudo_node;
struct pseudo_ctx {
    uint64_t id;  /* whose: a PID for /proc/PID/..., else 0 */
    uint64_t sub; /* a TID or a descriptor, else 0 */
    const struct pseudo_node *node;
};

/* A node's behaviour; the type in mode says which members of the union it has. */
struct pseudo_node {
    const char *name; /* NULL: ends a table */
    uint32_t mode;    /* S_IFREG | 0444 ... */
    uint32_t size;    /* what stat(2) shows; most say 0 */
    union {
        struct { /* regular */
            /* Asked when it is opened: 0 or an error. NULL: the rights in mode say it all. */
            int (*may_open)(const struct pseudo_ctx *ctx);
            /* Writes the content: 0 or a negative errno (-ESRCH: the process has gone). */
            int (*show)(const struct pseudo_ctx *ctx, struct text *out);
            /* A write of at most 4095 bytes, zero-terminated for convenience. 0: all was taken. */
            int (*store)(const struct pseudo_ctx *ctx, const char *bytes, size_t size);
            /* Instead of show: ops of its own (kmsg, mem); file->priv is a copy of the ctx, which
             * its release must give to pseudo_release. */
            const struct file_ops *ops;
        };
        struct { /* link */
            /* Its text: bytes put into buf. */
            int (*readlink)(const struct pseudo_ctx *ctx, char *buf, size_t size);
            /* Of one that is followed directly to a path with a reference (/proc/PID/exe, fd/N), or
             * NULL. */
            int (*follow)(const struct pseudo_ctx *ctx, struct path *out);
        };
        struct { /* directory */
            /* Constant children, ended by a NULL name; may be NULL. */
            const struct pseudo_node *children;
            /* Children made on look-up (PIDs, descriptors): fills the child's ctx and template, or
             * -ENOENT. Not cached. */
            int (*lookup)(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child);
            /* The first such child from *cursor on: its name and ctx, and *cursor becomes the place
             * after it; false: no more. Cursors only grow. */
            bool (*next)(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                         struct pseudo_ctx *child);
        };
    };
    /* Owner of the node (and nodes below it that do not have this): 0, or an error when what the
     * node stands for has gone. NULL: root. */
    int (*owner)(const struct pseudo_ctx *ctx, uint32_t *uid, uint32_t *gid);
    /* For show and store functions that serve several nodes. */
    const void *arg;
};

/* Registers a file system type (for mount(2)) whose root is `root`, a directory node. */
int pseudo_register(const char *type, uint32_t magic, const struct pseudo_node *root);

void pseudo_release(struct file *file);
