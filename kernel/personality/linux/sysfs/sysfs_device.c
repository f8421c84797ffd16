/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /sys/devices/virtual, /sys/class and /sys/dev: every character device as mdev(8) and libraries
 * look for them: a directory CLASS/NAME with dev and uevent, and links to it by class and by
 * number. ctx->sub says which: the index among the registered ones, and which of its nodes.
 */
#include "abi/errno.h"
#include "kernel/personality/linux/sysfs/sysfs.h"
#include "lib/format.h"
#include "lib/string.h"

#define UNIT_BITS 20u

/* A device node, found again by its place. */
struct device {
    char name[64]; /* below /dev */
    dev_number dev;
    const char *class;
};

static const char *class_of(const struct chrdev *dev)
{
    if (DEV_MAJOR(dev->first) == 1) {
        return "mem";
    }
    if (DEV_MAJOR(dev->first) == 10) {
        return "misc";
    }
    return strncmp(dev->name, "vport", 5) == 0 ? "virtio-ports" : "tty";
}

/* False: there is none at this place. */
static bool device_get(uint64_t place, struct device *out)
{
    const struct chrdev *dev = chrdev_get((unsigned)(place >> UNIT_BITS));
    unsigned unit = (unsigned)place & ((1u << UNIT_BITS) - 1);

    if (dev == NULL || unit >= dev->count) {
        return false;
    }
    snprintf(out->name, sizeof(out->name), dev->count > 1 ? "%s%u" : "%s", dev->name, unit);
    out->dev = dev->first + unit;
    out->class = class_of(dev);
    return true;
}

/* The first device of the class (NULL: any) at *place or after it; *place becomes its own. */
static bool device_next(const char *class, uint64_t *place, struct device *out)
{
    for (;;) {
        if (chrdev_get((unsigned)(*place >> UNIT_BITS)) == NULL) {
            return false;
        }
        if (!device_get(*place, out)) {
            *place = ((*place >> UNIT_BITS) + 1) << UNIT_BITS;
            continue;
        }
        /* Names with a slash are second names of others. */
        if ((class == NULL || strcmp(class, out->class) == 0) && strchr(out->name, '/') == NULL) {
            return true;
        }
        ++*place;
    }
}

static int show_dev(const struct pseudo_ctx *ctx, struct text *out)
{
    struct device device;

    if (!device_get(ctx->sub, &device)) {
        return -ENODEV;
    }
    text_printf(out, "%u:%u\n", DEV_MAJOR(device.dev), DEV_MINOR(device.dev));
    return 0;
}

static int show_uevent(const struct pseudo_ctx *ctx, struct text *out)
{
    struct device device;

    if (!device_get(ctx->sub, &device)) {
        return -ENODEV;
    }
    text_printf(out, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n", DEV_MAJOR(device.dev),
                DEV_MINOR(device.dev), device.name);
    return 0;
}

static int put_link(char *buf, size_t size, const char *text)
{
    size_t length = MIN(strlen(text), size);

    memcpy(buf, text, length);
    return (int)length;
}

static int subsystem_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size)
{
    struct device device;
    char text[64];

    if (!device_get(ctx->sub, &device)) {
        return -ENODEV;
    }
    snprintf(text, sizeof(text), "../../../../class/%s", device.class);
    return put_link(buf, size, text);
}

static const struct pseudo_node device_nodes[] = {
    SYSFS_FILE("dev", 0444, show_dev),
    {.name = "subsystem", .mode = S_IFLNK | 0777, .readlink = subsystem_readlink},
    SYSFS_FILE("uevent", 0644, show_uevent),
    {.name = NULL},
};
static const struct pseudo_node device_dir = SYSFS_DIR("device", device_nodes);

/* From /sys/class/CLASS, and from /sys/dev/char. */
static int device_readlink(const struct pseudo_ctx *ctx, char *buf, size_t size)
{
    struct device device;
    char text[160];

    if (!device_get(ctx->sub, &device)) {
        return -ENODEV;
    }
    snprintf(text, sizeof(text), "../../devices/virtual/%s/%s", device.class, device.name);
    return put_link(buf, size, text);
}

static const struct pseudo_node device_link = {
    .name = "device", .mode = S_IFLNK | 0777, .readlink = device_readlink};

/* How a directory shows devices: of which class, by which name, as what. */
struct device_view {
    const char *class; /* NULL: all */
    bool by_number;
    const struct pseudo_node *node;
};

static void view_name(const struct device_view *view, const struct device *device, char *name,
                      size_t size)
{
    if (view->by_number) {
        snprintf(name, size, "%u:%u", DEV_MAJOR(device->dev), DEV_MINOR(device->dev));
    } else {
        snprintf(name, size, "%s", device->name);
    }
}

static int view_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child)
{
    const struct device_view *view = ctx->node->arg;
    struct device device;
    char own[64];

    for (uint64_t place = 0; device_next(view->class, &place, &device); place++) {
        view_name(view, &device, own, sizeof(own));
        if (strcmp(own, name) == 0) {
            *child = (struct pseudo_ctx){0, place, view->node};
            return 0;
        }
    }
    return -ENOENT;
}

static bool view_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                      struct pseudo_ctx *child)
{
    const struct device_view *view = ctx->node->arg;
    struct device device;
    uint64_t place = *cursor;

    if (!device_next(view->class, &place, &device)) {
        return false;
    }
    view_name(view, &device, name, 32);
    *child = (struct pseudo_ctx){0, place, view->node};
    *cursor = place + 1;
    return true;
}

#define VIEW_DIR(file, class_name, numbers, what)                                                  \
    {                                                                                              \
        .name = file, .mode = S_IFDIR | 0755, .lookup = view_lookup, .next = view_next,            \
        .arg = &(const struct device_view)                                                         \
        {                                                                                          \
            class_name, numbers, what                                                              \
        }                                                                                          \
    }

const struct pseudo_node sysfs_virtual_nodes[] = {
    VIEW_DIR("mem", "mem", false, &device_dir),
    VIEW_DIR("misc", "misc", false, &device_dir),
    VIEW_DIR("tty", "tty", false, &device_dir),
    VIEW_DIR("virtio-ports", "virtio-ports", false, &device_dir),
    {.name = NULL},
};

const struct pseudo_node sysfs_class_nodes[] = {
    VIEW_DIR("mem", "mem", false, &device_link),
    VIEW_DIR("misc", "misc", false, &device_link),
    VIEW_DIR("tty", "tty", false, &device_link),
    VIEW_DIR("virtio-ports", "virtio-ports", false, &device_link),
    {.name = NULL},
};

const struct pseudo_node sysfs_dev_nodes[] = {
    {.name = "block", .mode = S_IFDIR | 0755},
    VIEW_DIR("char", NULL, true, &device_link),
    {.name = NULL},
};
