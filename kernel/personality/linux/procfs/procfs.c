/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procfs: its root directory, the processes in it, and the links that lead to the caller's own. The
 * other files of this name hold the tables: procfs_pid.c, procfs_system.c, procfs_sys.c.
 */
#include "kernel/personality/linux/procfs/procfs.h"

#include "abi/errno.h"
#include "kernel/base/init.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "lib/format.h"
#include "lib/string.h"

static int text_link(char *buf, size_t size, const char *text)
{
    size_t length = MIN(strlen(text), size);

    memcpy(buf, text, length);
    return (int)length;
}

static int self_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size)
{
    char text[16];

    (void)ctx;
    snprintf(text, sizeof(text), "%d", current_process()->pid);
    return text_link(buf, size, text);
}

static int thread_self_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size)
{
    char text[40];

    (void)ctx;
    snprintf(text, sizeof(text), "%d/task/%d", current_process()->pid, linux_current()->tid);
    return text_link(buf, size, text);
}

static int mounts_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size)
{
    (void)ctx;
    return text_link(buf, size, "self/mounts");
}

static const struct pseudo_node pid_dir = {
    .name = "pid", .mode = S_IFDIR | 0555, .children = proc_pid_nodes, .owner = proc_owner};

/* A TID is found too, as on Linux, though no directory shows it. */
static int pid_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child)
{
    unsigned id;

    (void)ctx;
    if (!proc_parse_number(name, LINUX_PID_LIMIT, &id) || id == 0) {
        return -ENOENT;
    }
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = pid_thread((int)id);
    const struct linux_process *process = pid_process((int)id);
    if (process == NULL && thread != NULL) {
        process = thread->process;
    }
    int pid = process != NULL ? process->pid : 0;
    process_tree_release(flags);
    if (pid == 0) {
        return -ENOENT;
    }
    *child = (struct pseudo_ctx){proc_id(pid, pid == (int)id ? 0 : (int)id), 0, &pid_dir};
    return 0;
}

static bool pid_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                     struct pseudo_ctx *child)
{
    struct linux_process *process = *cursor < LINUX_PID_LIMIT ? process_next((int)*cursor) : NULL;

    (void)ctx;
    if (process == NULL) {
        return false;
    }
    snprintf(name, 32, "%d", process->pid);
    *cursor = (uint64_t)process->pid + 1;
    *child = (struct pseudo_ctx){proc_id(process->pid, 0), 0, &pid_dir};
    process_put(process);
    return true;
}

static const struct pseudo_node root = {
    .name = "proc",
    .mode = S_IFDIR | 0555,
    .children = proc_system_nodes,
    .lookup = pid_lookup,
    .next = pid_next,
};

int proc_self_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size)
{
    static const struct {
        const char *name;
        int (*readlink)(const struct pseudo_ctx *ctx, char *buf, size_t size);
    } links[] = {
        {"self", self_readlink},
        {"thread-self", thread_self_readlink},
        {"mounts", mounts_readlink},
    };

    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        if (strcmp(links[i].name, ctx->node->name) == 0) {
            return links[i].readlink(ctx, buf, size);
        }
    }
    return -EINVAL;
}

INIT_TEXT void procfs_init(void)
{
    (void)pseudo_register("proc", PROC_SUPER_MAGIC, &root);
}
