/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* No machine state: tests do not switch threads. */
struct arch_thread {
    int unused;
};
