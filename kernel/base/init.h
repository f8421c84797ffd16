/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Where code and data that only the boot needs are put, so that step "reclaim" can give their pages
 * back (C18). Nothing that runs later may refer to them.
 */
#define INIT_TEXT     __attribute__((section(".init.text"), cold))
#define INIT_DATA     __attribute__((section(".init.data")))
#define RO_AFTER_INIT __attribute__((section(".ro_after_init")))
