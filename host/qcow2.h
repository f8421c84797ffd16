/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Writes a disk as QEMU's qcow2, version 3 (QEMU, docs/interop/qcow2.txt): clusters of 64 KiB, of
 * which those that are all zero are left out.
 */
#include "host/output.h"

/* disk: a file of size bytes, a multiple of 512. */
void qcow2_write(struct output *output, int disk, uint64_t size);
