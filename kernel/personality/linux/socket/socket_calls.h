/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Between the two files of system calls on sockets. */
#include "kernel/personality/linux/socket/socket.h"

/* The socket of a descriptor; *error -EBADF, -ENOTSOCK or 0. The caller gives ref back, always. */
struct socket *socket_borrow(int fd, struct fd_ref *ref, int *error);
/* A name from user memory: 0, -EINVAL, -EFAULT. */
int socket_name_get(vaddr_t addr, int size, struct socket_name *name);
/* A name to user memory, cut to the room that *size_addr says; its whole size is put there. */
int socket_name_put(const struct socket_name *name, vaddr_t addr, vaddr_t size_addr);
