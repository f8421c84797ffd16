/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Copies files of this machine, and archives, into a pack. What cannot be read ends alba. */
#include "host/pack.h"

/* A file at its own path, with the directories and symbolic links that lead to it. */
void copy_path(struct pack *pack, const char *path);
/* A file or a directory with all below it, to an absolute path in the pack ("" for the root). Links
 * of the pack on the way are followed, and one to a directory where a directory is copied: files
 * for /lib go where the machine looks for them. */
void copy_tree(struct pack *pack, const char *from, const char *to);
/* What a tar archive holds; compression is found out. */
void copy_archive(struct pack *pack, const char *file);
