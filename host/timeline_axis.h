/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Where a moment lies in the picture of a timeline. Time runs evenly from left to right, but a few
 * stretches in which nothing begins or ends and which would take nearly all of the width are cut
 * out of it; each gets a little room with its own label.
 */
#include "host/timeline.h"

enum { AXIS_CUTS = 3 };

struct axis {
    const struct timeline *timeline;
    double left, right; /* pixels */
    double scale;       /* pixels a tick of the clock, where there is no cut */
    unsigned cuts;
    struct {
        uint64_t from, to;         /* the stretch in which nothing happens */
        uint64_t out_from, out_to; /* what is cut out of it: all but a bit at each end */
    } cut[AXIS_CUTS];
    double cut_width; /* pixels of each */
};

void axis_init(struct axis *axis, const struct timeline *timeline, double left, double right);
double axis_x(const struct axis *axis, uint64_t moment);
/* Where the i-th cut lies. */
double axis_cut_x(const struct axis *axis, unsigned i);

/* Marks at round values: each call gives the next one, which lies after moment (`first`: or at it);
 * false: there is none left. */
bool axis_next(const struct axis *axis, uint64_t *moment, bool first);
/* What stands at a mark; to free. */
char *axis_label(const struct axis *axis, uint64_t moment);

/* An amount, three digits of time or all of a number of instructions; to free. */
char *axis_amount(const struct timeline *timeline, uint64_t ticks);
