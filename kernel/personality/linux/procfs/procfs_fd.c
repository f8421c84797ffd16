/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID/fd and fdinfo: one link or file for each descriptor. A link leads to the very file that
 * is open, whatever its name is by now; its rights tell how it was opened, as on Linux.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "lib/format.h"

/* No table of descriptors is larger (fs.nr_open). */
#define FD_LIMIT (1u << 20)

/* The file at exactly this descriptor, counted, for those who may look: 0, -EACCES, -ENOENT. The
 * rights are asked for when the file is held: an exec in between cannot bring another one. */
static int fd_file(const struct pseudo_ctx *ctx, unsigned fd, struct file **out)
{
    struct linux_process *process = proc_process(ctx);
    struct file *file = NULL;
    unsigned found = fd;

    if (process != NULL) {
        file = fd_table_next(process, &found);
        process_put(process);
    }
    int error = proc_may_look(ctx);
    if (error == 0 && file != NULL && found == fd) {
        *out = file;
        return 0;
    }
    if (file != NULL) {
        file_put(file);
    }
    return error == -EACCES ? error : -ENOENT;
}

static int fd_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size)
{
    struct file *file;
    int result = fd_file(ctx, (unsigned)ctx->sub, &file);

    if (result == 0) {
        result = proc_path_text(&file->path, buf, size);
        file_put(file);
    }
    return result;
}

static int fd_follow(const struct pseudo_ctx *ctx, struct path *out)
{
    struct file *file;
    int error = fd_file(ctx, (unsigned)ctx->sub, &file);

    if (error == 0) {
        *out = file->path;
        path_get(out);
        file_put(file);
    }
    return error;
}

#define FD_LINK(rights)                                                                            \
    {                                                                                              \
        .name = "fd", .mode = S_IFLNK | (rights), .size = 64, .readlink = fd_readlink,             \
        .follow = fd_follow, .owner = proc_owner                                                   \
    }
/* By how the file was opened: not at all (O_PATH), reading, writing, both. */
static const struct pseudo_node fd_links[] = {FD_LINK(0), FD_LINK(0500), FD_LINK(0300),
                                              FD_LINK(0700)};

static const struct pseudo_node *fd_link(const struct file *file)
{
    unsigned access = file_flags(file) & O_ACCMODE;

    if (file_flags(file) & O_PATH) {
        return &fd_links[0];
    }
    return access == O_RDONLY ? &fd_links[1] : access == O_WRONLY ? &fd_links[2] : &fd_links[3];
}

int proc_fd_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child)
{
    unsigned fd;

    if (!proc_parse_number(name, FD_LIMIT, &fd)) {
        return -ENOENT;
    }
    struct file *file;
    int error = fd_file(ctx, fd, &file);
    if (error != 0) {
        return error;
    }
    *child = (struct pseudo_ctx){ctx->id, fd, fd_link(file)};
    file_put(file);
    return 0;
}

/* The descriptor at or after *cursor: its file, counted; NULL: no more. */
static struct file *next_file(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32])
{
    struct linux_process *process = *cursor < FD_LIMIT && proc_may_look(ctx) == 0
                                        ? proc_process(ctx)
                                        : NULL;
    unsigned fd = (unsigned)*cursor;

    if (process == NULL) {
        return NULL;
    }
    struct file *file = fd_table_next(process, &fd);
    process_put(process);
    if (file != NULL) {
        snprintf(name, 32, "%u", fd);
        *cursor = fd + 1;
    }
    return file;
}

bool proc_fd_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                  struct pseudo_ctx *child)
{
    struct file *file = next_file(ctx, cursor, name);

    if (file == NULL) {
        return false;
    }
    *child = (struct pseudo_ctx){ctx->id, *cursor - 1, fd_link(file)};
    file_put(file);
    return true;
}

static int show_fdinfo(const struct pseudo_ctx *ctx, struct text *out)
{
    struct file *file;
    int error = fd_file(ctx, (unsigned)ctx->sub, &file);

    if (error != 0) {
        return error;
    }
    int mount_id = file->path.mount != NULL ? file->path.mount->id : 0;
    text_printf(out, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n",
                (unsigned long long)__atomic_load_n(&file->pos, __ATOMIC_RELAXED), file_flags(file),
                mount_id, (unsigned long long)file->inode->ino);
    if (file->ops->show != NULL) {
        file->ops->show(file, out);
    }
    file_put(file);
    return 0;
}

static const struct pseudo_node fdinfo_file = {
    .name = "fdinfo", .mode = S_IFREG | 0400, .show = show_fdinfo, .owner = proc_owner};

int proc_fdinfo_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child)
{
    int error = proc_fd_lookup(ctx, name, child);

    child->node = &fdinfo_file;
    return error;
}

bool proc_fdinfo_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                      struct pseudo_ctx *child)
{
    bool found = proc_fd_next(ctx, cursor, name, child);

    child->node = &fdinfo_file;
    return found;
}
