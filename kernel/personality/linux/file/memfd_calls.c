/* SPDX-License-Identifier: BSD-2-Clause */
/* memfd_create(2). */
#include "kernel/arch/user.h"
#include "kernel/fs/seal.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"
#include "lib/string.h"

enum { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2 }; /* huge pages are refused like unknown flags */

#define PREFIX "memfd:"

LINUX_CALL2(memfd_create, vaddr_t, name, unsigned, flags)
{
    char text[VFS_NAME_MAX + 1] = PREFIX; /* what does not fit is refused (memfd_create(2)) */
    if (flags & ~(unsigned)(MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
        return -EINVAL;
    }
    size_t used = strlen(PREFIX);
    long size = strncpy_from_user(text + used, name, sizeof(text) - used);
    if (size < 0) {
        return size == -ENAMETOOLONG ? -EINVAL : size;
    }
    struct file *file;
    int error = memfd_create(linux_current()->cred, text, (flags & MFD_ALLOW_SEALING) != 0, &file);
    return error != 0 ? error : fd_install_new(file, (flags & MFD_CLOEXEC) != 0);
}
