/* SPDX-License-Identifier: BSD-2-Clause */
/* The waiting under poll(2) and select(2); see poll.h. */
#include "kernel/arch/user.h"
#include "kernel/core/timer.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/poll.h"
#include "kernel/personality/linux/signal/signal_state.h"

#define MORE_PLACES 24
struct poll_more {
    struct poll_more *next;
    unsigned count;
    struct poll_place places[MORE_PLACES];
};

static struct poll_place *new_place(struct poll_set *set)
{
    if (set->count < POLL_PLACES) {
        return &set->first[set->count++];
    }
    struct poll_more *more = set->more;
    if (more == NULL || more->count == MORE_PLACES) {
        more = kmalloc(sizeof(*more));
        if (more == NULL) {
            return NULL;
        }
        more->next = set->more;
        more->count = 0;
        set->more = more;
    }
    return &more->places[more->count++];
}

static void add_place(struct poll_table *table, struct waitq *wq, unsigned events)
{
    struct poll_set *set = container_of(table, struct poll_set, table);
    struct poll_place *place = new_place(set);
    (void)events; /* who is woken for nothing looks again */
    if (place == NULL) {
        set->error = -ENOMEM;
        return;
    }
    file_get(set->file);
    *place = (struct poll_place){.wq = wq, .file = set->file};
    wait_begin(wq, &place->entry);
}

static void leave_places(struct poll_place *places, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        wait_end(places[i].wq, &places[i].entry);
        file_put(places[i].file);
    }
}

static void leave_all(struct poll_set *set)
{
    leave_places(set->first, set->count);
    for (struct poll_more *more = set->more, *next; more != NULL; more = next) {
        next = more->next;
        leave_places(more->places, more->count);
        kfree(more);
    }
}

unsigned poll_ask(struct poll_set *set, struct file *file)
{
    set->file = file;
    return file_poll(file, &set->table);
}

long poll_loop(long (*scan)(void *arg, struct poll_set *set), void *arg, uint64_t deadline_ns)
{
    struct poll_set set;
    set.table.add = deadline_ns != 0 ? add_place : NULL;
    set.count = 0;
    set.error = 0;
    set.more = NULL;
    long result;
    int ended = deadline_ns == 0 ? -ETIMEDOUT : 0;
    for (;;) {
        wait_prepare(WAIT_INTERRUPTIBLE);
        result = scan(arg, &set);
        if (result == 0) {
            result = set.error;
        }
        if (result != 0 || ended != 0) {
            wait_cancel();
            break;
        }
        set.table.add = NULL;
        ended = wait_sleep(deadline_ns);
    }
    leave_all(&set);
    return result != 0 ? result : ended == -ETIMEDOUT ? 0 : ended;
}

int poll_deadline(const struct linux_timespec *timeout, uint64_t *deadline_ns)
{
    if (timeout->sec < 0 || timeout->nsec < 0 || timeout->nsec > 999999999) {
        return -EINVAL;
    }
    if (timeout->sec == 0 && timeout->nsec == 0) {
        *deadline_ns = 0;
        return 0;
    }
    uint64_t now = clock_monotonic_ns();
    if ((uint64_t)timeout->sec > (INT64_MAX - now) / NSEC_PER_SEC - 1) {
        *deadline_ns = WAIT_FOREVER;
    } else {
        *deadline_ns = now + (uint64_t)timeout->sec * NSEC_PER_SEC + (uint64_t)timeout->nsec;
    }
    return 0;
}

static uint64_t left_until(uint64_t deadline_ns)
{
    uint64_t now = deadline_ns != 0 ? clock_monotonic_ns() : 0;
    return deadline_ns > now ? deadline_ns - now : 0;
}

void poll_put_timespec(vaddr_t addr, uint64_t deadline_ns)
{
    if (addr == 0 || deadline_ns == WAIT_FOREVER) {
        return;
    }
    uint64_t left = left_until(deadline_ns);
    const struct linux_timespec value = {(int64_t)(left / NSEC_PER_SEC),
                                         (int64_t)(left % NSEC_PER_SEC)};
    (void)put_user(value, addr);
}

void poll_put_timeval(vaddr_t addr, uint64_t deadline_ns)
{
    if (addr == 0 || deadline_ns == WAIT_FOREVER) {
        return;
    }
    uint64_t left = left_until(deadline_ns);
    const struct linux_timeval value = {(int64_t)(left / NSEC_PER_SEC),
                                        (int64_t)(left % NSEC_PER_SEC / NSEC_PER_USEC)};
    (void)put_user(value, addr);
}

int poll_set_mask(vaddr_t addr, size_t size)
{
    uint64_t mask;
    if (addr == 0) {
        return 0;
    }
    if (size != sizeof(mask)) {
        return -EINVAL;
    }
    int error = get_user(mask, addr);
    if (error == 0) {
        signal_set_blocked_temporarily(mask);
    }
    return error;
}

void poll_reset_mask(bool was_set, long result)
{
    struct linux_thread *self = linux_current();
    if (was_set && result != -ERESTARTNOHAND && self->restore_blocked) {
        self->restore_blocked = false;
        signal_set_blocked(self->saved_blocked);
    }
}
