/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/PID/mounts, mountinfo and mountstats: the mounts that the process can reach. */
#include "abi/errno.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"

struct mounts_visit {
    struct text *out;
    void (*format)(struct text *out, const struct mount_info *info);
};

static int visit_mount(void *arg, const struct mount_info *info)
{
    const struct mounts_visit *visit = arg;

    visit->format(visit->out, info);
    return visit->out->error;
}

static int show(const struct pseudo_ctx *ctx, struct text *out,
                void (*format)(struct text *out, const struct mount_info *info))
{
    struct mounts_visit visit = {out, format};
    struct fs_context *fs = proc_fs_context(ctx);

    if (fs == NULL) {
        return -EINVAL; /* as Linux says of zombies */
    }
    struct fs_paths *paths = fs_paths_get(fs);
    fs_context_put(fs);
    int error = vfs_mounts_visit(&paths->root, visit_mount, &visit);
    fs_paths_put(paths);
    return error;
}

int proc_show_mounts(const struct pseudo_ctx *ctx, struct text *out)
{
    return show(ctx, out, proc_format_mount);
}

int proc_show_mountinfo(const struct pseudo_ctx *ctx, struct text *out)
{
    return show(ctx, out, proc_format_mountinfo);
}

static void format_mountstats(struct text *out, const struct mount_info *info)
{
    text_printf(out, "device ");
    text_put_escaped(out, info->source, " \t\n");
    text_printf(out, " mounted on ");
    text_put_escaped(out, info->target, " \t\n");
    text_printf(out, " with fstype %s\n", info->type);
}

int proc_show_mountstats(const struct pseudo_ctx *ctx, struct text *out)
{
    return show(ctx, out, format_mountstats);
}
