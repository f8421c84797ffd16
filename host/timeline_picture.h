/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the parts of the picture of a boot share: timeline_svg.c puts the frame, the heading, the
 * legend and the scale, timeline_rows.c a row for each step and each CPU.
 */
#include "host/svg.h"
#include "host/timeline.h"
#include "host/timeline_axis.h"

enum lane { DOOR, LOADER, EARLY, MAIN, LATE, PROGRAMS, LANES };

struct lane_look {
    const char *name, *colour;
};
/* By lane; the last one is that of the start-up of further CPUs. */
extern const struct lane_look lane_looks[LANES + 1];
#define START_UP LANES

#define INK      "#1a1a1a"
#define FAINT    "#5f5f5f"
#define LINE     "#d0d0d0"

/* Pixels. */
enum {
    WIDTH = 1280,
    MARGIN = 32,
    NAME_X = 126,
    COST_X = 322, /* its right end */
    LEFT = 344,
    RIGHT = 1228,
    ROW = 20,
    BAR = 12,
    LANE_GAP = 6,
    CHIP = 12,
    FLAG = 11,
    MOMENT = 3,
};

struct picture {
    FILE *file;
    const struct timeline *timeline;
    struct axis axis;
    const struct timeline_record *rows[TIMELINE_RECORDS];
    enum lane row_lanes[TIMELINE_RECORDS];
    size_t row_count;
    double y;                        /* where the next thing goes */
    double rows_top, rows_end;       /* of the lanes */
    double cpu_top, cpu_end, pitch;  /* of the CPUs' rows; pitch: from one to the next */
    uint64_t spent[LANES], in_lanes; /* what each lane took, and all */
};

/* The lane that a record has a row in, LANES: none. */
enum lane lane_of(const struct timeline_record *record);
/* A vertical line through all rows, with these attributes. */
void put_line(const struct picture *picture, double x, const char *more);
/* The coloured ground of the lanes, which goes under the scale, or their rows, which go over it. */
void put_lanes(const struct picture *picture, bool ground);
void put_cpus(const struct picture *picture);
