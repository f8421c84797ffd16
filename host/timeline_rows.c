/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of the picture: name, cost and bar of each stage and step, with a few words beside the
 * bar where there is room; and what each CPU did. All texts of a row stand on its line, from left
 * to right, and each begins where the one before has ended.
 */
#include "host/text.h"
#include "host/timeline_picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct lane_look lane_looks[] = {
    {"DOOR", "#E69F00"}, {"LOADER", "#56B4E9"},   {"EARLY", "#009E73"},    {"MAIN", "#0072B2"},
    {"LATE", "#CC79A7"}, {"PROGRAMS", "#D55E00"}, {"start-up", "#F0E442"},
};

static const struct svg_style lane_style = {.size = 12, .colour = INK, .bold = true};
static const struct svg_style name_style = {.size = 13, .colour = INK};
static const struct svg_style cost_style = {.size = 12, .colour = INK, .anchor = SVG_END};
static const struct svg_style what_style = {.size = 11, .colour = FAINT};
static const struct svg_style what_left_style = {.size = 11, .colour = FAINT, .anchor = SVG_END};

/* Steps that each CPU runs have a row for the boot CPU only; the others' are in the CPUs' rows. */
enum lane lane_of(const struct timeline_record *record)
{
    static const char *const loader[] = {"loader", "unpack", "place", "jump"};
    switch (record->kind) {
    case TIMELINE_STAGE:
        for (size_t i = 0; i < sizeof(loader) / sizeof(loader[0]); i++) {
            if (strcmp(record->name, loader[i]) == 0) {
                return LOADER;
            }
        }
        return DOOR;
    case TIMELINE_EARLY:
        return record->cpu == 0 ? EARLY : LANES;
    case TIMELINE_MAIN:
        return record->cpu == 0 ? MAIN : LANES;
    case TIMELINE_LATE:
        return LATE;
    case TIMELINE_USER:
        return PROGRAMS;
    default:
        return LANES;
    }
}

/* What a pointer shows: all that is known of a record. */
static void put_tooltip(const struct picture *picture, const struct timeline_record *record)
{
    const struct timeline *timeline = picture->timeline;
    char *start = axis_amount(timeline, record->start);
    char *cost = axis_amount(timeline, record->length);
    const char *unit = timeline->instructions ? " instructions" : "";
    char *text = text_format("%s (%s, CPU %u)%s%s; at %s%s, for %s%s (%.1f %%)", record->name,
                             timeline_kind_name(record->kind), record->cpu,
                             record->what[0] == '\0' ? "" : ": ", record->what, start, unit, cost,
                             unit, timeline_percent(timeline, record->length));
    fprintf(picture->file, "<title>");
    svg_escape(picture->file, text);
    fprintf(picture->file, "</title>");
    free(text);
    free(cost);
    free(start);
}

/* A bar of at least so many pixels, which begins where it should. */
static struct svg_box bar_of(const struct picture *picture, const struct timeline_record *record,
                             double least)
{
    double from = axis_x(&picture->axis, record->start);
    double to = axis_x(&picture->axis, record->start + record->length);
    return (struct svg_box){.x = from, .width = fmax(to - from, least)};
}

void put_line(const struct picture *picture, double x, const char *more)
{
    fprintf(picture->file, "<line x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\" %s/>\n", x,
            picture->rows_top, x, picture->cpu_end, more);
}

/* White strokes where a bar goes through a cut. */
static void put_break(const struct picture *picture, const struct svg_box *bar)
{
    const struct axis *axis = &picture->axis;
    for (unsigned i = 0; i < axis->cuts; i++) {
        double x = axis_cut_x(axis, i) + axis->cut_width / 2;
        if (bar->x < x && bar->x + bar->width > x) {
            fprintf(picture->file,
                    "<path d=\"M%.1f %.1f l6 %.1f M%.1f %.1f l6 %.1f\" stroke=\"#fff\" "
                    "stroke-width=\"3\" fill=\"none\"/>\n",
                    x - 6, bar->y + bar->height + 1, -bar->height - 2, x, bar->y + bar->height + 1,
                    -bar->height - 2);
        }
    }
}

/* A few words beside the bar, where there is room for them. */
static void put_what(const struct picture *picture, const char *what, const struct svg_box *bar,
                     double base)
{
    double width = svg_width(what, &what_style);
    if (what[0] == '\0') {
        return;
    }
    if (bar->x + bar->width + 8 + width <= RIGHT - 6) {
        svg_text(picture->file, &what_style, bar->x + bar->width + 8, base, what);
    } else if (bar->x - 8 - width >= LEFT) {
        svg_text(picture->file, &what_left_style, bar->x - 8, base, what);
    }
}

/* The program's beginning has no length. */
static bool is_moment(const struct timeline_record *record)
{
    return record->kind == TIMELINE_USER && record->length == 0;
}

static void put_flag(const struct picture *picture, double x, double y, const char *colour)
{
    fprintf(picture->file, "<path d=\"M%.1f %.1f v%d l%d %.1f z\" fill=\"%s\"/>\n", x - FLAG, y,
            BAR, FLAG, -BAR / 2.0, colour);
}

