/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the timeline that the machine sent, and makes it what people are shown. */
#include "host/timeline.h"
#include "host/text.h"
#include <stdlib.h>
#include <string.h>

static const uint64_t most =
    1ull << 50; /* sums of two do not overflow, and numbers have room in the picture */

static const char *const kind_names[TIMELINE_KINDS] = {"stage", "early", "main", "late",
                                                       "cpu",   "user",  "event"};

const char *timeline_kind_name(enum timeline_kind kind)
{
    return kind_names[kind];
}

double timeline_ns(const struct timeline *timeline, uint64_t ticks)
{
    return timeline->per_second == 0 ? (double)ticks
                                     : (double)ticks * 1e9 / (double)timeline->per_second;
}

double timeline_percent(const struct timeline *timeline, uint64_t ticks)
{
    return timeline->end == 0 ? 0 : 100.0 * (double)ticks / (double)timeline->end;
}

static bool take(const char **at, const char *words)
{
    size_t length = strlen(words);
    if (strncmp(*at, words, length) != 0) {
        return false;
    }
    *at += length;
    return true;
}

/* "key":NUMBER, which is at most `limit` */
static bool take_number(const char **at, const char *key, uint64_t limit, uint64_t *number)
{
    *number = 0;
    if (!take(at, key) || **at < '0' || **at > '9') {
        return false;
    }
    for (; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (*number > (limit - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
    }
    return true;
}

/* "key":"TEXT" of plain characters */
static bool take_string(const char **at, const char *key, char *to, size_t size)
{
    size_t length = 0;
    if (!take(at, key) || !take(at, "\"")) {
        return false;
    }
    for (; **at != '"'; ++*at) {
        if (**at < ' ' || **at > '~' || **at == '\\' || length + 1 == size) {
            return false;
        }
        to[length++] = **at;
    }
    to[length] = '\0';
    ++*at;
    return true;
}

static bool take_heading(const char **at, struct timeline *timeline)
{
    char unit[16];
    uint64_t per_second, lost;
    if (!take_string(at, "{\"unit\":", unit, sizeof(unit)) ||
        !take_number(at, ",\"cycles_per_second\":", 1ull << 40, &per_second) ||
        !take_string(at, ",\"door\":", timeline->door, sizeof(timeline->door)) ||
        !take_number(at, ",\"lost\":", 1u << 30, &lost) || !take(at, ",\"records\":[")) {
        return false;
    }
    timeline->instructions = strcmp(unit, "instructions") == 0;
    timeline->per_second = per_second;
    timeline->lost = (unsigned)lost;
    return true;
}

static bool take_record(const char **at, struct timeline_record *record)
{
    char kind[8];
    uint64_t cpu;
    if (!take_string(at, "\n{\"kind\":", kind, sizeof(kind)) ||
        !take_string(at, ",\"name\":", record->name, sizeof(record->name)) ||
        !take_number(at, ",\"cpu\":", TIMELINE_CPUS - 1, &cpu) ||
        !take_number(at, ",\"start\":", most, &record->start) ||
        !take_number(at, ",\"cycles\":", most, &record->length) ||
        !take_string(at, ",\"what\":", record->what, sizeof(record->what)) || !take(at, "}")) {
        return false;
    }
    record->cpu = (unsigned)cpu;
    for (unsigned i = 0; i < TIMELINE_KINDS; i++) {
        if (strcmp(kind, kind_names[i]) == 0) {
            record->kind = (enum timeline_kind)i;
            return true;
        }
    }
    return false;
}

/* Room for two more than there are, which add_programs may need. */
static bool take_records(const char **at, struct timeline *timeline)
{
    size_t room = 0;
    do {
        if (timeline->count == TIMELINE_RECORDS) {
            return false;
        }
        if (timeline->count + 2 >= room) {
            room = room * 2 + 64;
            timeline->records = text_resize(timeline->records, room * sizeof(*timeline->records));
        }
        if (!take_record(at, &timeline->records[timeline->count])) {
            return false;
        }
        timeline->count++;
    } while (take(at, ","));
    return take(at, "]}\n") && **at == '\0';
}

static struct timeline_record *find(const struct timeline *timeline, enum timeline_kind kind,
                                    const char *name)
{
    for (size_t i = 0; i < timeline->count; i++) {
        struct timeline_record *record = &timeline->records[i];
        if (record->kind == kind && strcmp(record->name, name) == 0) {
            return record;
        }
    }
    return NULL;
}

static uint64_t without(uint64_t moment, uint64_t from, uint64_t to)
{
    return moment <= from ? moment : moment < to ? from : moment - (to - from);
}

/* Everything in the record "wake" but a hundred instructions nobody ran. */
static void remove_resets(struct timeline *timeline)
{
    const struct timeline_record *wake = find(timeline, TIMELINE_CPU, "wake");
    if (!timeline->instructions || wake == NULL) {
        return;
    }
    uint64_t from = wake->start, to = wake->start + wake->length;
    timeline->removed = to - from;
    for (size_t i = 0; i < timeline->count; i++) {
        struct timeline_record *record = &timeline->records[i];
        uint64_t start = without(record->start, from, to);
        record->length = without(record->start + record->length, from, to) - start;
        record->start = start;
    }
}

static uint64_t end_of(const struct timeline_record *record)
{
    return record->start + record->length;
}

/* The end of the last step that lies before that moment. */
static uint64_t end_of_steps(const struct timeline *timeline, uint64_t before)
{
    uint64_t end = 0;
    for (size_t i = 0; i < timeline->count; i++) {
        const struct timeline_record *record = &timeline->records[i];
        if (record->cpu == 0 && record->kind <= TIMELINE_LATE && end_of(record) <= before &&
            end_of(record) > end) {
            end = end_of(record);
        }
    }
    return end;
}

/* The kernel notes two moments: PID 1's program begins, and the first that another process becomes.
 * What lies before each is work of its own. */
static void add_programs(struct timeline *timeline)
{
    struct timeline_record *init = find(timeline, TIMELINE_USER, "init");
    struct timeline_record *program = find(timeline, TIMELINE_USER, "program");
    if (init == NULL) {
        return;
    }
    struct timeline_record exec = {.kind = TIMELINE_USER,
                                   .name = "exec",
                                   .what = "PID 1 opens its console and loads its program",
                                   .cpu = init->cpu};
    exec.start = end_of_steps(timeline, init->start);
    exec.length = init->start - exec.start;
    if (program != NULL && program->start > init->start) {
        init->length = program->start - init->start;
        snprintf(init->what, sizeof(init->what), "PID 1 runs, until the program has been loaded");
        snprintf(program->what, sizeof(program->what), "the program's first instruction");
    }
    timeline->records[timeline->count++] = exec;
}

static int by_start(const void *a, const void *b)
{
    const struct timeline_record *x = a, *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    if (x->length != y->length) {
        return x->length > y->length ? -1 : 1;
    }
    return (int)x->kind - (int)y->kind;
}

/* The program's beginning; CPUs may still be coming then. */
static void find_end(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->count; i++) {
        const struct timeline_record *record = &timeline->records[i];
        timeline->cpus = record->cpu + 1 > timeline->cpus ? record->cpu + 1 : timeline->cpus;
        if (record->kind != TIMELINE_EVENT && end_of(record) > timeline->end) {
            timeline->end = end_of(record);
        }
    }
}

bool timeline_read(struct timeline *timeline, const char *text)
{
    *timeline = (struct timeline){.program = "the program", .measured = ""};
    if (!take_heading(&text, timeline) || !take_records(&text, timeline)) {
        timeline_free(timeline);
        return false;
    }
    remove_resets(timeline);
    add_programs(timeline);
    qsort(timeline->records, timeline->count, sizeof(*timeline->records), by_start);
    find_end(timeline);
    return true;
}

void timeline_free(struct timeline *timeline)
{
    free(timeline->records);
    timeline->records = NULL;
    timeline->count = 0;
}
