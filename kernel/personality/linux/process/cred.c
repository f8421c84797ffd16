/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Credentials: user and group IDs, and capabilities as they follow from them. Rules of
 * credentials(7) and capabilities(7). A thread's struct cred never changes once others can see it:
 * a call makes a copy, changes that, and puts it in the old one's place.
 */
#include "kernel/personality/linux/process/cred.h"
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "lib/string.h"

struct cred linux_root_cred = {
    .refs = {1},
    .user = &linux_root_user,
    .cap_effective = CAP_ALL,
    .cap_permitted = CAP_ALL,
    .cap_bounding = CAP_ALL,
};

/* prctl(PR_SET_SECUREBITS). */
enum { SECURE_NOROOT = 1, SECURE_NO_SETUID_FIXUP = 4, SECURE_KEEP_CAPS = 16 };

void linux_cred_get(struct cred *cred)
{
    ref_get(&cred->refs);
}

void linux_cred_put(struct cred *cred)
{
    if (ref_put(&cred->refs)) {
        linux_user_put(cred->user);
        kfree(cred);
    }
}

bool linux_capable(unsigned capability)
{
    return (linux_current()->cred->cap_effective >> capability & 1) != 0;
}

bool linux_may_inspect_locked(const struct linux_thread *other)
{
    const struct linux_thread *self = linux_current();
    const struct cred *mine = self->cred, *theirs = other->cred;
    if (other->process == self->process || linux_capable(CAP_SYS_PTRACE)) {
        return true;
    }
    return mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid &&
           mine->gid == theirs->gid && mine->gid == theirs->egid && mine->gid == theirs->sgid &&
           other->process->dumpable == 1;
}

struct cred *cred_prepare(void)
{
    struct cred *cred = kmalloc(sizeof(*cred));
    if (cred != NULL) {
        *cred = *linux_current()->cred;
        ref_init(&cred->refs, 1);
        ref_get(&cred->user->refs);
    }
    return cred;
}

