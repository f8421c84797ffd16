/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The timeline of a boot, as the machine sent it (kernel/base/timeline_text.c), and the files that
 * are made of it: a table, JSON, and a picture. What comes from the machine is not trusted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum timeline_kind {
    TIMELINE_STAGE,
    TIMELINE_EARLY,
    TIMELINE_MAIN,
    TIMELINE_LATE,
    TIMELINE_CPU,
    TIMELINE_USER,
    TIMELINE_EVENT,
    TIMELINE_KINDS
};

enum { TIMELINE_RECORDS = 4096, TIMELINE_CPUS = 256 };

struct timeline_record {
    enum timeline_kind kind;
    unsigned cpu;
    uint64_t start, length; /* in the timeline's unit */
    char name[24], what[64];
};

struct timeline {
    bool instructions;   /* one tick is one instruction; else a cycle of the time stamp counter */
    uint64_t per_second; /* ticks; 0: unknown */
    uint64_t removed;    /* ticks that nobody spent, see timeline_read */
    uint64_t end;        /* the first instruction of the program, or where the records end */
    unsigned lost;       /* records that the machine had no room for */
    unsigned cpus;
    char door[16];
    struct timeline_record *records; /* by start; to free */
    size_t count;
    /* For people; not owned. */
    const char *program;  /* its name */
    const char *measured; /* how, in a sentence */
};

/*
 * Reads the machine's text; false when it is not one. Then puts in what follows from it: what PID 1
 * did until the program began, and with instructions takes out those that QEMU counts when it
 * resets a CPU although nobody ran them (see arch_smp_start).
 */
bool timeline_read(struct timeline *timeline, const char *text);
void timeline_free(struct timeline *timeline);

const char *timeline_kind_name(enum timeline_kind kind);
/* Of all. */
double timeline_percent(const struct timeline *timeline, uint64_t ticks);
/* Ticks as nanoseconds; where the rate is unknown one counts as one. */
double timeline_ns(const struct timeline *timeline, uint64_t ticks);

/* Write it. Errors are the stream's. */
void timeline_text(const struct timeline *timeline, FILE *file);
void timeline_json(const struct timeline *timeline, FILE *file);
void timeline_svg(const struct timeline *timeline, FILE *file);

struct machine;
struct options;
/* Writes all that was asked for, each by the end of its name: .json, .svg, else a table; "-" is
 * standard output. Trouble is said, and no file is made from nothing (text: NULL). */
void timeline_save(const char *text, const struct machine *machine, const struct options *options);
/* The command `alba timeline`: argv[0] is that word. Returns alba's exit status. */
int timeline_main(int argc, char **argv);
