/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What others tell timers that are files. */

/* The wall clock was set. */
void linux_timerfds_clock_set(void);
