/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users, for what is limited for each of them: how many threads they have (RLIMIT_NPROC) and how
 * many signals are queued for them (RLIMIT_SIGPENDING). Each set of credentials points to its real
 * user; a user goes with the last of them.
 */
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/cred.h"

struct linux_user linux_root_user = {.refs = {1}, .link = LIST_INIT(linux_root_user.link)};

static struct spinlock users_lock = SPINLOCK_INIT(LOCK_USERS);
static struct list users = LIST_INIT(users); /* [users_lock] all but root */

/* REQUIRES users_lock. */
static struct linux_user *find_locked(uint32_t uid)
{
    struct linux_user *user;
    list_for_each (user, &users, link) {
        if (user->uid == uid && ref_get_unless_zero(&user->refs)) {
            return user;
        }
    }
    return NULL;
}

struct linux_user *linux_user_get(uint32_t uid)
{
    if (uid == 0) {
        ref_get(&linux_root_user.refs);
        return &linux_root_user;
    }
    struct linux_user *fresh = kzalloc(sizeof(*fresh));
    unsigned long flags = spin_lock_irqsave(&users_lock);
    struct linux_user *user = find_locked(uid);
    if (user == NULL && fresh != NULL) {
        user = fresh;
        fresh = NULL;
        user->uid = uid;
        ref_init(&user->refs, 1);
        list_add(&users, &user->link);
    }
    spin_unlock_irqrestore(&users_lock, flags);
    kfree(fresh);
    return user;
}

void linux_user_put(struct linux_user *user)
{
    if (ref_put(&user->refs)) {
        unsigned long flags = spin_lock_irqsave(&users_lock);
        list_del(&user->link);
        spin_unlock_irqrestore(&users_lock, flags);
        kfree(user);
    }
}
