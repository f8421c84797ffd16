/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What calls about nice values and about policies have in common. */
#include "kernel/personality/linux/process/process.h"

/* Does RLIMIT_NICE let the thread have this nice value? The caller may also have the right. */
static inline bool nice_allowed(const struct linux_thread *thread, int nice)
{
    return (uint64_t)(20 - nice) <= thread->process->limits[RLIMIT_NICE].soft;
}
