/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The host's tests use x86_64's page tables; only the instructions differ, see paging.h. */
#include "kernel/arch/x86_64/include/machine/mmu.h"
