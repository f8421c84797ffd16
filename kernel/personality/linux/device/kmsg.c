/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /dev/kmsg and /proc/kmsg, as Linux's Documentation/ABI/testing/dev-kmsg and proc(5) describe
 * them. A message can be logged in any context, also with the scheduler's locks held, so the log
 * cannot wake anybody itself: rcu_call has it done soon, where no spinlock is held.
 */
#include "kernel/personality/linux/device/kmsg.h"

#include "abi/errno.h"
#include "kernel/base/log.h"
#include "kernel/core/rcu.h"
#include "kernel/core/timer.h"
#include "kernel/mm/heap.h"
#include "lib/format.h"
#include "lib/string.h"

#define WRITE_MAX       992u /* Linux's LOG_LINE_MAX: longer writes are refused */
#define DEFAULT_LEVEL   LOG_WARNING
#define SEEK_SET        0
#define SEEK_END        2
#define SEEK_DATA       3
#define FACILITY_SHIFT  3u
#define RECORD_TEXT_MAX (LOG_TEXT_MAX * 4 + 64) /* every byte escaped, and the prefix */

struct kmsg_file {
    struct mutex lock;
    uint64_t seq;    /* [lock] to change but for seeks, atomic: next to read */
    char *text;      /* [lock] LOG_TEXT_MAX bytes */
    char *formatted; /* [lock] RECORD_TEXT_MAX bytes */
};

static struct waitq readers = WAITQ_INIT(readers); /* of new records */
static struct rcu_head wake_head;                  /* owner: who set wake_queued */
static bool wake_queued;                           /* atomic */

static void wake_readers(struct rcu_head *head)
{
    (void)head;
    __atomic_store_n(&wake_queued, false, __ATOMIC_SEQ_CST);
    waitq_wake_all(&readers);
}

/* Something was logged, in any context: wait_for_record enters the queue and looks at the log, and
 * here the log is written and then the queue looked at. */
static void record_added(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (waitq_active(&readers) && !__atomic_exchange_n(&wake_queued, true, __ATOMIC_SEQ_CST)) {
        rcu_call(&wake_head, wake_readers);
    }
}

/* Where to wait for new records. */
static struct waitq *new_records(void)
{
    log_set_notify(record_added);
    return &readers;
}

static uint64_t load_seq(const uint64_t *seq)
{
    return __atomic_load_n(seq, __ATOMIC_RELAXED);
}

static void store_seq(uint64_t *seq, uint64_t value)
{
    __atomic_store_n(seq, value, __ATOMIC_RELAXED);
}

int kmsg_open(struct file *file, dev_number dev)
{
    struct kmsg_file *kmsg = kzalloc(sizeof(*kmsg) + LOG_TEXT_MAX + RECORD_TEXT_MAX);

    (void)dev;
    if (kmsg == NULL) {
        return -ENOMEM;
    }
    mutex_init(&kmsg->lock, LOCK_KMSG_FILE);
    kmsg->text = (char *)(kmsg + 1);
    kmsg->formatted = kmsg->text + LOG_TEXT_MAX;
    file->priv = kmsg;
    return 0;
}

static void kmsg_release(struct file *file)
{
    kfree(file->priv);
    file->priv = NULL;
}

/* "6,339,5140900,-;text\n": level and facility, number, microseconds, flags. */
static size_t format_record(struct kmsg_file *kmsg, const struct log_record *record)
{
    char *to = kmsg->formatted;
    size_t size = MIN(record->size, (size_t)LOG_TEXT_MAX);

    to += snprintf(to, 64, "%u,%llu,%llu,-;", record->level, (unsigned long long)record->seq,
                   (unsigned long long)(record->ns / NSEC_PER_USEC));
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)kmsg->text[i];
        if (c < ' ' || c >= 127 || c == '\\') {
            to += snprintf(to, 5, "\\x%02x", c);
        } else {
            *to++ = (char)c;
        }
    }
    *to++ = '\n';
    return (size_t)(to - kmsg->formatted);
}

/* Until there is something after *seq: 0, -EAGAIN, -ERESTARTSYS. */
static int wait_for_record(const uint64_t *seq, bool nonblock)
{
    if (log_end() > load_seq(seq)) {
        return 0;
    }
    if (nonblock) {
        return -EAGAIN;
    }
    struct waitq *wq = new_records();
    return wait_event_intr(wq, log_end() > load_seq(seq)) == 0 ? 0 : -ERESTARTSYS;
}

/* REQUIRES kmsg->lock. */
static ssize_type read_record(struct kmsg_file *kmsg, struct io *io)
{
    struct log_record record;
    uint64_t seq = kmsg->seq;

    if (!log_read_record(&seq, &record, kmsg->text, LOG_TEXT_MAX)) {
        return 0;
    }
    if (kmsg->seq != 0 && record.seq != kmsg->seq) {
        store_seq(&kmsg->seq, record.seq); /* overwritten meanwhile: said once, then it goes on */
        return -EPIPE;
    }
    size_t size = format_record(kmsg, &record);
    if (size > io->left) {
        return -EINVAL;
    }
    if (io_put(io, kmsg->formatted, size) != size) {
        return -EFAULT;
    }
    store_seq(&kmsg->seq, seq);
    return (ssize_type)size;
}

