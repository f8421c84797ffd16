/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The PC's keyboard controller, which USB keyboards are often shown as by firmware, too. */
#include "lib/types.h"

/*
 * Switches the keyboard on, the first time. From then on `take` gets each byte that it sends, in
 * interrupt context, one at a time; scan codes are those of set 1. A machine without a controller
 * costs one access. May sleep, and is called by one at a time.
 */
void i8042_start(void (*take)(uint8_t byte));
/* The lights: bits as in enum keyboard_lock. From `take`. */
void i8042_set_lights(uint8_t lights);
