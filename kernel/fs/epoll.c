/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of watched files: epoll(7). An item stays in the wait queues of its file for as long as it
 * is watched. A wake-up there puts it on the set's list of what may be ready, and wakes who waits
 * for the set; whoever collects asks the files on that list, and no others.
 *
 * An item does not count its file: when the last reference to that goes, the item goes with it
 * (epoll_file_gone). epoll_lock holds still which sets watch which files; epoll->lock what a set
 * watches and its collecting; ready_lock the list, which wakers change.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/base/panic.h"
#include "kernel/fs/event.h"
#include "kernel/fs/nameless.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/heap.h"
#include "lib/tree.h"

#define MAX_NESTING 5 /* sets one inside the other, as on Linux */
#define PRIVATE     (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

struct epoll;

/* An item's place in a wait queue of its file. */
struct epoll_place {
    struct wait_entry entry;
    struct waitq *wq;
    struct epoll_item *item;
    struct epoll_place *next;
    unsigned events; /* what the queue is woken for */
};

struct epoll_item {
    RB_ENTRY(epoll_item) link; /* [epoll->lock] */
    struct epoll *epoll;       /* constant */
    struct file *file;         /* constant */
    int fd;                    /* constant */
    struct epoll_event event;  /* [epoll->lock]; what it waits for is atomic to read */
    struct epoll_item *next;   /* [epoll_lock] of those that watch the file */
    struct list ready_link;    /* [ready_lock] */
    bool listed;               /* [ready_lock] on the set's list, or about to be asked */
    struct epoll_place *more;  /* constant: places beyond the first */
    struct epoll_place first;  /* wq NULL: not used */
};
RB_HEAD(epoll_items, epoll_item);

struct epoll {
    struct mutex lock;
    struct epoll_items items; /* [lock, epoll_lock] to change, one of them to read */
    struct file *file;        /* constant: the set's own */
    struct spinlock ready_lock;
    struct list ready; /* [ready_lock] struct epoll_item: oldest first */
    struct waitq wait; /* those who wait for the set, and those who watch it */
};

static struct mutex epoll_lock = MUTEX_INIT(epoll_lock, LOCK_EPOLL_FILES);

static int compare(const struct epoll_item *a, const struct epoll_item *b)
{
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    return a->fd < b->fd ? -1 : a->fd > b->fd;
}
RB_GENERATE_STATIC(epoll_items, epoll_item, link, compare)

static const struct file_ops epoll_ops;

bool file_is_epoll(const struct file *file)
{
    return file->ops == &epoll_ops;
}

/* --- what may be ready ---------------------------------------------------------------------- */

/* False: it is there already. */
static bool list_item(struct epoll_item *item)
{
    struct epoll *epoll = item->epoll;
    unsigned long flags = spin_lock_irqsave(&epoll->ready_lock);
    bool add = !item->listed;
    if (add) {
        list_add_tail(&epoll->ready, &item->ready_link);
        item->listed = true;
    }
    spin_unlock_irqrestore(&epoll->ready_lock, flags);
    return add;
}

static void unlist_item(struct epoll_item *item)
{
    unsigned long flags = spin_lock_irqsave(&item->epoll->ready_lock);
    if (item->listed) {
        list_del(&item->ready_link);
        item->listed = false;
    }
    spin_unlock_irqrestore(&item->epoll->ready_lock, flags);
}

static bool has_ready(const struct epoll *epoll)
{
    return !list_empty(&epoll->ready);
}

static uint32_t wanted(const struct epoll_item *item)
{
    return __atomic_load_n(&item->event.events, __ATOMIC_RELAXED) & ~PRIVATE;
}

/* The queue of a watched file is woken. */
static bool item_wake(struct wait_entry *entry)
{
    const struct epoll_place *place = container_of(entry, struct epoll_place, entry);
    struct epoll_item *item = place->item;
    if ((wanted(item) & place->events) == 0) {
        return false; /* of no interest, or a one-shot that has been taken */
    }
    (void)list_item(item);
    return waitq_wake_nested(&item->epoll->wait);
}

/* What is ready now, of what is wanted. */
static unsigned ask(const struct epoll_item *item, struct poll_table *table)
{
    uint32_t events = wanted(item);
    return events == 0 ? 0 : file_poll(item->file, table) & events;
}

