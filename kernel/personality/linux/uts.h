/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What uname(2) tells: the kernel's names, and the two that can be changed, by sethostname(2),
 * setdomainname(2) and /proc/sys/kernel. The Linux release named is the one whose behaviour is
 * followed; programs compare it.
 */
#include "lib/types.h"

#define UTS_SIZE 65 /* with the zero */

/* struct new_utsname of the ABI. */
struct linux_uts {
    char sysname[UTS_SIZE];
    char nodename[UTS_SIZE]; /* [uts lock] */
    char release[UTS_SIZE];
    char version[UTS_SIZE];
    char machine[UTS_SIZE];
    char domainname[UTS_SIZE]; /* [uts lock] */
};
extern struct linux_uts linux_uts;

/* A copy at one moment. */
void uts_get(struct linux_uts *out);
/* Sets one of the two names that can be changed: -EINVAL when it is longer than 64 bytes. */
int uts_set(char name[UTS_SIZE], const char *value, size_t size);
