/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Limits of the whole system that follow from memory and CPUs and can be set in /proc/sys. */
#include "lib/types.h"

/* A number of /proc/sys with bounds. value: atomic. */
struct linux_sysctl {
    int64_t value, min, max;
};
static inline int64_t sysctl_read(const struct linux_sysctl *sysctl)
{
    return __atomic_load_n(&sysctl->value, __ATOMIC_RELAXED);
}
extern struct linux_sysctl linux_threads_max, linux_pid_max, linux_file_max;
extern struct linux_sysctl linux_kexec_load_disabled; /* kexec_calls.c */

/* Works the defaults out, once memory is known. */
void linux_limits_init(void);
