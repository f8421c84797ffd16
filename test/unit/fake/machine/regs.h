/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The registers of x86_64 will do: nothing runs on them here. */
#include "kernel/arch/x86_64/include/machine/regs.h"
