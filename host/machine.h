/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The QEMU command for a machine, and the process. */
#include "host/options.h"
#include "host/session.h"
#include <sys/types.h>

enum channel {
    CHANNEL_SERIAL,
    CHANNEL_CONTROL,
    CHANNEL_TERMINAL,
    CHANNEL_STDIN,
    CHANNEL_STDOUT,
    CHANNEL_STDERR,
    CHANNELS
};

struct machine {
    char *qemu, *kernel; /* files */
    const char *accel;   /* kvm or tcg */
    bool instructions;   /* are what its clock counts */
    uint64_t memory;     /* bytes */
    const char *initrd;  /* a path that QEMU can open */
    int fds[CHANNELS];   /* QEMU's ends of socket pairs; -1: not there */
    int our_fds[CHANNELS];
    int errors; /* our end of QEMU's standard error */
    pid_t process;
};

/* Find what a machine needs, or end alba saying what to do. */
char *machine_find_qemu(void);
char *machine_find_kernel(const struct options *options);
/* A file of that name among those that were built or installed with alba; NULL: there is none. */
char *machine_find_part(const char *name);
/* The file that a debugger reads the kernel's symbols from, for a hint. */
char *machine_symbols(const struct machine *machine);
const char *machine_choose_accel(const struct options *options);
/* Whether the clock counts instructions, which only an emulated one can. */
bool machine_choose_clock(const struct options *options, const char *accel);
/* The asked-for memory, or enough for an image of this size. */
uint64_t machine_choose_memory(const struct options *options, uint64_t image_size);

/* Makes the socket pairs that the session needs. */
void machine_connect(struct machine *machine, const struct session *session);
/*
 * The command. With for_shell it is one to paste into a shell: the program's streams are the
 * terminal on QEMU's standard input and output, as there is nobody to relay them.
 */
void machine_command(const struct machine *machine, const struct options *options, bool for_shell,
                     struct strings *command);
/* Starts it in a session of its own; it ends when alba does. initrd_fd stays open in it. */
void machine_start(struct machine *machine, const struct strings *command, int initrd_fd);
