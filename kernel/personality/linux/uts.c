/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of the system, see uts.h. */
#include "kernel/personality/linux/uts.h"

#include "abi/errno.h"
#include "kernel/base/spinlock.h"
#include "lib/string.h"

static struct spinlock uts_lock = SPINLOCK_INIT(LOCK_UTS);

/* [uts_lock] */
struct linux_uts linux_uts = {
    .sysname = "Linux",
    .nodename = "(none)",
    .release = "6.1.0-alba",
    .version = "#1 SMP Alba",
    .machine = "x86_64",
    .domainname = "(none)",
};

void uts_get(struct linux_uts *out)
{
    spin_lock(&uts_lock);
    *out = linux_uts;
    spin_unlock(&uts_lock);
}

int uts_set(char name[UTS_SIZE], const char *value, size_t size)
{
    if (size >= UTS_SIZE) {
        return -EINVAL;
    }
    spin_lock(&uts_lock);
    memset(name, 0, UTS_SIZE);
    memcpy(name, value, size);
    spin_unlock(&uts_lock);
    return 0;
}