/* The cost is whole; the name takes what is left. */
static void put_name(const struct picture *picture, const struct timeline_record *record,
                     double base)
{
    char *cost = is_moment(record) ? text_copy("") : axis_amount(picture->timeline, record->length);
    double room = COST_X - svg_width(cost, &cost_style) - 8 - NAME_X;
    char *name = svg_fit(record->name, &name_style, room);
    svg_text(picture->file, &name_style, NAME_X, base, name);
    if (cost[0] != '\0') {
        svg_text(picture->file, &cost_style, COST_X, base, cost);
    }
    free(name);
    free(cost);
}

static void put_row(const struct picture *picture, size_t i, double y)
{
    const struct timeline_record *record = picture->rows[i];
    struct svg_box bar = bar_of(picture, record, 2.5);
    double base = y + 14;
    bar.y = y + (ROW - BAR) / 2.0;
    bar.height = BAR;
    bar.radius = 2;
    bar.fill = lane_looks[picture->row_lanes[i]].colour;
    fprintf(picture->file, "<g>");
    put_tooltip(picture, record);
    put_name(picture, record, base);
    if (is_moment(record)) {
        put_flag(picture, bar.x, bar.y, bar.fill);
        bar.x -= FLAG;
        bar.width = FLAG;
    } else {
        svg_box(picture->file, &bar);
        put_break(picture, &bar);
    }
    put_what(picture, record->what, &bar, base);
    fprintf(picture->file, "</g>\n");
}

static double lane_height(const struct picture *picture, size_t first)
{
    double height = 0;
    for (size_t i = first;
         i < picture->row_count && picture->row_lanes[i] == picture->row_lanes[first]; i++) {
        height += ROW;
    }
    return height;
}

void put_lanes(const struct picture *picture, bool ground)
{
    double y = picture->rows_top;
    for (size_t i = 0; i < picture->row_count; i++) {
        enum lane lane = picture->row_lanes[i];
        bool first = i == 0 || lane != picture->row_lanes[i - 1];
        y += first && i > 0 ? LANE_GAP : 0;
        if (ground && first) {
            double height = lane_height(picture, i);
            struct svg_box band = {
                MARGIN - 8, y, WIDTH - 2 * MARGIN + 16, height, lane_looks[lane].colour, 0.10, 0};
            struct svg_box edge = {MARGIN - 8, y, 5, height, lane_looks[lane].colour, 0, 0};
            svg_box(picture->file, &band);
            svg_box(picture->file, &edge);
        }
        if (!ground) {
            if (first) {
                svg_text(picture->file, &lane_style, MARGIN + 4, y + 14, lane_looks[lane].name);
            }
            put_row(picture, i, y);
        }
        y += ROW;
    }
}

/* What a bar on a CPU's row is coloured by. */
static const char *colour_of(const struct timeline_record *record)
{
    static const unsigned char by_kind[] = {DOOR, EARLY, MAIN, LATE, START_UP, PROGRAMS, LATE};
    enum lane lane = lane_of(record);
    return lane_looks[lane < LANES ? lane : by_kind[record->kind]].colour;
}

/* From when it first idles it takes part. */
static void put_online(const struct picture *picture, const struct timeline_record *record,
                       double y)
{
    struct svg_box line = {.x = axis_x(&picture->axis, record->start),
                           .y = y + picture->pitch / 2 - 1,
                           .height = 2,
                           .fill = "#999999"};
    line.width = fmax(axis_x(&picture->axis, picture->timeline->end) - line.x, 0);
    if (record->cpu > 0 && line.width > 0) {
        fprintf(picture->file, "<g>");
        put_tooltip(picture, record);
        svg_box(picture->file, &line);
        fprintf(picture->file, "</g>\n");
    }
}

static void put_cpu(const struct picture *picture, unsigned cpu)
{
    const struct timeline *timeline = picture->timeline;
    double y = picture->cpu_top + cpu * picture->pitch;
    for (size_t i = 0; i < timeline->count; i++) {
        const struct timeline_record *record = &timeline->records[i];
        if (record->cpu != cpu || record->start > timeline->end) {
            continue;
        }
        if (record->kind == TIMELINE_EVENT) {
            put_online(picture, record, y);
            continue;
        }
        struct svg_box bar = bar_of(picture, record, 1);
        if (record->kind == TIMELINE_USER && timeline->cpus > 1) {
            /* A thread may change CPUs: only where it was at that moment is known. */
            if (strcmp(record->name, "exec") == 0) {
                continue;
            }
            bar.width = MOMENT;
        }
        bar.y = y + picture->pitch * 0.15;
        bar.height = picture->pitch * 0.7;
        bar.fill = colour_of(record);
        fprintf(picture->file, "<g>");
        put_tooltip(picture, record);
        svg_box(picture->file, &bar);
        put_break(picture, &bar);
        fprintf(picture->file, "</g>\n");
    }
}

/* Names only so close as they can be read. */
void put_cpus(const struct picture *picture)
{
    unsigned each = picture->pitch >= 14 ? 1 : picture->pitch >= 8 ? 4 : 8;
    svg_text(picture->file, &lane_style, MARGIN + 4, picture->cpu_top + 11, "CPUS");
    for (unsigned cpu = 0; cpu < picture->timeline->cpus; cpu++) {
        put_cpu(picture, cpu);
        if (cpu % each == 0) {
            char *name = text_format("CPU %u", cpu);
            svg_text(picture->file, &name_style, NAME_X,
                     picture->cpu_top + cpu * picture->pitch + fmin(picture->pitch, 14) / 2 + 5,
                     name);
            free(name);
        }
    }
}
