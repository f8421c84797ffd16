/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /sys/firmware/memmap: the firmware's memory map, a directory for each range, from which kexec(8)
 * makes the memory map of the next kernel (Documentation/ABI/testing/sysfs-firmware-memmap of
 * Linux). ctx->sub is a range's number plus one.
 */
#include "abi/errno.h"
#include "kernel/mm/ram.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "kernel/personality/linux/sysfs/sysfs.h"
#include "lib/format.h"

static const struct boot_range *range_of(const struct pseudo_ctx *ctx)
{
    unsigned count;
    return &ram_ranges(&count)[ctx->sub - 1];
}

static int show_start(const struct pseudo_ctx *ctx, struct text *out)
{
    text_printf(out, "0x%lx\n", (unsigned long)range_of(ctx)->start);
    return 0;
}

static int show_end(const struct pseudo_ctx *ctx, struct text *out)
{
    const struct boot_range *range = range_of(ctx);

    text_printf(out, "0x%lx\n", (unsigned long)(range->start + range->size - 1));
    return 0;
}

static int show_type(const struct pseudo_ctx *ctx, struct text *out)
{
    text_printf(out, "%s\n", proc_memory_type(range_of(ctx)->type));
    return 0;
}

static const struct pseudo_node range_nodes[] = {
    SYSFS_FILE("end", 0444, show_end),
    SYSFS_FILE("start", 0444, show_start),
    SYSFS_FILE("type", 0444, show_type),
    {.name = NULL},
};

static const struct pseudo_node range_dir = SYSFS_DIR("range", range_nodes);

static int range_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child)
{
    unsigned count, number;

    (void)ctx;
    (void)ram_ranges(&count);
    if (!proc_parse_number(name, count, &number)) {
        return -ENOENT;
    }
    *child = (struct pseudo_ctx){0, number + 1, &range_dir};
    return 0;
}

static bool range_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                       struct pseudo_ctx *child)
{
    unsigned count;

    (void)ctx;
    (void)ram_ranges(&count);
    if (*cursor >= count) {
        return false;
    }
    snprintf(name, 32, "%u", (unsigned)*cursor);
    *child = (struct pseudo_ctx){0, ++*cursor, &range_dir};
    return true;
}

const struct pseudo_node sysfs_firmware_nodes[] = {
    {.name = "memmap", .mode = S_IFDIR | 0755, .lookup = range_lookup, .next = range_next},
    {.name = NULL},
};
