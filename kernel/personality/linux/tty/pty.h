/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Pseudo terminals (pty(7)): /dev/ptmx makes a pair. The slave is a terminal like any other, named
 * in devpts; its device is the master, a file that another program reads and writes.
 *
 * Who keeps what: the master's file and the name in devpts have a reference to the terminal each;
 * the terminal owns the struct pty. The number is free again when both sides are closed.
 */
#include "kernel/personality/linux/process/limits.h"
#include "kernel/personality/linux/tty/tty.h"

struct dentry;

#define PTY_MAX   4096
#define PTY_MAJOR 136u

struct pty {
    struct tty *tty;     /* the slave; the master's file counts it; constant */
    struct dentry *node; /* its name; constant */
    unsigned index;      /* constant */
    bool locked;         /* atomic: TIOCSPTLCK: it cannot be opened yet */
    bool exclusive;      /* atomic: TIOCEXCL of the master, which nobody can open again anyway */
    bool slave_closed;   /* [tty->lock] it was open, and is no longer */
    bool packet;         /* [tty->lock] TIOCPKT */
    bool plain_flow;     /* [tty->lock] ^S and ^Q stop and start output */
    uint8_t status;      /* [tty->lock] TIOCPKT_* to be told */
    uint8_t *ring;       /* [tty->lock] TTY_RING bytes from the slave */
    unsigned head, tail; /* [tty->lock] */
    struct waitq read_wait, write_wait; /* of the master */
};

/* kernel.pty.max, and how many there are. */
extern struct linux_sysctl linux_pty_max;
unsigned pty_count(void);

/* pty_ioctl.c */
long pty_ioctl(struct file *file, unsigned request, vaddr_t arg);

/* devpts.c */
void devpts_init(void);
/* The lowest free number: -ENOSPC. */
int devpts_take_index(void);
void devpts_free_index(unsigned index);
/* The slave's name, owned by the caller, with a reference; takes one to tty. NULL: no memory. */
struct dentry *devpts_add(unsigned index, struct tty *tty);
void devpts_remove(struct dentry *node);
/* The devpts that belongs to this open ptmx, counted: -ENODEV when none is mounted beside it. */
int devpts_find(const struct file *ptmx, struct path *out);
