/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* C14: the file system type "proc": processes and the kernel as files, as proc(5) describes them;
 * formats are those of Linux 6.1. */

/* Registers the type; nothing is made before it is mounted and looked at. */
void procfs_init(void);
