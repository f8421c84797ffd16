/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID and /proc/PID/task/TID: the table of files, and those that are short. proc(5) says what
 * each holds.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "lib/format.h"
#include "lib/string.h"

#define CAP_SYS_RESOURCE 24u
#define ARGUMENTS_MAX    (8ul << 20) /* more than execve accepts */

int proc_look_at_space(const struct pseudo_ctx *ctx, struct space **out)
{
    struct linux_process *process = proc_process(ctx);
    struct space *space = process != NULL ? process_space(process) : NULL;

    if (process != NULL) {
        process_put(process);
    }
    int error = process != NULL ? proc_may_look(ctx) : -ESRCH;
    if (error != 0 && space != NULL) {
        space_put(space);
        space = NULL;
    }
    *out = space;
    return error;
}

/* Bytes of another space, as far as they can be read. */
static void put_memory(struct text *out, struct space *space, vaddr_t start, vaddr_t end)
{
    if (start >= end || end - start > ARGUMENTS_MAX) {
        return;
    }
    char *to = text_reserve(out, end - start);
    if (to != NULL) {
        out->size += space_access(space, start, to, end - start, SPACE_READ | SPACE_FORCE);
    }
}

static int show_cmdline(const struct pseudo_ctx *ctx, struct text *out)
{
    struct linux_process *process = proc_process(ctx);

    if (process == NULL) {
        return -ESRCH;
    }
    struct space *space = process_space(process); /* anybody may see it */
    process_put(process);
    if (space == NULL) {
        return 0;
    }
    const struct linux_space *where = linux_space_of(space);
    if (where != NULL) {
        put_memory(out, space, where->arg_start, where->arg_end);
        /* A program that wrote a longer title over its arguments has overrun the last zero: the
         * title goes on into the environment (setproctitle(3)). */
        if (out->size > 0 && out->bytes[out->size - 1] != '\0') {
            put_memory(out, space, where->arg_end, where->env_end);
            const char *zero = memchr(out->bytes, '\0', out->size);
            out->size = zero != NULL ? (size_t)(zero - out->bytes) : out->size;
        }
    }
    space_put(space);
    return 0;
}

static int show_environ(const struct pseudo_ctx *ctx, struct text *out)
{
    struct space *space = NULL;
    int error = proc_look_at_space(ctx, &space);

    if (space != NULL) {
        const struct linux_space *where = linux_space_of(space);
        if (where != NULL) {
            put_memory(out, space, where->env_start, where->env_end);
        }
        space_put(space);
    }
    return error;
}

static int show_auxv(const struct pseudo_ctx *ctx, struct text *out)
{
    struct space *space = NULL;
    int error = proc_look_at_space(ctx, &space);

    if (space != NULL) {
        const struct linux_space *where = linux_space_of(space);
        if (where != NULL) {
            text_put(out, (const char *)where->auxv, where->auxv_count * sizeof(where->auxv[0]));
        }
        space_put(space);
    }
    return error;
}

static int show_comm(const struct pseudo_ctx *ctx, struct text *out)
{
    struct linux_process *process = proc_process(ctx);
    int tid = proc_ctx_tid(ctx) != 0 ? proc_ctx_tid(ctx) : proc_ctx_pid(ctx), found;

    if (process == NULL) {
        return -ESRCH;
    }
    struct thread *thread = process_thread_next(process, tid, &found);
    process_put(process);
    if (thread == NULL) {
        return -ESRCH;
    }
    text_printf(out, "%s\n", found == tid ? thread->name : "");
    thread_put(thread);
    return 0;
}

static int store_comm(const struct pseudo_ctx *ctx, const char *bytes, size_t size)
{
    struct linux_process *process = proc_process(ctx);
    int tid = proc_ctx_tid(ctx) != 0 ? proc_ctx_tid(ctx) : proc_ctx_pid(ctx), found;

    if (process == NULL) {
        return -ESRCH;
    }
    bool own = process == current_process();
    struct thread *thread = own ? process_thread_next(process, tid, &found) : NULL;
    process_put(process);
    if (thread == NULL || found != tid) {
        if (thread != NULL) {
            thread_put(thread);
        }
        return own ? -ESRCH : -EINVAL; /* threads name each other, nobody else does */
    }
    size = MIN(size, sizeof(thread->name) - 1);
    memset(thread->name, 0, sizeof(thread->name));
    memcpy(thread->name, bytes, strnlen(bytes, size));
    thread_put(thread);
    return 0;
}