static ssize_type kmsg_read(struct file *file, struct io *io, uint64_t *pos)
{
    struct kmsg_file *kmsg = file->priv;
    ssize_type result = 0;

    (void)pos;
    while (result == 0) {
        result = wait_for_record(&kmsg->seq, (file_flags(file) & O_NONBLOCK) != 0);
        if (result == 0) {
            mutex_lock(&kmsg->lock);
            result = read_record(kmsg, io);
            mutex_unlock(&kmsg->lock);
        }
    }
    return result;
}

/* "<14>text": the number is facility and level; without it the default level. */
static ssize_type kmsg_write(struct file *file, struct io *io, uint64_t *pos)
{
    size_t size = io->left;
    enum log_level level = DEFAULT_LEVEL;
    const char *text, *end;
    uint64_t number;

    (void)file;
    (void)pos;
    if (size > WRITE_MAX) {
        return -EINVAL;
    }
    char *bytes = kmalloc(size + 1);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    if (io_take(io, bytes, size) != size) {
        kfree(bytes);
        return -EFAULT;
    }
    bytes[size] = '\0';
    text = bytes;
    if (bytes[0] == '<' && parse_u64(bytes + 1, &end, 10, &number) == 0 && *end == '>') {
        level = (enum log_level)(number & ((1u << FACILITY_SHIFT) - 1));
        text = end + 1;
    }
    log_printf(level, "%s", text);
    kfree(bytes);
    return (ssize_type)size;
}

static int64_t kmsg_seek(struct file *file, int64_t offset, int whence)
{
    struct kmsg_file *kmsg = file->priv;

    if (offset != 0) {
        return -ESPIPE;
    }
    switch (whence) {
    case SEEK_SET:
    case SEEK_DATA: /* after the last "clear": nothing is ever cleared */
        store_seq(&kmsg->seq, 0);
        return 0;
    case SEEK_END:
        store_seq(&kmsg->seq, log_end());
        return 0;
    default:
        return -EINVAL;
    }
}

static unsigned kmsg_poll(struct file *file, struct poll_table *table)
{
    const struct kmsg_file *kmsg = file->priv;

    poll_wait(table, new_records());
    return POLLOUT | POLLWRNORM | (log_end() > load_seq(&kmsg->seq) ? POLLIN | POLLRDNORM : 0u);
}

const struct file_ops kmsg_file_ops = {
    .read = kmsg_read,
    .write = kmsg_write,
    .seek = kmsg_seek,
    .poll = kmsg_poll,
    .release = kmsg_release,
};

/* /proc/kmsg and syslog(2): one position for all. */
static struct mutex proc_lock = MUTEX_INIT(proc_lock, LOCK_KMSG_PROC);
static uint64_t proc_seq; /* [proc_lock] to change, atomic */

/* What comes next, whole lines: 0: somebody else has read it. REQUIRES proc_lock. */
static ssize_type read_lines(struct io *io, char *text)
{
    uint64_t seq = proc_seq;
    if (log_end() <= seq) {
        return 0;
    }
    size_t size = log_read(&seq, text, MIN(io->left, (size_t)PAGE_SIZE));
    if (size == 0) {
        return -EINVAL; /* not even one line fits */
    }
    if (io_put(io, text, size) != size) {
        return -EFAULT;
    }
    store_seq(&proc_seq, seq);
    return (ssize_type)size;
}

ssize_type kmsg_read_lines(struct io *io, bool nonblock)
{
    ssize_type result = 0;
    char *text = kmalloc(PAGE_SIZE);

    if (text == NULL) {
        return -ENOMEM;
    }
    while (result == 0) {
        result = wait_for_record(&proc_seq, nonblock);
        if (result == 0) {
            mutex_lock(&proc_lock);
            result = read_lines(io, text);
            mutex_unlock(&proc_lock);
        }
    }
    kfree(text);
    return result;
}

static ssize_type proc_kmsg_read(struct file *file, struct io *io, uint64_t *pos)
{
    (void)pos;
    return kmsg_read_lines(io, (file_flags(file) & O_NONBLOCK) != 0);
}

static unsigned proc_kmsg_poll(struct file *file, struct poll_table *table)
{
    (void)file;
    poll_wait(table, new_records());
    return log_end() > load_seq(&proc_seq) ? POLLIN | POLLRDNORM : 0;
}

const struct file_ops proc_kmsg_ops = {
    .read = proc_kmsg_read,
    .poll = proc_kmsg_poll,
    .release = pseudo_release,
};