void cred_commit(struct cred *cred)
{
    struct linux_thread *self = linux_current();
    struct cred *old = self->cred;
    if (old->euid != cred->euid || old->egid != cred->egid || old->fsuid != cred->fsuid ||
        old->fsgid != cred->fsgid) {
        self->process->dumpable = 0;
        self->pdeath_signal = 0;
    }
    unsigned long flags = process_tree_acquire();
    if (old->user != cred->user) {
        __atomic_fetch_sub(&old->user->threads, 1, __ATOMIC_RELAXED);
        unsigned count = __atomic_add_fetch(&cred->user->threads, 1, __ATOMIC_RELAXED);
        /* Not setuid fails by RLIMIT_NPROC, but execve after it (execve(2), EAGAIN). */
        self->too_many = cred->uid != 0 && count > self->process->limits[RLIMIT_NPROC].soft;
    }
    self->cred = cred;
    process_tree_release(flags);
    linux_cred_put(old);
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void fix_capabilities(const struct cred *old, struct cred *cred)
{
    unsigned securebits = linux_current()->securebits;
    if (securebits & SECURE_NO_SETUID_FIXUP) {
        return;
    }
    bool was_root = old->uid == 0 || old->euid == 0 || old->suid == 0;
    bool is_root = cred->uid == 0 || cred->euid == 0 || cred->suid == 0;
    if (was_root && !is_root) {
        if (!(securebits & SECURE_KEEP_CAPS)) {
            cred->cap_permitted = 0;
            cred->cap_effective = 0;
        }
        cred->cap_ambient = 0;
    }
    if (old->euid == 0 && cred->euid != 0) {
        cred->cap_effective = 0;
    } else if (old->euid != 0 && cred->euid == 0) {
        cred->cap_effective = cred->cap_permitted;
    }
}

int linux_exec_cred(const struct path *path, struct cred **out, bool *secure)
{
    const struct linux_thread *self = linux_current();
    const struct cred *old = self->cred;
    struct inode_attr attr;
    int result = vfs_getattr(path, &attr);
    if (result != 0) {
        return result;
    }
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    if (!(mount_flags(path->mount) & MS_NOSUID) && !self->no_new_privs) {
        if (attr.mode & S_ISUID) {
            cred->euid = attr.uid;
        }
        if ((attr.mode & (S_ISGID | 010)) == (S_ISGID | 010)) {
            cred->egid = attr.gid;
        }
    }
    bool changed = cred->euid != old->euid || cred->egid != old->egid;
    cred->suid = cred->fsuid = cred->euid;
    cred->sgid = cred->fsgid = cred->egid;
    bool root = !(self->securebits & SECURE_NOROOT) && (cred->uid == 0 || cred->euid == 0);
    if (changed) {
        cred->cap_ambient = 0;
    }
    if (root) {
        cred->cap_permitted = (cred->cap_inheritable | cred->cap_bounding) & CAP_ALL;
        cred->cap_effective = cred->euid == 0 ? cred->cap_permitted : cred->cap_ambient;
    } else {
        cred->cap_permitted = cred->cap_effective = cred->cap_ambient;
    }
    *secure = cred->euid != cred->uid || cred->egid != cred->gid;
    *out = cred;
    return 0;
}

LINUX_CALL0(getuid)
{
    return linux_current()->cred->uid;
}
LINUX_CALL0(geteuid)
{
    return linux_current()->cred->euid;
}
LINUX_CALL0(getgid)
{
    return linux_current()->cred->gid;
}
LINUX_CALL0(getegid)
{
    return linux_current()->cred->egid;
}

LINUX_CALL3(getresuid, vaddr_t, real, vaddr_t, effective, vaddr_t, saved)
{
    const struct cred *cred = linux_current()->cred;
    int result = put_user(cred->uid, real);
    result = result == 0 ? put_user(cred->euid, effective) : result;
    return result == 0 ? put_user(cred->suid, saved) : result;
}

LINUX_CALL3(getresgid, vaddr_t, real, vaddr_t, effective, vaddr_t, saved)
{
    const struct cred *cred = linux_current()->cred;
    int result = put_user(cred->gid, real);
    result = result == 0 ? put_user(cred->egid, effective) : result;
    return result == 0 ? put_user(cred->sgid, saved) : result;
}

#define KEEP 0xffffffffu

/* The user or group part of a cred, so that both kinds of calls share their rules. */
struct ids {
    uint32_t *real, *effective, *saved, *fs;
};

static bool one_of(const struct ids *ids, uint32_t id, bool or_saved)
{
    return id == KEEP || id == *ids->real || id == *ids->effective ||
           (or_saved && id == *ids->saved);
}

/* setuid(2): everything with the capability, else only between real and saved. */
static int set_one(const struct ids *ids, uint32_t id, bool capable)
{
    if (id == KEEP) {
        return -EINVAL;
    }
    if (capable) {
        *ids->real = *ids->saved = id;
    } else if (id != *ids->real && id != *ids->saved) {
        return -EPERM;
    }
    *ids->effective = *ids->fs = id;
    return 0;
}

/* setreuid(2). */
static int set_two(const struct ids *ids, uint32_t real, uint32_t effective, bool capable)
{
    uint32_t old_real = *ids->real;
    if (!capable && (!one_of(ids, real, false) || !one_of(ids, effective, true))) {
        return -EPERM;
    }
    if (real != KEEP) {
        *ids->real = real;
    }
    if (effective != KEEP) {
        *ids->effective = effective;
    }
    if (real != KEEP || (effective != KEEP && effective != old_real)) {
        *ids->saved = *ids->effective;
    }
    *ids->fs = *ids->effective;
    return 0;
}

/* setresuid(2). */
static int set_three(const struct ids *ids, const uint32_t to[3], bool capable)
{
    for (int i = 0; i < 3; i++) {
        if (!capable && !one_of(ids, to[i], true)) {
            return -EPERM;
        }
    }
    *ids->real = to[0] != KEEP ? to[0] : *ids->real;
    *ids->effective = to[1] != KEEP ? to[1] : *ids->effective;
    *ids->saved = to[2] != KEEP ? to[2] : *ids->saved;
    *ids->fs = *ids->effective;
    return 0;
}

static struct ids user_ids(struct cred *cred)
{
    return (struct ids){&cred->uid, &cred->euid, &cred->suid, &cred->fsuid};
}
static struct ids group_ids(struct cred *cred)
{
    return (struct ids){&cred->gid, &cred->egid, &cred->sgid, &cred->fsgid};
}

/* Publishes a changed copy, or throws it away when the change was refused. */
static int finish(struct cred *cred, int result)
{
    if (result == 0 && cred->uid != cred->user->uid) {
        struct linux_user *user = linux_user_get(cred->uid);
        if (user != NULL) {
            linux_user_put(cred->user);
            cred->user = user;
        } else {
            result = -ENOMEM;
        }
    }
    if (result != 0) {
        linux_cred_put(cred);
        return result;
    }
    fix_capabilities(linux_current()->cred, cred);
    cred_commit(cred);
    return 0;
}

LINUX_CALL1(setuid, uint32_t, uid)
{
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    struct ids ids = user_ids(cred);
    return finish(cred, set_one(&ids, uid, linux_capable(CAP_SETUID)));
}

LINUX_CALL1(setgid, uint32_t, gid)
{
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    struct ids ids = group_ids(cred);
    return finish(cred, set_one(&ids, gid, linux_capable(CAP_SETGID)));
}

LINUX_CALL2(setreuid, uint32_t, real, uint32_t, effective)
{
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    struct ids ids = user_ids(cred);
    return finish(cred, set_two(&ids, real, effective, linux_capable(CAP_SETUID)));
}

LINUX_CALL2(setregid, uint32_t, real, uint32_t, effective)
{
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    struct ids ids = group_ids(cred);
    return finish(cred, set_two(&ids, real, effective, linux_capable(CAP_SETGID)));
}

LINUX_CALL3(setresuid, uint32_t, real, uint32_t, effective, uint32_t, saved)
{
    const uint32_t to[3] = {real, effective, saved};
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    struct ids ids = user_ids(cred);
    return finish(cred, set_three(&ids, to, linux_capable(CAP_SETUID)));
}

LINUX_CALL3(setresgid, uint32_t, real, uint32_t, effective, uint32_t, saved)
{
    const uint32_t to[3] = {real, effective, saved};
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    struct ids ids = group_ids(cred);
    return finish(cred, set_three(&ids, to, linux_capable(CAP_SETGID)));
}

/* Capabilities over files go and come with the file system user ID. */
#define CAP_FS_MASK                                                                                \
    (1ull << 0 | 1ull << 1 | 1ull << 2 | 1ull << 3 | 1ull << 4 | 1ull << 27 | 1ull << 9 |          \
     1ull << 32)

/* setfsuid(2) and setfsgid(2) return the old ID whatever happens. */
static long set_fs_id(uint32_t id, bool user)
{
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return user ? linux_current()->cred->fsuid : linux_current()->cred->fsgid;
    }
    struct ids ids = user ? user_ids(cred) : group_ids(cred);
    uint32_t old = *ids.fs;
    if (id == KEEP || id == old ||
        !(one_of(&ids, id, true) || linux_capable(user ? CAP_SETUID : CAP_SETGID))) {
        linux_cred_put(cred);
        return old;
    }
    *ids.fs = id;
    if (user && old == 0 && id != 0) {
        cred->cap_effective &= ~CAP_FS_MASK;
    } else if (user && old != 0 && id == 0) {
        cred->cap_effective |= cred->cap_permitted & CAP_FS_MASK;
    }
    cred_commit(cred);
    return old;
}

LINUX_CALL1(setfsuid, uint32_t, uid)
{
    return set_fs_id(uid, true);
}

LINUX_CALL1(setfsgid, uint32_t, gid)
{
    return set_fs_id(gid, false);
}

LINUX_CALL2(getgroups, int, size, vaddr_t, list)
{
    const struct cred *cred = linux_current()->cred;
    if (size < 0) {
        return -EINVAL;
    }
    if (size != 0) {
        if (cred->group_count > (unsigned)size) {
            return -EINVAL;
        }
        if (cred->group_count != 0 &&
            copy_to_user(list, cred->groups, cred->group_count * sizeof(uint32_t)) != 0) {
            return -EFAULT;
        }
    }
    return cred->group_count;
}

LINUX_CALL2(setgroups, unsigned, size, vaddr_t, list)
{
    if (!linux_capable(CAP_SETGID)) {
        return -EPERM;
    }
    if (size > CRED_GROUPS_MAX) {
        return -EINVAL;
    }
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    cred->group_count = size;
    if (size != 0 && copy_from_user(cred->groups, list, size * sizeof(uint32_t)) != 0) {
        linux_cred_put(cred);
        return -EFAULT;
    }
    cred_commit(cred);
    return 0;
}