static int show_limits(const struct pseudo_ctx *ctx, struct text *out)
{
    static_assert(LINUX_RLIMITS == PROC_LIMITS, "one row for each");
    uint64_t soft[PROC_LIMITS], hard[PROC_LIMITS];
    struct linux_process *process = proc_process(ctx);

    if (process == NULL) {
        return -ESRCH;
    }
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    for (unsigned i = 0; i < PROC_LIMITS; i++) {
        soft[i] = process->limits[i].soft;
        hard[i] = process->limits[i].hard;
    }
    spin_unlock_irqrestore(&process->signal_lock, flags);
    process_put(process);
    proc_format_limits(out, soft, hard);
    return 0;
}

static int show_oom_score_adj(const struct pseudo_ctx *ctx, struct text *out)
{
    struct linux_process *process = proc_process(ctx);

    if (process == NULL) {
        return -ESRCH;
    }
    text_printf(out, "%d\n", process->oom_score_adj);
    process_put(process);
    return 0;
}

static int store_oom_score_adj(const struct pseudo_ctx *ctx, const char *bytes, size_t size)
{
    bool negative = bytes[0] == '-';
    const char *end;
    uint64_t value;

    (void)size;
    if (parse_u64(bytes + negative, &end, 0, &value) != 0 || (*end != '\0' && *end != '\n') ||
        value > 1000) {
        return -EINVAL;
    }
    struct linux_process *process = proc_process(ctx);
    if (process == NULL) {
        return -ESRCH;
    }
    int score = negative ? -(int)value : (int)value;
    int error = score < process->oom_score_adj && !linux_capable(CAP_SYS_RESOURCE) ? -EACCES : 0;
    if (error == 0) {
        process->oom_score_adj = score;
    }
    process_put(process);
    return error;
}

static int show_personality(const struct pseudo_ctx *ctx, struct text *out)
{
    struct linux_process *process = proc_process(ctx);

    if (process == NULL) {
        return -ESRCH;
    }
    text_printf(out, "%08x\n", process->persona);
    process_put(process);
    return 0;
}

/* Transfers are not counted. */
static int show_io(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n"
                     "cancelled_write_bytes: 0\n");
    return 0;
}

/* Files with a text that is the same for all. */
static int show_constant(const struct pseudo_ctx *ctx, struct text *out)
{
    const char *text = ctx->node->arg;

    text_put(out, text, strlen(text));
    return 0;
}

/* Links to a path of the process. */
static int fs_path(const struct pseudo_ctx *ctx, struct path *out)
{
    int error = proc_may_look(ctx);
    struct fs_context *fs = error == 0 ? proc_fs_context(ctx) : NULL;

    if (fs == NULL) {
        return error == -EACCES ? error : -ENOENT;
    }
    struct fs_paths *paths = fs_paths_get(fs);
    *out = strcmp(ctx->node->name, "cwd") == 0 ? paths->cwd : paths->root;
    path_get(out);
    fs_paths_put(paths);
    fs_context_put(fs);
    return 0;
}

static int exe_path(const struct pseudo_ctx *ctx, struct path *out)
{
    struct space *space = NULL;
    int error = proc_look_at_space(ctx, &space);

    if (space == NULL) {
        return error == -EACCES ? error : -ENOENT;
    }
    const struct linux_space *where = linux_space_of(space);
    error = where != NULL && where->exe != NULL ? 0 : -ENOENT;
    if (error == 0) {
        *out = where->exe->path;
        path_get(out);
    }
    space_put(space);
    return error;
}

static int path_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size)
{
    struct path path;
    int error = ctx->node->follow(ctx, &path);

    if (error == 0) {
        error = proc_path_text(&path, buf, size);
        path_put(&path);
    }
    return error;
}

static const struct pseudo_node task_dir;

static int task_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child)
{
    unsigned tid;

    if (!proc_parse_number(name, LINUX_PID_LIMIT, &tid) || tid == 0) {
        return -ENOENT;
    }
    *child = (struct pseudo_ctx){proc_id(proc_ctx_pid(ctx), (int)tid), 0, &task_dir};
    return 0; /* its owner says whether it exists */
}

static bool task_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                      struct pseudo_ctx *child)
{
    struct linux_process *process = *cursor < LINUX_PID_LIMIT ? proc_process(ctx) : NULL;
    int tid;

    if (process == NULL) {
        return false;
    }
    struct thread *thread = process_thread_next(process, (int)*cursor, &tid);
    process_put(process);
    if (thread == NULL) {
        return false;
    }
    thread_put(thread);
    snprintf(name, 32, "%d", tid);
    *cursor = (uint64_t)tid + 1;
    *child = (struct pseudo_ctx){proc_id(proc_ctx_pid(ctx), tid), 0, &task_dir};
    return true;
}

