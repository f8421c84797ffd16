/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the files of procfs share: how a context names a process or a thread, and the tables.
 * ctx->id is the PID, with the TID in the upper half for what lies below /proc/PID/task/TID;
 * ctx->sub is a descriptor below fd and fdinfo.
 */
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/procfs/procfs_format.h"

static inline int proc_ctx_pid(const struct pseudo_ctx *ctx)
{
    return (int)(uint32_t)ctx->id;
}
/* 0: the whole process. */
static inline int proc_ctx_tid(const struct pseudo_ctx *ctx)
{
    return (int)(ctx->id >> 32);
}
static inline uint64_t proc_id(int pid, int tid)
{
    return (uint64_t)(uint32_t)tid << 32 | (uint32_t)pid;
}

/* procfs_task.c: taking what is shown, with the locks it needs. -ESRCH: it has gone. */
/* The process with a reference, or NULL. */
struct linux_process *proc_process(const struct pseudo_ctx *ctx);
int proc_task_get(const struct pseudo_ctx *ctx, struct proc_task *out);
void proc_memory_get(struct space *space, struct proc_memory *out);
/* A reference to the thread's (or leader's) file-system context; NULL: it has none any more. */
/* The process's space, counted, for those who may look: 0; *out NULL: it has none. The rights are
 * asked for when the space is held: an exec in between cannot bring another one. */
int proc_look_at_space(const struct pseudo_ctx *ctx, struct space **out);
struct fs_context *proc_fs_context(const struct pseudo_ctx *ctx);
/* Owner of what lies below /proc/PID. */
int proc_owner(const struct pseudo_ctx *ctx, uint32_t *uid, uint32_t *gid);
/* May the caller look into the process (ptrace(2), "PTRACE_MODE_READ_FSCREDS")? 0, -EACCES,
 * -ESRCH. */
int proc_may_look(const struct pseudo_ctx *ctx);
/* The name of a path as the caller sees it; bytes put into buf, cut to size. */
int proc_path_text(const struct path *path, char *buf, size_t size);

/* A name in decimal without leading zeroes below the limit; false: it is not. */
bool proc_parse_number(const char *name, unsigned limit, unsigned *number);
/* What Linux calls memory of a type of enum boot_mem. */
const char *proc_memory_type(unsigned type);

/* Tables of children. */
extern const struct pseudo_node proc_pid_nodes[];    /* procfs_pid.c: of /proc/PID */
extern const struct pseudo_node proc_sys_nodes[];    /* procfs_sys.c: of /proc/sys */
extern const struct pseudo_node proc_system_nodes[]; /* procfs_system.c: files of the root */

/* procfs.c: the links self, thread-self and mounts. */
int proc_self_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size);

/* procfs_status.c */
int proc_show_stat(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_status(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_statm(const struct pseudo_ctx *ctx, struct text *out);

/* procfs_sched.c */
int proc_show_system_stat(const struct pseudo_ctx *ctx, struct text *out); /* /proc/stat */
int proc_show_uptime(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_loadavg(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_schedstat(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_task_sched(const struct pseudo_ctx *ctx, struct text *out); /* /proc/PID/sched */
int proc_show_task_schedstat(const struct pseudo_ctx *ctx, struct text *out);

/* procfs_maps.c */
int proc_show_maps(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_smaps(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_smaps_rollup(const struct pseudo_ctx *ctx, struct text *out);
extern const struct file_ops proc_mem_ops; /* /proc/PID/mem */

/* procfs_fd.c: the directories fd and fdinfo. */
int proc_fd_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child);
bool proc_fd_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                  struct pseudo_ctx *child);
int proc_fdinfo_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child);
bool proc_fdinfo_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                      struct pseudo_ctx *child);

/* procfs_mounts.c */
int proc_show_mounts(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_mountinfo(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_mountstats(const struct pseudo_ctx *ctx, struct text *out);
