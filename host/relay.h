/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Stands between the program's streams and ours until the machine has ended. */
#include "host/machine.h"
#include "host/options.h"
#include "host/session.h"

/* Blocks the signals that are passed on; called before QEMU is started. */
void relay_prepare(void);
/* Relays until all is over and returns alba's exit status, having said what went wrong. */
int relay_run(const struct machine *machine, const struct session *session,
              const struct options *options);
