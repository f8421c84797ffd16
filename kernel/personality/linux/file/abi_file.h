/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Structures of the file system calls as 64-bit Linux programs see them: stat(2), statx(2),
 * statfs(2), getdents(2). struct stat is x86_64's; other machines have theirs in their folder.
 */
#include "lib/types.h"

struct linux_stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, pad;
    uint64_t rdev;
    int64_t size, block_size, blocks;
    int64_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
    int64_t unused[3];
};
static_assert(sizeof(struct linux_stat) == 144, "arch/x86/include/uapi/asm/stat.h");
static_assert(offsetof(struct linux_stat, size) == 48, "arch/x86/include/uapi/asm/stat.h");

struct linux_statx_time {
    int64_t sec;
    uint32_t nsec;
    int32_t pad;
};
struct linux_statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, pad;
    uint64_t ino, size, blocks, attributes_mask;
    struct linux_statx_time atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mount_id;
    uint32_t dio_mem_align, dio_offset_align;
    uint64_t spare[12];
};
static_assert(sizeof(struct linux_statx) == 256, "include/uapi/linux/stat.h");
static_assert(offsetof(struct linux_statx, atime) == 64, "include/uapi/linux/stat.h");
static_assert(offsetof(struct linux_statx, mount_id) == 144, "include/uapi/linux/stat.h");

#define STATX_BASIC_STATS 0x7ffu
#define STATX_MNT_ID      0x1000u
#define STATX_RESERVED    0x80000000u

struct linux_statfs {
    int64_t type, block_size;
    uint64_t blocks, blocks_free, blocks_available, files, files_free;
    uint64_t id;
    int64_t name_max, fragment_size, flags;
    int64_t spare[4];
};
static_assert(sizeof(struct linux_statfs) == 120, "include/uapi/asm-generic/statfs.h");

/* The fixed parts of directory entries; the name with its zero follows. */
struct linux_dirent64 {
    uint64_t ino;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[];
};
static_assert(offsetof(struct linux_dirent64, name) == 19, "getdents64(2)");
struct linux_dirent {
    uint64_t ino, offset;
    uint16_t size;
    char name[]; /* the entry's last byte is its type */
};
static_assert(offsetof(struct linux_dirent, name) == 18, "getdents(2)");
