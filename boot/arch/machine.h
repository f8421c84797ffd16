/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the loader needs from the machine it runs on; boot/arch/<machine> has it. The loader runs on
 * one CPU, with interrupts off, and reaches physical memory at the same virtual address.
 */
#include "abi/bootinfo.h"
#include "lib/types.h"

/* The time stamp counter. */
uint64_t machine_cycles(void);

/* What the CPU lacks, or NULL. The doors have seen to what it needs to come so far. */
const char *machine_lacks(void);

/*
 * For a door that comes with 64 bits and what is somebody else's: what hinders it from going on, or
 * NULL; and the way on, to a function on our stack, descriptors and page tables.
 */
const char *machine_cannot_adopt(void);
struct machine_adopt {
    void (*function)(uint64_t argument, uint64_t cycles, enum boot_door door); /* not to return */
    uint64_t argument, cycles, door;
};
__attribute__((visibility("hidden"))) _Noreturn void machine_adopt(const struct machine_adopt *how);

/* One character to the first serial port; sets it up at the first call. */
void machine_put(char c);

/* Where the VGA's text mode is, if the BIOS left a screen in it; else nothing is changed. */
struct boot_text;
void machine_text_screen(struct boot_text *text);

/* Tells the virtual machine monitor that the boot failed, where there is a way, and stops. */
_Noreturn void machine_stop(void);

/* A random number of the CPU's own generator; false when there is none or it does not answer. */
bool machine_random(uint64_t *value);

/* Physical addresses have this many bits. */
unsigned machine_address_bits(void);

/* The number of this CPU in the firmware's tables. */
uint32_t machine_cpu_id(void);

/* `size` bytes of physical memory for reading and writing, or NULL: out of reach. */
void *machine_window(uint64_t paddr, size_t size);

/* Where firmware may have left its tables: calls look() for each area until it returns true. */
void machine_firmware_areas(bool (*look)(uint64_t start, size_t size, void *context),
                            void *context);

/* The kernel's page tables while they are made. */
struct memory_map;
struct paging {
    uint64_t *root;
    struct memory_map *memory; /* where tables come from */
    uint32_t table_type;       /* enum boot_mem of the tables made from now on */
};

/* COMBINE: writes may be combined; when the kernel has said so to the CPU, and none is cached. */
enum { PAGING_WRITE = 1, PAGING_EXEC = 2, PAGING_COMBINE = 4 };

/* Starts with an empty root. All sizes and addresses are multiples of the page. */
int paging_init(struct paging *paging, struct memory_map *memory);

/*
 * Maps [va, va + size) to physical memory at pa with the largest pages that fit, readable and as
 * `rights` say. Fails with -ENOMEM when there is no memory for a table.
 */
int paging_map(struct paging *paging, uint64_t va, uint64_t pa, uint64_t size, unsigned rights);

/* Maps what machine_enter needs to go on after the switch, where it is. */
int paging_map_switch(struct paging *paging);

/* What the kernel's entry gets. */
struct machine_start {
    uint64_t root;     /* physical address of the page tables' root */
    uint64_t entry;    /* virtual address */
    uint64_t argument; /* first argument */
    uint64_t stack;    /* top of the stack */
    uint64_t percpu;   /* thread pointer */
};
/* Hidden: its address is taken, and a loader that runs anywhere has no table to find it in. */
__attribute__((visibility("hidden"))) _Noreturn void machine_enter(
    const struct machine_start *start);
