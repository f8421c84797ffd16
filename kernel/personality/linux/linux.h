/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What kernel/init asks of the Linux personality, in this order. */
#include <stdint.h>

struct bootinfo;
struct path;

/* Who loaded the kernel, in the Linux boot protocol's numbers. */
void linux_set_bootloader(uint32_t type, uint32_t version);
/* File system types (proc, sysfs) and devices without hardware, below vfs_init. */
void linux_init_files(void);
/* Terminals and streams for the lines and streams that drivers have registered. */
void linux_init_devices(void);
/* What reboot(2) calls to switch the machine off and to start it again. */
void linux_set_power(void (*off)(void), void (*reset)(void));
/* What the firmware said that a kernel after this one (kexec_file_load) is to be told. */
void linux_set_firmware(const struct bootinfo *info);
/* D1, C12: makes PID 1, which becomes the first program, and PID 2, kthreadd; both are runnable
 * when this returns. PID 1 panics when there is no program. */
void linux_start_init(const struct path *root);
