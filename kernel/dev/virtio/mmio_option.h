/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* How a virtio-mmio device is announced: by virtio_mmio.device= (Linux's
 * admin-guide/kernel-parameters): SIZE@ADDRESS:IRQ[:ID], SIZE with an optional K, M or G,
 * SIZE and ADDRESS also octal or hexadecimal, IRQ never 0 (as drivers/virtio/virtio_mmio.c reads
 * it); or in ACPI's DSDT. Pure, for the host's test. */
#include "kernel/arch/irq.h"
#include "lib/types.h"

struct mmio_option {
    uint64_t address;
    uint32_t size; /* at least the registers and a configuration word, at most 1 MiB */
    uint32_t irq;
    bool from_acpi;   /* irq is a global interrupt with the trigger below */
    unsigned trigger; /* ARCH_IRQ_*; else it is as on ISA when below 16, and level beyond */
};

/* The limits that hold for both. */
bool mmio_option_valid(const struct mmio_option *option);
bool mmio_parse_option(const char *value, struct mmio_option *out);

/*
 * The next virtio-mmio device (_HID "LNRO0005") in a DSDT, from *position on, which is 0 at first:
 * false: no more. Nothing is interpreted: its _CRS must be a constant of the usual form, as QEMU
 * and Firecracker make it, and others are passed over.
 */
bool mmio_next_acpi(const uint8_t *aml, size_t size, size_t *position, struct mmio_option *out);
