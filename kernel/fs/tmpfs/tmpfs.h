/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * tmpfs: files are memory objects, names are dentries; nothing is anywhere else. Between tmpfs.c
 * (file system, directories, links) and file.c (content of regular files).
 */
#include "kernel/fs/inode.h"
#include "kernel/fs/seal.h"

extern const struct file_ops tmpfs_file_ops;
extern const struct file_ops memfd_file_ops; /* the same, but FILE_NO_WRITER */

/* Changes the size of a regular file. REQUIRES inode->lock. */
int tmpfs_resize(struct inode *inode, uint64_t size);
/* Sees to it that the file has its memory object: 0 or -ENOMEM. REQUIRES inode->lock. */
int tmpfs_need_vmo(struct inode *inode);
/* Pages the file holds, those of the initramfs it uses in place included. */
uint64_t tmpfs_pages(const struct inode *inode);
/* The content goes with the inode. */
void tmpfs_data_evict(struct inode *inode);
