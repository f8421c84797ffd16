/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of serial lines: filled by drivers while devices are probed, read by the terminal layer.
 * Lines are never taken away. Lines that are found later are announced to the one watcher.
 */
#include "kernel/dev/api/line.h"
#include "kernel/base/spinlock.h"
#include "lib/string.h"

/* Both: written under lines_lock; lines stay once they are in, so a walk needs no lock. */
static struct spinlock lines_lock = SPINLOCK_INIT(LOCK_LINES);
static struct list lines = LIST_INIT(lines);
static void (*watcher)(struct line *line); /* set once */

void line_register(struct line *line)
{
    unsigned long flags = spin_lock_irqsave(&lines_lock);
    list_add_tail(&lines, &line->link);
    void (*added)(struct line *) = watcher;
    spin_unlock_irqrestore(&lines_lock, flags);
    if (added != NULL) {
        added(line);
    }
}

void line_watch(void (*added)(struct line *line))
{
    unsigned long flags = spin_lock_irqsave(&lines_lock);
    assert(watcher == NULL);
    watcher = added;
    struct line *last = list_empty(&lines) ? NULL : list_last(&lines, struct line, link);
    spin_unlock_irqrestore(&lines_lock, flags);

    struct line *line;
    if (last == NULL) {
        return;
    }
    list_for_each (line, &lines, link) {
        added(line);
        if (line == last) {
            break;
        }
    }
}

void line_attach(struct line *line, const struct line_listener *listener, void *arg)
{
    assert(line->listener == NULL);
    line->listener_arg = arg;
    __atomic_store_n(&line->listener, listener, __ATOMIC_RELEASE);
}

struct line *line_find(const char *name)
{
    struct line *line;
    list_for_each (line, &lines, link) {
        if (strcmp(line->name, name) == 0) {
            return line;
        }
    }
    return NULL;
}

void line_for_each(void (*visit)(void *arg, struct line *line), void *arg)
{
    struct line *line;
    list_for_each (line, &lines, link) {
        visit(arg, line);
    }
}
