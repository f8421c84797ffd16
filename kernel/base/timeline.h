/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The boot timeline (C13): what ran when, and on which CPU, from the first instruction that is ours
 * to the first one of a program. Stages are those of doors and loader (abi/bootinfo.h), steps the
 * kernel's (kernel/init/steps.def). A table of fixed size, filled by whoever runs a step, which
 * step "smp" makes longer for further CPUs; records beyond it are counted. Times are counts of
 * arch_cycles().
 */
#include "lib/types.h"

struct bootinfo;

enum timeline_kind {
    TIMELINE_STAGE,
    TIMELINE_EARLY, /* steps, by phase, in the order of kernel/init */
    TIMELINE_MAIN,
    TIMELINE_LATE,
    TIMELINE_CPU,   /* the start of further CPUs */
    TIMELINE_USER,  /* the kernel is done with starting a program */
    TIMELINE_EVENT, /* any other moment */
};

struct timeline_record {
    const char *name; /* constant text that stays */
    uint64_t start, end;
    unsigned short kind;
    unsigned short cpu;
};

/* A step starts: a handle for timeline_end. Any context, any CPU. */
unsigned timeline_begin(enum timeline_kind kind, const char *name);
void timeline_end(unsigned handle);
/* A moment without a length. */
void timeline_event(enum timeline_kind kind, const char *name);
/* What has both ends already. */
void timeline_add(enum timeline_kind kind, const char *name, uint64_t start, uint64_t end);
/* The door and the stages from bootinfo: each stage lasts to the next, the last to `entered`. */
void timeline_add_stamps(const struct bootinfo *info, uint64_t entered);

/* Room for `count` more records, zeroed, that the timeline keeps. Once, before CPUs are woken. */
void timeline_extend(struct timeline_record *room, unsigned count);
/* On the boot CPU: the others are woken now. On each of those, when it comes: adds its record
 * "start-up", which began then. */
void timeline_wake(void);
void timeline_woken(void);

/* Number of records, and one of them (false: there is none, or it has not ended). */
unsigned timeline_count(void);
bool timeline_get(unsigned index, struct timeline_record *record);
unsigned timeline_lost(void); /* that found no room */
unsigned timeline_door(void); /* enum boot_door */

/* Texts, in timeline_text.c. */
struct timeline_unit {
    uint64_t per_second; /* cycles; 0: nobody knows yet, and microseconds are left out */
    bool instructions;   /* under QEMU's -icount shift=0 one cycle is one instruction of any CPU */
};
/* A few words about a step of the kernel's, or NULL. Set when the kernel begins. */
extern const char *(*timeline_step_what)(const char *step);

/*
 * All finished records, oldest first, times relative to the first start. As snprintf: at most
 * size-1 bytes and a zero; returns the full length. doc/timeline.md describes both.
 */
size_t timeline_format_text(char *buf, size_t size, const struct timeline_unit *unit);
size_t timeline_format_json(char *buf, size_t size, const struct timeline_unit *unit);
