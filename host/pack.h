/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Writes an initramfs: a cpio archive in the "newc" format of Linux's initramfs documentation
 * (Documentation/driver-api/early-userspace/buffer-format.rst), to a file that can be rewritten.
 * The data of a file of a page or more starts at a multiple of 4096, so that the kernel can use it
 * where it lies: the name field is padded with zero bytes, which count as name and end it.
 *
 * Names are absolute ("/bin/sh") and have no links on their way, see pack_resolve. A name that
 * comes again replaces the earlier file. Missing directories above a name are added. Errors of
 * writing, a name below a file and a file in place of a directory with files end alba.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pack;

struct pack_meta {
    mode_t mode; /* with the type */
    uid_t uid;
    gid_t gid;
    dev_t rdev;
    int64_t mtime;
};

/* For an archive that shall not tell when and by whom it was made, in seconds since 1970. */
struct pack_times {
    bool settled;
    int64_t stamp;  /* of directories and links: theirs say when they came to this machine */
    int64_t newest; /* no file is later */
};
struct pack *pack_create(int fd, const struct pack_times *times);
bool pack_is_settled(const struct pack *pack);
/* Whether the name is there, and its mode (0: not there). The root "" always is. */
mode_t pack_mode(const struct pack *pack, const char *name);

/* The name that a path has in the machine: links among what is packed are followed, "." and ".."
 * are gone, and nothing leads above the root. What is not there yet is taken as it stands. Free it;
 * NULL for a loop of links. The last component is followed only when asked, the root is "". */
char *pack_resolve(const struct pack *pack, const char *path, bool follow_last);

/* Anything without data: directories, devices, fifos, sockets. */
void pack_node(struct pack *pack, const char *name, const struct pack_meta *meta);
/* A file or, for a symbolic link, its target. */
void pack_bytes(struct pack *pack, const char *name, const struct pack_meta *meta,
                const void *bytes, size_t size);
/* A file of size bytes whose data follow by pack_data, in order or with gaps, up to pack_end. */
void pack_begin(struct pack *pack, const char *name, const struct pack_meta *meta, uint64_t size);
void pack_data(struct pack *pack, const void *bytes, size_t size, uint64_t offset);
void pack_end(struct pack *pack);
/* A file from a descriptor; what it lacks of size stays zero. */
void pack_file(struct pack *pack, const char *name, const struct pack_meta *meta, int fd,
               uint64_t size);
/* Another name of a file that was packed; false when there is no such file. */
bool pack_link(struct pack *pack, const char *name, const char *target);

/* Ends the archive; returns its size. The pack is gone, the descriptor stays. */
uint64_t pack_finish(struct pack *pack);
