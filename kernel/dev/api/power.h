/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Switching the machine off or starting it again. Each tries the ways the machine has, best first.
 */

_Noreturn void power_off(void);
_Noreturn void power_reset(void);
/* Stops with a failure status where the machine can express one (pvpanic, debug-exit); else it
 * returns and the caller halts. */
void power_fail(void);
