/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended attributes. No file system here has any: names and descriptors are checked, lists are
 * empty, and everything else is "not supported", as on a Linux file system mounted without them
 * (xattr(7)).
 */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536u
#define XATTR_FLAGS    3u /* XATTR_CREATE, XATTR_REPLACE */

/* The attribute's name must be there and have a possible length. */
static int check_name(vaddr_t name)
{
    char text[XATTR_NAME_MAX + 1];
    long size = strncpy_from_user(text, name, sizeof(text));
    if (size < 0) {
        return size == -ENAMETOOLONG ? -ERANGE : (int)size;
    }
    return size == 0 ? -ERANGE : 0;
}

/* What is wrong with the arguments is said before the path is looked at, as Linux does. */
static long by_path(vaddr_t path, unsigned at_flags, long result)
{
    struct path at;
    if (result < 0 && result != -EOPNOTSUPP) {
        return result;
    }
    int error = user_path(AT_FDCWD, path, at_flags, &at);
    if (error != 0) {
        return error;
    }
    path_put(&at);
    return result;
}

static long by_fd(int fd, long result)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    fd_return(ref);
    return result;
}

static long check_set(vaddr_t name, vaddr_t value, size_t size, unsigned flags)
{
    char byte;
    if ((flags & ~XATTR_FLAGS) != 0) {
        return -EINVAL;
    }
    int error = check_name(name);
    if (error != 0) {
        return error;
    }
    if (size > XATTR_SIZE_MAX) {
        return -E2BIG;
    }
    return size > 0 && copy_from_user(&byte, value, 1) != 0 ? -EFAULT : -EOPNOTSUPP;
}

static long check_get(vaddr_t name)
{
    int error = check_name(name);
    return error != 0 ? error : -EOPNOTSUPP;
}

LINUX_CALL5(setxattr, vaddr_t, path, vaddr_t, name, vaddr_t, value, size_t, size, unsigned, flags)
{
    return by_path(path, 0, check_set(name, value, size, flags));
}

LINUX_CALL5(lsetxattr, vaddr_t, path, vaddr_t, name, vaddr_t, value, size_t, size, unsigned, flags)
{
    return by_path(path, AT_SYMLINK_NOFOLLOW, check_set(name, value, size, flags));
}

LINUX_CALL5(fsetxattr, int, fd, vaddr_t, name, vaddr_t, value, size_t, size, unsigned, flags)
{
    return by_fd(fd, check_set(name, value, size, flags));
}

LINUX_CALL4(getxattr, vaddr_t, path, vaddr_t, name, vaddr_t, value, size_t, size)
{
    (void)value;
    (void)size;
    return by_path(path, 0, check_get(name));
}

LINUX_CALL4(lgetxattr, vaddr_t, path, vaddr_t, name, vaddr_t, value, size_t, size)
{
    (void)value;
    (void)size;
    return by_path(path, AT_SYMLINK_NOFOLLOW, check_get(name));
}

LINUX_CALL4(fgetxattr, int, fd, vaddr_t, name, vaddr_t, value, size_t, size)
{
    (void)value;
    (void)size;
    return by_fd(fd, check_get(name));
}

LINUX_CALL3(listxattr, vaddr_t, path, vaddr_t, list, size_t, size)
{
    (void)list;
    (void)size;
    return by_path(path, 0, 0);
}

LINUX_CALL3(llistxattr, vaddr_t, path, vaddr_t, list, size_t, size)
{
    (void)list;
    (void)size;
    return by_path(path, AT_SYMLINK_NOFOLLOW, 0);
}

LINUX_CALL3(flistxattr, int, fd, vaddr_t, list, size_t, size)
{
    (void)list;
    (void)size;
    return by_fd(fd, 0);
}

LINUX_CALL2(removexattr, vaddr_t, path, vaddr_t, name)
{
    return by_path(path, 0, check_get(name));
}

LINUX_CALL2(lremovexattr, vaddr_t, path, vaddr_t, name)
{
    return by_path(path, AT_SYMLINK_NOFOLLOW, check_get(name));
}

LINUX_CALL2(fremovexattr, int, fd, vaddr_t, name)
{
    return by_fd(fd, check_get(name));
}
