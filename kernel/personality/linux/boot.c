/* SPDX-License-Identifier: BSD-2-Clause */
/* The Linux personality's part of the start: who is told when, in one place (linux.h). */
#include "kernel/base/init.h"
#include "kernel/personality/linux/device/mem_devices.h"
#include "kernel/personality/linux/device/stream_dev.h"
#include "kernel/personality/linux/linux.h"
#include "kernel/personality/linux/memory/vdso.h"
#include "kernel/personality/linux/process/limits.h"
#include "kernel/personality/linux/procfs/procfs.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "kernel/personality/linux/sysfs/sysfs.h"
#include "kernel/personality/linux/tty/tty.h"

INIT_TEXT void linux_init_files(void)
{
    linux_limits_init();
    signal_init();
    linux_dispatch_init();
    vdso_init();
    mem_devices_init();
    procfs_init();
    sysfs_init();
}

INIT_TEXT void linux_init_devices(void)
{
    linux_tty_init();
    stream_dev_init();
}
