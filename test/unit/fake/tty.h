/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The terminal layer without a kernel: bytes go in as from a device (type), reads and writes happen
 * as from programs, and what the device and the process groups got is looked at. A sleep calls the
 * test's hook, which makes the next thing happen, or ends the wait.
 * Sources besides fake/tty.c: the tty_*.c under test and kernel/core/io.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/tty.h"

extern struct tty tty;
extern struct tty_file tf;
extern struct linux_process self; /* the caller: PID, group and session 100, of which tty is */

/* What a sleeper meets: returns what wait_sleep returns. */
extern int (*on_sleep)(uint64_t deadline_ns);
extern unsigned sleeps;
extern uint64_t now_ns;

extern int sent_pgrp, sent_signals[8];
extern unsigned sent_count;
extern bool ignored, orphaned; /* what the signal code says of the caller */

extern uint8_t bad_page[64]; /* user memory that faults */

/* What the device has shown, how much more it takes now, how often it was told to go on. */
extern char shown[20000];
extern size_t shown_size, device_room;
extern unsigned unthrottles;

int tty_setup(void **state);
void type(const char *text);
ssize_type get(char *buf, size_t size);
ssize_type get_now(char *buf, size_t size); /* O_NONBLOCK */
ssize_type say(const char *text);
void assert_read(const char *expected);
void assert_shown(const char *expected); /* and forgets it */
void set_flags(uint32_t clear_l, uint32_t set_l);
void set_raw(unsigned vmin, unsigned vtime);
/* A hook: the deadline passes, or a signal comes when there is none. */
int nothing_comes(uint64_t deadline_ns);
