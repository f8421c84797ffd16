/* SPDX-License-Identifier: BSD-2-Clause */
/* From moments to pixels, round values and their labels. */
#include "host/timeline_axis.h"
#include "host/text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Cut are the largest stretches when so few of them are so much of all. */
static const double enough = 0.75, each_at_least = 0.15;
enum { STUMP = 14, CUT_WIDTH = 92, MARK_DISTANCE = 72 }; /* pixels */

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* All moments at which something begins or ends, in order; to free. */
static uint64_t *moments_of(const struct timeline *timeline, size_t *count)
{
    uint64_t *moments = text_resize(NULL, (2 * timeline->count + 2) * sizeof(*moments));
    *count = 0;
    moments[(*count)++] = 0;
    moments[(*count)++] = timeline->end;
    for (size_t i = 0; i < timeline->count; i++) {
        const struct timeline_record *record = &timeline->records[i];
        if (record->start + record->length <= timeline->end) {
            moments[(*count)++] = record->start;
            moments[(*count)++] = record->start + record->length;
        }
    }
    qsort(moments, *count, sizeof(*moments), compare);
    return moments;
}

/* Finds the largest stretches, at most AXIS_CUTS, largest first. */
static unsigned find_largest(const uint64_t *moments, size_t count, uint64_t largest[][2])
{
    unsigned found = 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t from = moments[i - 1], to = moments[i];
        unsigned at = found < AXIS_CUTS ? found++ : AXIS_CUTS;
        for (; at > 0 && largest[at - 1][1] - largest[at - 1][0] < to - from; at--) {
            if (at < AXIS_CUTS) {
                memcpy(largest[at], largest[at - 1], sizeof(largest[at]));
            }
        }
        if (at < AXIS_CUTS) {
            largest[at][0] = from;
            largest[at][1] = to;
        }
    }
    return found;
}

/* How many of them to cut, 0: none. */
static unsigned choose(uint64_t end, uint64_t largest[][2], unsigned found)
{
    double sum = 0;
    for (unsigned i = 0; i < found; i++) {
        double part = (double)(largest[i][1] - largest[i][0]) / (double)end;
        sum += part;
        if (part < each_at_least || sum >= 1) {
            return 0; /* nothing would be left */
        }
        if (sum >= enough) {
            return i + 1;
        }
    }
    return 0;
}

static void place_cuts(struct axis *axis, uint64_t largest[][2])
{
    double uncut = (double)axis->timeline->end;
    double room = axis->right - axis->left - axis->cuts * (axis->cut_width + 2 * STUMP);
    qsort(largest, axis->cuts, sizeof(largest[0]), compare);
    for (unsigned i = 0; i < axis->cuts; i++) {
        uncut -= (double)(largest[i][1] - largest[i][0]);
    }
    axis->scale = room / fmax(uncut, 1);
    for (unsigned i = 0; i < axis->cuts; i++) {
        uint64_t half = (largest[i][1] - largest[i][0]) / 2;
        uint64_t stump = (uint64_t)fmin(STUMP / axis->scale, (double)half);
        axis->cut[i].from = largest[i][0];
        axis->cut[i].to = largest[i][1];
        axis->cut[i].out_from = largest[i][0] + stump;
        axis->cut[i].out_to = largest[i][1] - stump;
    }
}

void axis_init(struct axis *axis, const struct timeline *timeline, double left, double right)
{
    uint64_t largest[AXIS_CUTS][2];
    size_t count;
    *axis = (struct axis){.timeline = timeline, .left = left, .right = right};
    axis->cut_width = CUT_WIDTH;
    axis->scale = (right - left) / fmax((double)timeline->end, 1);
    uint64_t *moments = moments_of(timeline, &count);
    unsigned found = find_largest(moments, count, largest);
    free(moments);
    axis->cuts = timeline->end == 0 ? 0 : choose(timeline->end, largest, found);
    if (axis->cuts > 0) {
        place_cuts(axis, largest);
    }
}

