/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The one error space: every kernel function that can fail returns 0 or a negative number of these.
 * The numbers are Linux's on all machines that we run on.
 */
enum {
#define ERRNO(name, number, text) name = number,
#include "abi/errno.def"
#undef ERRNO
    EWOULDBLOCK = EAGAIN,
    ENOTSUP = EOPNOTSUPP,
    EDEADLOCK = EDEADLK,
    /* Inside the kernel only: the call is to be restarted after a signal, see linux signal code. */
    ERESTARTSYS = 512,          /* restart when the handler has SA_RESTART, else EINTR */
    ERESTARTNOINTR = 513,       /* always restart */
    ERESTARTNOHAND = 514,       /* restart only when no handler ran */
    ERESTART_RESTARTBLOCK = 516 /* restart by restart_syscall with the remaining time */
};