/* --- items ---------------------------------------------------------------------------------- */

struct add_table {
    struct poll_table table;
    struct epoll_item *item;
    bool no_memory;
};

static void add_place(struct poll_table *table, struct waitq *wq, unsigned events)
{
    struct add_table *add = container_of(table, struct add_table, table);
    struct epoll_item *item = add->item;
    struct epoll_place *place = &item->first;
    if (place->wq != NULL) {
        place = kzalloc(sizeof(*place));
        if (place == NULL) {
            add->no_memory = true;
            return;
        }
        place->next = item->more;
        item->more = place;
    }
    place->item = item;
    place->wq = wq;
    place->events = events;
    place->entry.wake = item_wake;
    place->entry.exclusive = (item->event.events & EPOLLEXCLUSIVE) != 0;
    wait_begin(wq, &place->entry);
}

static struct epoll_item *find(struct epoll *epoll, struct file *file, int fd)
{
    const struct epoll_item key = {.file = file, .fd = fd};
    return RB_FIND(epoll_items, &epoll->items, (struct epoll_item *)(uintptr_t)&key);
}

/* Out of everything; it is freed. REQUIRES epoll_lock and the set's lock. */
static void remove_item(struct epoll_item *item)
{
    if (item->first.wq != NULL) {
        wait_end(item->first.wq, &item->first.entry);
    }
    for (struct epoll_place *place = item->more, *next; place != NULL; place = next) {
        next = place->next;
        wait_end(place->wq, &place->entry);
        kfree(place);
    }
    unlist_item(item);
    struct epoll_item **at = &item->file->watches;
    while (*at != item) {
        at = &(*at)->next;
    }
    __atomic_store_n(at, item->next, __ATOMIC_RELAXED);
    RB_REMOVE(epoll_items, &item->epoll->items, item);
    kfree(item);
}

/* Sets above this one: 1 for a set that nobody watches. REQUIRES epoll_lock. */
static unsigned height_above(const struct epoll *epoll)
{
    unsigned most = 0;
    for (const struct epoll_item *item = epoll->file->watches; item != NULL; item = item->next) {
        most = MAX(most, height_above(item->epoll));
    }
    return most + 1;
}

/* Sets from this one down, or more than allowed when `top` is among them. REQUIRES epoll_lock. */
static unsigned height_below(struct epoll *epoll, const struct epoll *top, unsigned level)
{
    unsigned most = 0;
    struct epoll_item *item;
    if (epoll == top || level > MAX_NESTING) {
        return MAX_NESTING + 1;
    }
    RB_FOREACH (item, epoll_items, &epoll->items) {
        if (file_is_epoll(item->file)) {
            most = MAX(most, height_below(item->file->priv, top, level + 1));
        }
    }
    return most + 1;
}

/* REQUIRES epoll_lock and the set's lock. */
static int add_locked(struct epoll *epoll, struct epoll_item *item)
{
    if (find(epoll, item->file, item->fd) != NULL) {
        return -EEXIST;
    }
    if (file_is_epoll(item->file) &&
        height_above(epoll) + height_below(item->file->priv, epoll, 1) > MAX_NESTING) {
        return -ELOOP;
    }
    RB_INSERT(epoll_items, &epoll->items, item);
    item->next = item->file->watches;
    __atomic_store_n(&item->file->watches, item, __ATOMIC_RELAXED);
    struct add_table add = {.table = {.add = add_place}, .item = item};
    unsigned ready = ask(item, &add.table);
    if (add.no_memory) {
        remove_item(item);
        return -ENOMEM;
    }
    if (ready != 0) {
        (void)list_item(item);
        waitq_wake_one(&epoll->wait);
    }
    return 0;
}

static uint32_t with_implied(uint32_t events)
{
    return events | POLLERR | POLLHUP;
}

