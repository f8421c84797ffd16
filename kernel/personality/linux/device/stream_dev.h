/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Streams to the host (kernel/dev/api/stream.h) as character devices. */

/* C14: shows all streams there are and will be. */
void stream_dev_init(void);
