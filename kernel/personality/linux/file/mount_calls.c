/* SPDX-License-Identifier: BSD-2-Clause */
/* mount(2) and umount2(2). */
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

/* A string that may be missing: *out NULL then. */
static int optional_string(vaddr_t addr, char **out)
{
    *out = NULL;
    return addr != 0 ? path_from_user(addr, out) : 0;
}

LINUX_CALL5(mount, vaddr_t, source, vaddr_t, target, vaddr_t, type, unsigned long, flags, vaddr_t,
            data)
{
    char *texts[3] = {NULL, NULL, NULL};
    const vaddr_t addrs[3] = {source, type, data};
    struct user_name name;
    struct walk walk;
    int error = 0;
    for (int i = 0; i < 3 && error == 0; i++) {
        error = optional_string(addrs[i], &texts[i]);
    }
    if (error == 0) {
        error = user_name_get(&name, target);
    }
    if (error == 0) {
        walk_begin(&walk, AT_FDCWD, ""); /* for two names: source and target */
        const struct mount_how how = {texts[0], texts[1], texts[2], flags};
        error = vfs_mount(&walk, name.text, &how);
        walk_end(&walk);
        user_name_free(&name);
    }
    for (int i = 0; i < 3; i++) {
        path_buffer_free(texts[i]);
    }
    return error;
}

LINUX_CALL2(umount2, vaddr_t, target, unsigned, flags)
{
    struct user_walk uw;
    if (flags & ~15u) {
        return -EINVAL; /* MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW */
    }
    int error = user_walk_begin(&uw, AT_FDCWD, target);
    if (error == 0) {
        error = vfs_umount(&uw.walk, uw.name.text, flags);
        user_walk_end(&uw);
    }
    return error;
}
