/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* struct iovec arrays from user memory: readv(2), sendmsg(2) and their like. */
#include "kernel/core/io.h"

#define LINUX_IOV_MAX 1024
#define IOV_FAST      8

struct user_vector {
    struct io_vec *vec;
    struct io_vec fast[IOV_FAST];
};

/* Copies and checks by readv(2)'s rules: 0 (user_vector_free is due), -EINVAL, -EFAULT, -ENOMEM. */
int user_vector_get(struct user_vector *vector, vaddr_t addr, size_t count);
void user_vector_free(struct user_vector *vector);
