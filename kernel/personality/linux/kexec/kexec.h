/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Another kernel instead of this one: what the files here share, and what others ask of them. */
#include "kernel/core/kexec.h"
#include "kernel/fs/file.h"

/* An image is loaded. */
bool linux_kexec_loaded(void);

/* Leaves for it, by reboot(2): -EINVAL: there is none; -EBUSY: somebody loads one just now. */
long linux_kexec_enter(void);

/* kexec_file.c: what kexec_file_load(2) was given; NULL: no such descriptor. The command line is in
 * user memory, with its zero. */
struct kexec_files {
    struct file *kernel, *initrd;
    bool with_initrd;
    vaddr_t cmdline;
    size_t cmdline_size; /* 0: none */
};

struct linux_params;
/* What we were told of the machine, into a cleared zero page: memory, RSDP, screen. */
void kexec_describe_machine(struct linux_params *params);

/* Makes an image of them, with a zero page of this machine: 0, -ENOEXEC (no bzImage with a 64-bit
 * entry), -EINVAL, -EFBIG, -EADDRNOTAVAIL (no place for it), -ENOMEM, or what reading gave. */
int kexec_load_files(const struct kexec_files *files, struct kexec_image **out);
