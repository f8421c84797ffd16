/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Red-black trees: the RB_* macros of libbsd (package libbsd-dev, manual page tree(3bsd)).
 * Use RB_HEAD, RB_ENTRY and RB_GENERATE_STATIC in the file that owns the tree.
 */
/* RB_GENERATE_STATIC names this attribute of BSD's <sys/cdefs.h>, which libbsd leaves out on Linux.
 */
#define __unused __attribute__((unused))
#include <bsd/sys/tree.h>
