/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: records in a ring of bytes, each a header and its text without a line end. The oldest
 * are overwritten. Sequence numbers count bytes ever written, so a reader knows when it was
 * overtaken.
 */
#include "kernel/base/log.h"
#include "kernel/arch/clock.h"
#include "kernel/base/panic.h"
#include "kernel/base/spinlock.h"
#include "lib/format.h"
#include "lib/string.h"

#define RING_SIZE    32768u /* a power of two */
#define LOG_LINE_MAX LOG_TEXT_MAX

struct record {
    uint64_t ns;
    uint16_t size; /* of the text */
    uint16_t level;
};

static struct spinlock log_lock = SPINLOCK_INIT(LOCK_LOG);
static char ring[RING_SIZE];                  /* [log_lock] */
static uint64_t head, tail;                   /* [log_lock] next byte to write; oldest record */
static char line[LOG_LINE_MAX];               /* [log_lock] being formatted */
static char echo[LOG_LINE_MAX + 1];           /* [log_lock] the same as the console sees it */
static const struct log_console *consoles[2]; /* atomic; NULL: none yet */
static void (*notify)(void);                  /* atomic; NULL: nobody wants to know */
static int console_level = LOG_NOTICE;        /* atomic */

static void ring_write(const void *bytes, size_t size)
{
    size_t at = head % RING_SIZE, first = MIN(size, RING_SIZE - at);
    memcpy(ring + at, bytes, first);
    memcpy(ring, (const char *)bytes + first, size - first);
    head += size;
}

static void ring_read(uint64_t from, void *bytes, size_t size)
{
    size_t at = from % RING_SIZE, first = MIN(size, RING_SIZE - at);
    memcpy(bytes, ring + at, first);
    memcpy((char *)bytes + first, ring, size - first);
}

static size_t record_size(uint64_t at)
{
    struct record record;
    ring_read(at, &record, sizeof(record));
    return sizeof(record) + record.size;
}

static void append(enum log_level level, uint64_t ns, size_t size)
{
    struct record record = {.ns = ns, .size = (uint16_t)size, .level = (uint16_t)level};
    while (head + sizeof(record) + size - tail > RING_SIZE) {
        tail += record_size(tail);
    }
    ring_write(&record, sizeof(record));
    ring_write(line, size);
}

void log_add_console(const struct log_console *console)
{
    size_t at = consoles[0] == NULL ? 0 : 1;
    assert(consoles[at] == NULL);
    __atomic_store_n(&consoles[at], console, __ATOMIC_RELEASE);
}

void log_set_level(int level)
{
    __atomic_store_n(&console_level, level, __ATOMIC_RELAXED);
}

int log_get_level(void)
{
    return __atomic_load_n(&console_level, __ATOMIC_RELAXED);
}

void log_set_notify(void (*fn)(void))
{
    __atomic_store_n(&notify, fn, __ATOMIC_RELEASE);
}

/* What stands in `line`. */
static void print(size_t size)
{
    memcpy(echo, line, size);
    echo[size] = '\n';
    for (size_t i = 0; i < ARRAY_SIZE(consoles); i++) {
        const struct log_console *to = __atomic_load_n(&consoles[i], __ATOMIC_ACQUIRE);
        if (to != NULL) {
            to->write(echo, size + 1);
        }
    }
}

void log_vprintf(enum log_level level, const char *fmt, va_list args)
{
    /* After a panic only one CPU goes on, and it may have held the lock. */
    bool locked = !panic_is_mine();
    unsigned long flags = arch_irq_save();
    if (locked) {
        spin_lock(&log_lock);
    }
    int full = vsnprintf(line, sizeof(line), fmt, args);
    size_t size = MIN((size_t)full, sizeof(line) - 1);
    while (size > 0 && line[size - 1] == '\n') {
        size--;
    }
    append(level, arch_clock_ns(), size);
    if ((int)level < log_get_level()) {
        print(size);
    }
    if (locked) {
        spin_unlock(&log_lock);
    }
    arch_irq_restore(flags);
    void (*tell)(void) = __atomic_load_n(&notify, __ATOMIC_ACQUIRE);
    if (tell != NULL && locked) {
        tell();
    }
}

void log_printf(enum log_level level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_vprintf(level, fmt, args);
    va_end(args);
}

static int record_prefix(const struct record *record, char *buf, size_t size)
{
    return snprintf(buf, size, "<%u>[%5u.%06u] ", record->level,
                    (unsigned)(record->ns / 1000000000u),
                    (unsigned)(record->ns / 1000u % 1000000u));
}

size_t log_read(uint64_t *seq, char *buf, size_t size)
{
    size_t done = 0;
    unsigned long flags = spin_lock_irqsave(&log_lock);
    uint64_t at = *seq < tail ? tail : *seq;
    while (at < head) {
        struct record record;
        char prefix[32];
        ring_read(at, &record, sizeof(record));
        size_t n = (size_t)record_prefix(&record, prefix, sizeof(prefix));
        if (done + n + record.size + 1 > size) {
            break;
        }
        memcpy(buf + done, prefix, n);
        ring_read(at + sizeof(record), buf + done + n, record.size);
        done += n + record.size;
        buf[done++] = '\n';
        at += sizeof(record) + record.size;
    }
    *seq = at;
    spin_unlock_irqrestore(&log_lock, flags);
    return done;
}

bool log_read_record(uint64_t *seq, struct log_record *out, char *buf, size_t size)
{
    struct record record;
    unsigned long flags = spin_lock_irqsave(&log_lock);
    uint64_t at = *seq < tail ? tail : *seq;
    bool found = at < head;
    if (found) {
        ring_read(at, &record, sizeof(record));
        *out = (struct log_record){at, record.ns, record.level, record.size};
        ring_read(at + sizeof(record), buf, MIN(size, (size_t)record.size));
        at += sizeof(record) + record.size;
    }
    *seq = at;
    spin_unlock_irqrestore(&log_lock, flags);
    return found;
}

uint64_t log_end(void)
{
    unsigned long flags = spin_lock_irqsave(&log_lock);
    uint64_t end = head;
    spin_unlock_irqrestore(&log_lock, flags);
    return end;
}

size_t log_size(void)
{
    size_t total = 0;
    unsigned long flags = spin_lock_irqsave(&log_lock);
    for (uint64_t at = tail; at < head;) {
        struct record record;
        char prefix[32];
        ring_read(at, &record, sizeof(record));
        total += (size_t)record_prefix(&record, prefix, sizeof(prefix)) + record.size + 1;
        at += sizeof(record) + record.size;
    }
    spin_unlock_irqrestore(&log_lock, flags);
    return total;
}