/* What a process and each of its threads have. */
#define FILE_OF(file, rights, function)                                                            \
    {                                                                                              \
        .name = file, .mode = S_IFREG | (rights), .show = function                                 \
    }
/* For those who may look into the process. */
#define SECRET_OF(file, rights, function)                                                          \
    {                                                                                              \
        .name = file, .mode = S_IFREG | (rights), .show = function, .may_open = proc_may_look      \
    }
#define CONSTANT_OF(file, rights, text)                                                            \
    {                                                                                              \
        .name = file, .mode = S_IFREG | (rights), .show = show_constant, .arg = text               \
    }
#define LINK_OF(file, function)                                                                    \
    {                                                                                              \
        .name = file, .mode = S_IFLNK | 0777, .readlink = path_readlink, .follow = function        \
    }
/* clang-format off */
#define COMMON_NODES                                                                               \
    {.name = "fd", .mode = S_IFDIR | 0500, .lookup = proc_fd_lookup, .next = proc_fd_next,         \
     .owner = proc_owner},                                                                         \
    {.name = "fdinfo", .mode = S_IFDIR | 0555, .lookup = proc_fdinfo_lookup,                       \
     .next = proc_fdinfo_next, .owner = proc_owner},                                               \
    {.name = "comm", .mode = S_IFREG | 0644, .show = show_comm, .store = store_comm},              \
    {.name = "oom_score_adj", .mode = S_IFREG | 0644, .show = show_oom_score_adj,                  \
     .store = store_oom_score_adj},                                                                \
    {.name = "mem", .mode = S_IFREG | 0600, .ops = &proc_mem_ops, .may_open = proc_may_look},      \
    SECRET_OF("environ", 0400, show_environ),                                                      \
    SECRET_OF("auxv", 0400, show_auxv),                                                            \
    FILE_OF("status", 0444, proc_show_status),                                                     \
    SECRET_OF("personality", 0400, show_personality),                                              \
    FILE_OF("limits", 0444, show_limits),                                                          \
    FILE_OF("cmdline", 0444, show_cmdline),                                                        \
    FILE_OF("stat", 0444, proc_show_stat),                                                         \
    FILE_OF("statm", 0444, proc_show_statm),                                                       \
    SECRET_OF("maps", 0444, proc_show_maps),                                                       \
    FILE_OF("mounts", 0444, proc_show_mounts),                                                     \
    FILE_OF("mountinfo", 0444, proc_show_mountinfo),                                               \
    SECRET_OF("smaps", 0444, proc_show_smaps),                                                     \
    SECRET_OF("smaps_rollup", 0444, proc_show_smaps_rollup),                                       \
    SECRET_OF("io", 0400, show_io),                                                                \
    FILE_OF("sched", 0444, proc_show_task_sched),                                                  \
    FILE_OF("schedstat", 0444, proc_show_task_schedstat),                                          \
    CONSTANT_OF("wchan", 0444, "0"),                                                               \
    CONSTANT_OF("oom_score", 0444, "666\n"),                                                       \
    CONSTANT_OF("cgroup", 0444, "0::/\n"),                                                         \
    CONSTANT_OF("loginuid", 0644, "4294967295"),                                                   \
    CONSTANT_OF("sessionid", 0444, "4294967295"),                                                  \
    CONSTANT_OF("uid_map", 0644, "         0          0 4294967295\n"),                            \
    CONSTANT_OF("gid_map", 0644, "         0          0 4294967295\n"),                            \
    CONSTANT_OF("setgroups", 0644, "allow\n"),                                                     \
    LINK_OF("cwd", fs_path),                                                                       \
    LINK_OF("root", fs_path),                                                                      \
    LINK_OF("exe", exe_path)
/* clang-format on */

static const struct pseudo_node task_nodes[] = {COMMON_NODES, {.name = NULL}};

static const struct pseudo_node task_dir = {
    .name = "task", .mode = S_IFDIR | 0555, .children = task_nodes, .owner = proc_owner};

const struct pseudo_node proc_pid_nodes[] = {
    {.name = "task",
     .mode = S_IFDIR | 0555,
     .lookup = task_lookup,
     .next = task_next,
     .owner = proc_owner},
    COMMON_NODES,
    FILE_OF("mountstats", 0400, proc_show_mountstats),
    {.name = NULL},
};
