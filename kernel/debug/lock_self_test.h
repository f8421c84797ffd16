/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Between the checks of locks and their self-test. */
#include <stdbool.h>

/* The current thread has just broken a rule: true, and noted, when it did so on purpose. */
bool lock_self_test_expects(void);
/* From now on who sleeps must have interrupts on. */
void lock_check_threads_run(void);