int epoll_add(struct file *epoll_file, struct file *file, int fd, const struct epoll_event *event)
{
    const uint32_t with_exclusive = POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET |
                                    EPOLLEXCLUSIVE;
    struct epoll *epoll = epoll_file->priv;
    if (file->ops->poll == NULL) {
        return -EPERM;
    }
    if ((event->events & EPOLLEXCLUSIVE) != 0 &&
        ((event->events & ~with_exclusive) != 0 || file_is_epoll(file))) {
        return -EINVAL;
    }
    struct epoll_item *item = kzalloc(sizeof(*item));
    if (item == NULL) {
        return -ENOMEM;
    }
    item->epoll = epoll;
    item->file = file;
    item->fd = fd;
    item->event = (struct epoll_event){with_implied(event->events), event->data};
    mutex_lock(&epoll_lock);
    mutex_lock(&epoll->lock);
    int error = add_locked(epoll, item);
    mutex_unlock(&epoll->lock);
    mutex_unlock(&epoll_lock);
    if (error != 0 && error != -ENOMEM) {
        kfree(item); /* remove_item did it for the other */
    }
    return error;
}

int epoll_modify(struct file *epoll_file, struct file *file, int fd,
                 const struct epoll_event *event)
{
    struct epoll *epoll = epoll_file->priv;
    mutex_lock(&epoll->lock);
    struct epoll_item *item = find(epoll, file, fd);
    int error = item == NULL ? -ENOENT : 0;
    if (error == 0 && ((event->events | item->event.events) & EPOLLEXCLUSIVE) != 0) {
        error = -EINVAL;
    }
    if (error == 0) {
        item->event.data = event->data;
        __atomic_store_n(&item->event.events, with_implied(event->events), __ATOMIC_RELAXED);
        if (ask(item, NULL) != 0) {
            (void)list_item(item);
            waitq_wake_one(&epoll->wait);
        }
    }
    mutex_unlock(&epoll->lock);
    return error;
}

int epoll_delete(struct file *epoll_file, struct file *file, int fd)
{
    struct epoll *epoll = epoll_file->priv;
    mutex_lock(&epoll_lock);
    mutex_lock(&epoll->lock);
    struct epoll_item *item = find(epoll, file, fd);
    if (item != NULL) {
        remove_item(item);
    }
    mutex_unlock(&epoll->lock);
    mutex_unlock(&epoll_lock);
    return item != NULL ? 0 : -ENOENT;
}

void epoll_file_gone(struct file *file)
{
    mutex_lock(&epoll_lock);
    while (file->watches != NULL) {
        struct epoll *epoll = file->watches->epoll;
        mutex_lock(&epoll->lock);
        remove_item(file->watches);
        mutex_unlock(&epoll->lock);
    }
    mutex_unlock(&epoll_lock);
}

/* --- collecting ----------------------------------------------------------------------------- */

/* What may be ready, taken for asking: it stays marked as listed, so that wakers leave it alone. */
static void take_ready(struct epoll *epoll, struct list *taken)
{
    list_init(taken);
    unsigned long flags = spin_lock_irqsave(&epoll->ready_lock);
    list_splice_tail(taken, &epoll->ready);
    spin_unlock_irqrestore(&epoll->ready_lock, flags);
}

static void give_back(struct epoll *epoll, struct list *taken)
{
    unsigned long flags = spin_lock_irqsave(&epoll->ready_lock);
    list_splice_tail(taken, &epoll->ready); /* what came meanwhile stands behind */
    list_splice_tail(&epoll->ready, taken);
    spin_unlock_irqrestore(&epoll->ready_lock, flags);
}

/* Collects up to max events; REQUIRES epoll->lock. Their number, or -EFAULT. */
static long collect_locked(struct epoll *epoll, vaddr_t to, unsigned max)
{
    struct list taken;
    unsigned count = 0;
    int error = 0;
    take_ready(epoll, &taken);
    while (count < max && !list_empty(&taken)) {
        struct epoll_item *item = list_first(&taken, struct epoll_item, ready_link);
        unlist_item(item); /* from here on a wake-up lists it again */
        struct epoll_event event = {ask(item, NULL), item->event.data};
        if (event.events == 0) {
            continue;
        }
        if (put_user(event, to + count * sizeof(event)) != 0) {
            (void)list_item(item);
            error = -EFAULT;
            break;
        }
        count++;
        if ((item->event.events & EPOLLONESHOT) != 0) {
            __atomic_store_n(&item->event.events, item->event.events & PRIVATE, __ATOMIC_RELAXED);
        } else if ((item->event.events & EPOLLET) == 0) {
            (void)list_item(item);
        }
    }
    give_back(epoll, &taken);
    return count > 0 ? (long)count : error;
}

