/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The program itself: a child process in a session of its own. */
#include "user/run/spec.h"

/*
 * Starts the program with the three streams as 0, 1, 2; when the terminal is one of them (tty >= 0)
 * it becomes the controlling terminal of the new session. What cannot be done is told on `report`:
 * the control port, as "error ERRNO TEXT", or the console, for people. Returns the process, or a
 * negative errno.
 */
long child_start(const struct spec *spec, const int streams[3], int tty, int report);
