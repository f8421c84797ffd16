/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* C14: the devices that have no hardware: /dev/null, zero, full, random, urandom, kmsg. */

/* Registers them; needs devtmpfs. */
void mem_devices_init(void);
