/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/PID/stat, status and statm: a picture of the process, and its text. */
#include "abi/errno.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"

typedef void (*task_format)(struct text *out, const struct proc_task *task);

static int show_task(const struct pseudo_ctx *ctx, struct text *out, task_format format)
{
    /* Too large for a stack that others use as well. */
    struct proc_task *task = kmalloc(sizeof(*task));

    if (task == NULL) {
        return -ENOMEM;
    }
    int error = proc_task_get(ctx, task);
    if (error == 0) {
        format(out, task);
    }
    kfree(task);
    return error;
}

/* Addresses of the memory are nobody's business who may not look into the process. */
static void hide_addresses(struct proc_memory *memory)
{
    memory->code_start = memory->code_end = memory->valid; /* as Linux: 1 for a user process */
    memory->data_start = memory->data_end = memory->stack_start = memory->brk_start = 0;
    memory->arg_start = memory->arg_end = memory->env_start = memory->env_end = 0;
}

int proc_show_stat(const struct pseudo_ctx *ctx, struct text *out)
{
    struct proc_task *task = kmalloc(sizeof(*task));

    if (task == NULL) {
        return -ENOMEM;
    }
    int error = proc_task_get(ctx, task);
    if (error == 0) {
        if (proc_may_look(ctx) != 0) {
            hide_addresses(&task->memory);
            task->exit_status = 0;
        }
        proc_format_stat(out, task);
    }
    kfree(task);
    return error;
}

int proc_show_status(const struct pseudo_ctx *ctx, struct text *out)
{
    return show_task(ctx, out, proc_format_status);
}

static void format_statm(struct text *out, const struct proc_task *task)
{
    proc_format_statm(out, &task->memory);
}

int proc_show_statm(const struct pseudo_ctx *ctx, struct text *out)
{
    return show_task(ctx, out, format_statm);
}
