/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The kernel's log: a ring in memory (read by dmesg); lines at or above the console level also go
 * to the registered console. Any context, any CPU. Levels are those of syslog(2).
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_EMERG,
    LOG_ALERT,
    LOG_CRIT,
    LOG_ERR,
    LOG_WARNING,
    LOG_NOTICE,
    LOG_INFO,
    LOG_DEBUG,
};

void log_printf(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_vprintf(enum log_level level, const char *fmt, va_list args);

#define log_err(...)    log_printf(LOG_ERR, __VA_ARGS__)
#define log_warn(...)   log_printf(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_printf(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)   log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...)  log_printf(LOG_DEBUG, __VA_ARGS__)

/* Where console lines go, two at most: must work with interrupts off and after a panic; bytes as
 * they are. */
struct log_console {
    const char *name;
    void (*write)(const char *bytes, size_t size);
};
void log_add_console(const struct log_console *console);

/* Called after each record, in the context that logged, whatever locks that holds: it may take none
 * that anybody logs under. */
void log_set_notify(void (*notify)(void));

/* Messages with a level below `level` go to the console too; as Linux's console_loglevel. */
void log_set_level(int level);
int log_get_level(void);

/*
 * Copies records from sequence number *seq on as text ("<6>[    0.001234] text\n") to buf, whole
 * records only, and moves *seq on; a *seq that is too old is moved to the oldest. Returns bytes.
 */
size_t log_read(uint64_t *seq, char *buf, size_t size);
/* One record: where it is, when, how important, and the size of its text. */
#define LOG_TEXT_MAX 480u
struct log_record {
    uint64_t seq, ns;
    unsigned level;
    size_t size;
};
/* The record at *seq, or the oldest one there still is: copies its text, cut to size, without line
 * end or zero, and moves *seq on; false: there is none yet. */
bool log_read_record(uint64_t *seq, struct log_record *record, char *buf, size_t size);
/* Sequence number of the next record to come. */
uint64_t log_end(void);
size_t log_size(void); /* bytes of text log_read would give from the oldest record on */
