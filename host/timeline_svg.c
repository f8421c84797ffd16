/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture of a boot. From top to bottom: what it is; what each part took; a row for each stage
 * and step, grouped by lanes; a row for each CPU; and the scale. Texts are measured before they are
 * put, so that no two overlap. Colours are those of M. Okabe and K. Ito, "Color Universal Design"
 * (2008), which people with any form of colour vision tell apart; everything is named in text, too.
 */
#include "host/text.h"
#include "host/timeline_picture.h"
#include <stdlib.h>
#include <string.h>

static const struct svg_style title_style = {.size = 24, .colour = INK, .bold = true};
static const struct svg_style note_style = {.size = 12, .colour = FAINT};
static const struct svg_style mark_style = {.size = 11, .colour = FAINT, .anchor = SVG_MIDDLE};

static void make_rows(struct picture *picture)
{
    for (enum lane lane = DOOR; lane < LANES; lane++) {
        for (size_t i = 0; i < picture->timeline->count; i++) {
            const struct timeline_record *record = &picture->timeline->records[i];
            if (lane_of(record) == lane) {
                picture->rows[picture->row_count] = record;
                picture->row_lanes[picture->row_count++] = lane;
                picture->spent[lane] += record->length;
            }
        }
        picture->in_lanes += picture->spent[lane];
    }
}

/* Text in as many lines as it takes, broken between words. */
static void put_lines(struct picture *picture, const char *text)
{
    char *line = text_copy("");
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        char *more = text_format("%s%s%.*s", line, line[0] == '\0' ? "" : " ", length, text);
        if (line[0] != '\0' && svg_width(more, &note_style) > WIDTH - 2 * MARGIN) {
            svg_text(picture->file, &note_style, MARGIN, picture->y, line);
            picture->y += 17;
            free(more);
            more = text_format("%.*s", length, text);
        }
        free(line);
        line = more;
        text += length;
        text += strspn(text, " ");
    }
    char *last = svg_fit(line, &note_style, WIDTH - 2 * MARGIN);
    svg_text(picture->file, &note_style, MARGIN, picture->y, last);
    picture->y += 17;
    free(last);
    free(line);
}

static void put_heading(struct picture *picture)
{
    static const struct {
        const char *word, *name;
    } doors[] = {{"linux16", "Linux door, real mode"},
                 {"linux32", "Linux door, 32 bits"},
                 {"linux64", "Linux door, 64 bits"},
                 {"pvh", "PVH door"},
                 {"multiboot1", "Multiboot 1 door"},
                 {"multiboot2", "Multiboot 2 door"},
                 {"efi", "EFI door"},
                 {"bios", "BIOS door"}};
    const struct timeline *timeline = picture->timeline;
    const char *door = timeline->door;
    for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
        door = strcmp(door, doors[i].word) == 0 ? doors[i].name : door;
    }
    char *wish = text_format("Alba starts: from its first instruction to %s", timeline->program);
    char *title = svg_fit(wish, &title_style, WIDTH - 2 * MARGIN);
    picture->y = MARGIN + 20;
    svg_text(picture->file, &title_style, MARGIN, picture->y, title);
    char *amount = axis_amount(timeline, timeline->end);
    char *note = text_format("%s%s · %s · %u CPU%s · %s", amount,
                             timeline->instructions ? " instructions" : "", door, timeline->cpus,
                             timeline->cpus == 1 ? "" : "s", timeline->measured);
    picture->y += 24;
    put_lines(picture, note);
    free(note);
    free(amount);
    free(title);
    free(wish);
}

/* One entry of the legend, on the next line when this one is full; returns where the next goes. */
static double put_chip(struct picture *picture, double x, const char *colour, const char *text)
{
    double width = CHIP + 6 + svg_width(text, &note_style);
    if (x > MARGIN && x + width > WIDTH - MARGIN) {
        x = MARGIN;
        picture->y += 20;
    }
    struct svg_box box = {x, picture->y - CHIP + 2, CHIP, CHIP, colour, 0, 2};
    svg_box(picture->file, &box);
    svg_text(picture->file, &note_style, x + CHIP + 6, picture->y, text);
    return x + width + 22;
}

static void put_legend(struct picture *picture)
{
    double x = MARGIN;
    uint64_t total = picture->timeline->end;
    picture->y += 12;
    for (enum lane lane = DOOR; lane <= LANES; lane++) {
        bool between = lane == LANES;
        uint64_t ticks = !between ? picture->spent[lane]
                                  : total - (picture->in_lanes < total ? picture->in_lanes : total);
        if (ticks > 0) {
            char *amount = axis_amount(picture->timeline, ticks);
            char *text = text_format("%s %s (%.1f %%)",
                                     between ? "between steps" : lane_looks[lane].name, amount,
                                     timeline_percent(picture->timeline, ticks));
            x = put_chip(picture, x, between ? "#bbbbbb" : lane_looks[lane].colour, text);
            free(text);
            free(amount);
        }
    }
    if (picture->timeline->cpus > 1) {
        put_chip(picture, x, lane_looks[START_UP].colour, "start-up of a further CPU");
    }
    picture->y += 34;
}