static long collect(struct epoll *epoll, vaddr_t to, unsigned max)
{
    if (!has_ready(epoll)) {
        return 0;
    }
    mutex_lock(&epoll->lock);
    long count = collect_locked(epoll, to, max);
    bool more = has_ready(epoll);
    mutex_unlock(&epoll->lock);
    if (more && count > 0) {
        waitq_wake_one(&epoll->wait); /* for another one who waits */
    }
    return count;
}

long epoll_wait(struct file *file, vaddr_t events, unsigned max, uint64_t deadline_ns)
{
    struct epoll *epoll = file->priv;
    struct wait_entry entry = {.thread = NULL, .exclusive = true};
    long result = collect(epoll, events, max);
    if (result != 0 || deadline_ns == 0) {
        return result;
    }
    for (int ended = 0; result == 0 && ended == 0;) {
        wait_prepare(WAIT_INTERRUPTIBLE);
        if (entry.thread == NULL) {
            wait_begin(&epoll->wait, &entry);
        }
        if (has_ready(epoll)) {
            wait_cancel();
        } else {
            ended = wait_sleep(deadline_ns);
        }
        result = collect(epoll, events, max);
        if (result == 0 && ended == -EINTR) {
            result = -EINTR;
        }
    }
    wait_end(&epoll->wait, &entry);
    return result;
}

/* --- as a file ------------------------------------------------------------------------------ */

/* Ready when something in it is. What is not any more goes off the list. */
static unsigned epoll_poll(struct file *file, struct poll_table *table)
{
    struct epoll *epoll = file->priv;
    struct list taken;
    bool ready = false;
    poll_wait(table, &epoll->wait);
    if (!has_ready(epoll)) {
        return 0;
    }
    mutex_lock_nested(&epoll->lock);
    take_ready(epoll, &taken);
    while (!ready && !list_empty(&taken)) {
        struct epoll_item *item = list_first(&taken, struct epoll_item, ready_link);
        ready = ask(item, NULL) != 0;
        if (!ready) {
            unlist_item(item);
            ready = ask(item, NULL) != 0; /* it may have become so before it was off the list */
            if (ready) {
                (void)list_item(item);
            }
        }
    }
    give_back(epoll, &taken);
    mutex_unlock(&epoll->lock);
    return ready ? POLLIN | POLLRDNORM : 0u;
}

static void epoll_show(struct file *file, struct text *out)
{
    struct epoll *epoll = file->priv;
    struct epoll_item *item;
    mutex_lock(&epoll->lock);
    RB_FOREACH (item, epoll_items, &epoll->items) {
        text_printf(out, "tfd: %8d events: %8x data: %16llx  pos:%lli ino:%lx sdev:%lx\n", item->fd,
                    item->event.events, (unsigned long long)item->event.data,
                    (long long)__atomic_load_n(&item->file->pos, __ATOMIC_RELAXED),
                    (unsigned long)item->file->inode->ino,
                    (unsigned long)item->file->inode->sb->dev);
    }
    mutex_unlock(&epoll->lock);
}

static void epoll_release(struct file *file)
{
    struct epoll *epoll = file->priv;
    struct epoll_item *item;
    mutex_lock(&epoll_lock);
    mutex_lock(&epoll->lock);
    while ((item = RB_ROOT(&epoll->items)) != NULL) {
        remove_item(item);
    }
    mutex_unlock(&epoll->lock);
    mutex_unlock(&epoll_lock);
    kfree(epoll);
}

static const struct file_ops epoll_ops = {
    .poll = epoll_poll,
    .show = epoll_show,
    .release = epoll_release,
    .traits = FILE_IDLE_SEEK,
};

int epoll_create(struct file **out)
{
    struct epoll *epoll = kzalloc(sizeof(*epoll));
    if (epoll == NULL) {
        return -ENOMEM;
    }
    mutex_init(&epoll->lock, LOCK_EPOLL);
    spin_init(&epoll->ready_lock, LOCK_EPOLL_READY);
    list_init(&epoll->ready);
    waitq_init(&epoll->wait);
    int error = anon_file_create("anon_inode:[eventpoll]", &epoll_ops, O_RDWR, epoll, out);
    if (error != 0) {
        kfree(epoll);
        return error;
    }
    epoll->file = *out;
    return 0;
}
