/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The end of `alba run --strace`: which calls the machine refused, and what it lacks of them. */
#include "host/control.h"

void strace_tell(const struct refusal *refusals, size_t count);