/* Where everything goes, before anything of it is put. */
static void plan(struct picture *picture)
{
    unsigned cpus = picture->timeline->cpus;
    double y = picture->y + 8;
    picture->rows_top = y;
    for (size_t i = 0; i < picture->row_count; i++) {
        y += ROW + (i > 0 && picture->row_lanes[i] != picture->row_lanes[i - 1] ? LANE_GAP : 0);
    }
    picture->rows_end = y;
    picture->pitch = cpus <= 8 ? 18 : cpus <= 32 ? 14 : cpus <= 64 ? 8 : 4;
    picture->cpu_top = y + 16;
    picture->cpu_end = picture->cpu_top + cpus * picture->pitch;
}

/* Vertical lines, and above and below them what they stand for. */
static void put_scale(const struct picture *picture)
{
    const struct axis *axis = &picture->axis;
    double free_from = LEFT - 40;
    uint64_t moment = 0;
    for (bool more = axis_next(axis, &moment, true); more; more = axis_next(axis, &moment, false)) {
        char *label = axis_label(axis, moment);
        double x = axis_x(axis, moment), half = svg_width(label, &mark_style) / 2;
        bool fits = x - half >= free_from && x + half <= WIDTH - 4;
        for (unsigned i = 0; i < axis->cuts; i++) {
            double cut = axis_cut_x(axis, i);
            fits &= x + half < cut - 4 || x - half > cut + axis->cut_width + 4;
        }
        put_line(picture, x, "stroke=\"" LINE "\" stroke-width=\"1\"");
        if (fits) {
            svg_text(picture->file, &mark_style, x, picture->rows_top - 6, label);
            svg_text(picture->file, &mark_style, x, picture->cpu_end + 16, label);
            free_from = x + half + 10;
        }
        free(label);
    }
}

static void put_cuts(const struct picture *picture)
{
    const struct axis *axis = &picture->axis;
    for (unsigned i = 0; i < axis->cuts; i++) {
        double x = axis_cut_x(axis, i), middle = x + axis->cut_width / 2;
        struct svg_box band = {x,
                               picture->rows_top,
                               axis->cut_width,
                               picture->cpu_end - picture->rows_top,
                               "#000",
                               0.06,
                               0};
        svg_box(picture->file, &band);
        put_line(picture, x, "stroke=\"" FAINT "\" stroke-dasharray=\"2 3\"");
        put_line(picture, x + axis->cut_width, "stroke=\"" FAINT "\" stroke-dasharray=\"2 3\"");
        char *amount = axis_amount(picture->timeline, axis->cut[i].out_to - axis->cut[i].out_from);
        char *label = text_format("%s cut", amount);
        struct svg_style style = mark_style;
        while (svg_width(label, &style) > axis->cut_width - 4 && style.size > 5) {
            style.size -= 0.5;
        }
        svg_text(picture->file, &style, middle, picture->rows_top - 6, label);
        svg_text(picture->file, &style, middle, picture->cpu_end + 16, label);
        free(label);
        free(amount);
    }
}

/* The moment all this is about: the last program's beginning. */
static void put_program(const struct picture *picture)
{
    const struct timeline_record *last = picture->row_count > 0
                                             ? picture->rows[picture->row_count - 1]
                                             : NULL;
    if (last != NULL && last->kind == TIMELINE_USER && last->length == 0) {
        put_line(picture, axis_x(&picture->axis, last->start),
                 "stroke=\"#D55E00\" stroke-width=\"1.5\" stroke-dasharray=\"6 3\"");
    }
}

static void put_frame(const struct picture *picture, double height)
{
    const struct timeline *timeline = picture->timeline;
    fprintf(picture->file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
            "viewBox=\"0 0 %d %.0f\" font-family=\"%s\" role=\"img\">\n<title>Alba starts ",
            WIDTH, height, WIDTH, height, SVG_FONT);
    svg_escape(picture->file, timeline->program);
    fprintf(picture->file, "</title>\n<desc>Stages and steps of a boot, and what each took. ");
    svg_escape(picture->file, timeline->measured);
    fprintf(picture->file, "</desc>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
}

/* The height stands first in the file, and is known when heading and legend have been put. */
void timeline_svg(const struct timeline *timeline, FILE *file)
{
    struct picture *picture = text_resize(NULL, sizeof(*picture));
    char *head;
    size_t size;
    memset(picture, 0, sizeof(*picture));
    picture->timeline = timeline;
    axis_init(&picture->axis, timeline, LEFT, RIGHT);
    make_rows(picture);
    picture->file = open_memstream(&head, &size);
    if (picture->file == NULL) {
        abort();
    }
    put_heading(picture);
    put_legend(picture);
    plan(picture);
    fclose(picture->file);
    picture->file = file;
    put_frame(picture, picture->cpu_end + 30);
    fwrite(head, 1, size, file);
    free(head);
    put_lanes(picture, true);
    put_scale(picture);
    put_cuts(picture);
    put_program(picture);
    put_lanes(picture, false);
    put_cpus(picture);
    fprintf(file, "</svg>\n");
    free(picture);
}