double axis_x(const struct axis *axis, uint64_t moment)
{
    double x = axis->left;
    uint64_t from = 0;
    for (unsigned i = 0; i < axis->cuts && moment > axis->cut[i].out_from; i++) {
        uint64_t out_from = axis->cut[i].out_from, out_to = axis->cut[i].out_to;
        x += (double)(out_from - from) * axis->scale;
        if (moment < out_to) {
            return x + axis->cut_width * (double)(moment - out_from) / (double)(out_to - out_from);
        }
        x += axis->cut_width;
        from = out_to;
    }
    return fmin(x + (double)(moment - from) * axis->scale, axis->right);
}

double axis_cut_x(const struct axis *axis, unsigned i)
{
    return axis_x(axis, axis->cut[i].out_from);
}

/* Nanoseconds, or instructions, a tick. */
static double value_of_tick(const struct timeline *timeline)
{
    return timeline->instructions ? 1 : timeline_ns(timeline, 1);
}

/* The next of 1, 2, 5, 10, 20, 50... */
static double round_up(double value)
{
    double power = pow(10, floor(log10(value)));
    double digit = value / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static double step_of(const struct axis *axis)
{
    double ticks = fmax(MARK_DISTANCE / axis->scale, 1);
    return round_up(fmax(ticks * value_of_tick(axis->timeline), 1));
}

bool axis_next(const struct axis *axis, uint64_t *moment, bool first)
{
    double tick = value_of_tick(axis->timeline), step = step_of(axis);
    /* A mark is a tick at most half a tick away, and a step at least a tick. */
    double number = first ? 0 : round((double)*moment * tick / step) + 1;
    uint64_t next = (uint64_t)llround(number * step / tick);
    for (unsigned i = 0; i < axis->cuts; i++) {
        if (next > axis->cut[i].out_from && next < axis->cut[i].out_to) {
            number = ceil((double)axis->cut[i].out_to * tick / step);
            next = (uint64_t)llround(number * step / tick);
        }
    }
    if (!first && next <= *moment) {
        return false;
    }
    *moment = next;
    return next <= axis->timeline->end;
}

/* A whole number with a comma between thousands. */
static char *grouped(double number)
{
    char *digits = text_format("%.0f", number);
    char *text = text_copy("");
    size_t length = strlen(digits);
    for (size_t i = 0; i < length; i++) {
        char *more = text_format("%s%s%c", text, i > 0 && (length - i) % 3 == 0 ? "," : "",
                                 digits[i]);
        free(text);
        text = more;
    }
    free(digits);
    return text;
}

static char *with_unit(double value, double unit, const char *name)
{
    char *number = grouped(round(value / unit));
    char *text = text_format("%s%s", number, value == 0 ? "" : name);
    free(number);
    return text;
}

char *axis_label(const struct axis *axis, uint64_t moment)
{
    static const char *const instructions[] = {"", " k", " M", " G"};
    static const char *const times[] = {" ns", " µs", " ms", " s"};
    double step = step_of(axis), unit = 1;
    double value = round((double)moment * value_of_tick(axis->timeline) / step) * step;
    unsigned i = 0;
    for (; i < 3 && step >= unit * 1000; i++) {
        unit *= 1000;
    }
    return with_unit(value, unit, axis->timeline->instructions ? instructions[i] : times[i]);
}

char *axis_amount(const struct timeline *timeline, uint64_t ticks)
{
    static const char *const times[] = {"ns", "µs", "ms", "s"};
    if (timeline->instructions) {
        return grouped((double)ticks);
    }
    double value = timeline_ns(timeline, ticks);
    unsigned i = 0;
    for (; i < 3 && value >= 999.5; i++) {
        value /= 1000;
    }
    if (i == 3 && value >= 999.5) {
        return with_unit(value, 1, " s");
    }
    int decimals = i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return text_format("%.*f %s", decimals, value, times[i]);
}
