/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Raw mode of the terminal on standard input. It is restored when alba ends in any way: by exit, by
 * a signal, and even by SIGKILL or a crash, for which a small process stands guard.
 */
#include <stdbool.h>

/* Whether this terminal's keys are for us: not while alba runs in a shell's background, where
 * reading or setting the terminal would stop it. */
bool terminal_is_ours(void);
/* Keys come as they are pressed. With output_raw the output is not changed either. */
void terminal_raw(bool output_raw);
/* Back to what it was; nothing when it is not raw. */
void terminal_restore(void);
