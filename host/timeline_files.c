/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timeline as a table and as JSON. The JSON is an object that viewers of Chrome's trace-event
 * format load ("Trace Event Format": complete events "X", instants "i", metadata "M"; times in
 * microseconds), and that has what was measured beside it; doc/timeline.md has its fields.
 */
#include "host/text.h"
#include "host/timeline.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_VERSION = 1, PROGRAMS_ROW = 1000 };

void timeline_text(const struct timeline *timeline, FILE *file)
{
    fprintf(file, "# alba %s: door %s, %u CPU%s, until %s begins\n# %s\n", ALBA_VERSION,
            timeline->door, timeline->cpus, timeline->cpus == 1 ? "" : "s", timeline->program,
            timeline->measured);
    if (timeline->removed > 0) {
        fprintf(file, "# %" PRIu64 " that nobody ran, in the reset of CPUs, are left out\n",
                timeline->removed);
    }
    const char *unit = timeline->instructions ? "instr" : "cycles";
    bool with_time = timeline->per_second > 0 && !timeline->instructions;
    fprintf(file, "%8s%-6s %12s", "start_", unit, unit);
    if (with_time) {
        fprintf(file, " %10s %10s", "start_us", "us");
    }
    fprintf(file, " cpu kind  name\n");
    for (size_t i = 0; i < timeline->count; i++) {
        const struct timeline_record *record = &timeline->records[i];
        fprintf(file, "%14" PRIu64 " %12" PRIu64, record->start, record->length);
        if (with_time) {
            fprintf(file, " %10.0f %10.0f", timeline_ns(timeline, record->start) / 1e3,
                    timeline_ns(timeline, record->length) / 1e3);
        }
        fprintf(file, " %3u %-5s %s\n", record->cpu, timeline_kind_name(record->kind),
                record->name);
    }
    if (timeline->lost > 0) {
        fprintf(file, "# %u more did not fit\n", timeline->lost);
    }
}

/* A string of JSON (RFC 8259, 7). Bytes that are not ASCII pass: names of files are UTF-8. */
static void put_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == 127) {
            fprintf(file, "\\u%04x", c);
        } else {
            fprintf(file, c == '"' || c == '\\' ? "\\%c" : "%c", c);
        }
    }
    fputc('"', file);
}

static void put_summary(const struct timeline *timeline, FILE *file)
{
    fprintf(file,
            "{\n\"displayTimeUnit\": \"ns\",\n\"alba\": {\"version\": %d, \"command\": \"%s\", "
            "\"program\": ",
            FORMAT_VERSION, ALBA_VERSION);
    put_string(file, timeline->program);
    fprintf(file, ", \"door\": \"%s\", \"cpus\": %u, \"unit\": \"%s\", \"total\": %" PRIu64,
            timeline->door, timeline->cpus, timeline->instructions ? "instructions" : "cycles",
            timeline->end);
    fprintf(file, ", \"removed\": %" PRIu64 ", \"lost\": %u, \"measured\": ", timeline->removed,
            timeline->lost);
    put_string(file, timeline->measured);
    fprintf(file, "},\n\"cycles_per_second\": %" PRIu64 ",\n", timeline->per_second);
}

static void put_records(const struct timeline *timeline, FILE *file)
{
    fprintf(file, "\"records\": [");
    for (size_t i = 0; i < timeline->count; i++) {
        const struct timeline_record *record = &timeline->records[i];
        fprintf(file,
                "%s\n{\"kind\": \"%s\", \"name\": \"%s\", \"cpu\": %u, \"start\": %" PRIu64
                ", \"cycles\": %" PRIu64 ", \"what\": ",
                i == 0 ? "" : ",", timeline_kind_name(record->kind), record->name, record->cpu,
                record->start, record->length);
        put_string(file, record->what);
        fputc('}', file);
    }
    fprintf(file, "],\n");
}

/* A row of the viewer: threads of one process, in the order of their numbers. */
static void put_row(FILE *file, unsigned row, const char *name)
{
    fprintf(file,
            "{\"ph\": \"M\", \"pid\": 1, \"tid\": %u, \"name\": \"thread_name\", \"args\": "
            "{\"name\": \"%s\"}},\n",
            row, name);
}

static void put_event(const struct timeline *timeline, const struct timeline_record *record,
                      FILE *file)
{
    bool is_moment = record->length == 0 && record->kind >= TIMELINE_USER;
    fprintf(file, ",\n{\"name\": \"%s\", \"cat\": \"%s\", \"ph\": \"%s\", \"ts\": %.3f, ",
            record->name, timeline_kind_name(record->kind), is_moment ? "i\", \"s\": \"t" : "X",
            timeline_ns(timeline, record->start) / 1e3);
    if (!is_moment) {
        fprintf(file, "\"dur\": %.3f, ", timeline_ns(timeline, record->length) / 1e3);
    }
    fprintf(file, "\"pid\": 1, \"tid\": %u, \"args\": {\"start\": %" PRIu64 ", \"%s\": %" PRIu64,
            record->kind == TIMELINE_USER ? PROGRAMS_ROW : record->cpu, record->start,
            timeline->instructions ? "instructions" : "cycles", record->length);
    fprintf(file, ", \"cpu\": %u, \"what\": ", record->cpu);
    put_string(file, record->what);
    fprintf(file, "}}");
}

void timeline_json(const struct timeline *timeline, FILE *file)
{
    put_summary(timeline, file);
    put_records(timeline, file);
    fprintf(file, "\"traceEvents\": [\n");
    for (unsigned cpu = 0; cpu < timeline->cpus; cpu++) {
        char *name = text_format("CPU %u", cpu);
        put_row(file, cpu, name);
        free(name);
    }
    put_row(file, PROGRAMS_ROW, "programs");
    fprintf(file, "{\"ph\": \"M\", \"pid\": 1, \"name\": \"process_name\", \"args\": {\"name\": "
                  "\"Alba starts\"}}");
    for (size_t i = 0; i < timeline->count; i++) {
        put_event(timeline, &timeline->records[i], file);
    }
    fprintf(file, "]\n}\n");
}
