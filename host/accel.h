/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
#include <stdbool.h>

/*
 * Whether KVM really runs guests here and at a proper speed: it is tried with a tiny one. There are
 * machines where /dev/kvm opens and guests hang. *why says what is wrong (a constant). The answer
 * "no" is kept in the user's cache until the next start of this machine, and believed unless
 * afresh.
 */
bool accel_kvm_works(bool afresh, const char **why);
