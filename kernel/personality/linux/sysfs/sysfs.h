/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* C14: the file system type "sysfs": CPUs, devices and what the kernel tells of itself, as far as
 * programs of Linux look there. */
#include "kernel/fs/pseudo.h"

/* Registers the type; nothing is made before it is mounted and looked at. */
void sysfs_init(void);

/* Tables of children, between the files of this name. */
extern const struct pseudo_node sysfs_system_nodes[];   /* sysfs_cpu.c: of /sys/devices/system */
extern const struct pseudo_node sysfs_virtual_nodes[];  /* sysfs_device.c: of devices/virtual */
extern const struct pseudo_node sysfs_class_nodes[];    /* sysfs_device.c: of /sys/class */
extern const struct pseudo_node sysfs_dev_nodes[];      /* sysfs_device.c: of /sys/dev */
extern const struct pseudo_node sysfs_firmware_nodes[]; /* sysfs_firmware.c: of /sys/firmware */

/* A show function for nodes whose arg is their text. */
int sysfs_show_text(const struct pseudo_ctx *ctx, struct text *out);

#define SYSFS_FILE(file, rights, function)                                                         \
    {                                                                                              \
        .name = file, .mode = S_IFREG | (rights), .show = function                                 \
    }
#define SYSFS_TEXT(file, string)                                                                   \
    {                                                                                              \
        .name = file, .mode = S_IFREG | 0444, .show = sysfs_show_text, .arg = string               \
    }
#define SYSFS_DIR(file, table)                                                                     \
    {                                                                                              \
        .name = file, .mode = S_IFDIR | 0755, .children = table                                    \
    }
