/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Changing credentials: a new struct is filled and published; the old one may still be read. */
#include "kernel/personality/linux/process/process.h"

#define CAP_LAST 40
#define CAP_ALL  ((1ull << (CAP_LAST + 1)) - 1)
enum linux_capability {
    CAP_DAC_OVERRIDE = 1,
    CAP_KILL = 5,
    CAP_SETGID = 6,
    CAP_SETUID = 7,
    CAP_SETPCAP = 8,
    CAP_NET_ADMIN = 12,
    CAP_SYS_RAWIO = 17,
    CAP_SYS_CHROOT = 18,
    CAP_SYS_PTRACE = 19,
    CAP_SYS_ADMIN = 21,
    CAP_SYS_BOOT = 22,
    CAP_SYS_NICE = 23,
    CAP_SYS_RESOURCE = 24,
    CAP_SYS_TIME = 25,
    CAP_SYSLOG = 34,
    CAP_WAKE_ALARM = 35,
};

/* A user, by real ID. */
struct linux_user {
    struct refcount refs;
    uint32_t uid;
    unsigned threads; /* atomic: that have an ID */
    unsigned signals; /* atomic: queued, for all of its processes */
    struct list link; /* [users_lock] */
};
extern struct linux_user linux_root_user;
/* Counted; NULL: no memory. Any context. */
struct linux_user *linux_user_get(uint32_t uid);
void linux_user_put(struct linux_user *user);

/* A private copy of the current credentials with one reference, or NULL. */
struct cred *cred_prepare(void);
/* Makes it the current thread's; the reference is taken over. */
void cred_commit(struct cred *cred);
