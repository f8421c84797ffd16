/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device interrupts: a vector for each source, handed out in order. Lines may be shared when all
 * their users ask for the same trigger.
 */
#include "kernel/core/irq.h"
#include "abi/errno.h"
#include "kernel/arch/irq.h"
#include "kernel/arch/thread.h"
#include "kernel/base/log.h"
#include "kernel/base/spinlock.h"
#include "kernel/core/rcu.h"
#include "kernel/mm/heap.h"

#define VECTORS (ARCH_IRQ_LAST - ARCH_IRQ_FIRST + 1)

struct irq_action {
    irq_handler handler;
    void *arg;
    const char *name;
    struct irq_action *next; /* constant once reachable */
};

struct irq_vector {
    struct irq_action *actions; /* [irq_lock] to change; read by handlers */
    unsigned gsi;               /* [irq_lock] */
    bool is_line;               /* [irq_lock] */
    unsigned trigger;           /* [irq_lock] */
    uint64_t count;             /* owner: the CPU that it is routed to */
};

static struct spinlock irq_lock = SPINLOCK_INIT(LOCK_VECTORS);
static struct irq_vector vectors[VECTORS]; /* see the struct */
static unsigned next_vector;               /* [irq_lock] */
static uint64_t unexpected;                /* atomic */

void core_irq(unsigned vector)
{
    rcu_idle_exit();
    struct irq_vector *v = vector - ARCH_IRQ_FIRST < VECTORS ? &vectors[vector - ARCH_IRQ_FIRST]
                                                             : NULL;
    struct irq_action *a = v != NULL ? __atomic_load_n(&v->actions, __ATOMIC_ACQUIRE) : NULL;
    if (a == NULL) {
        __atomic_fetch_add(&unexpected, 1, __ATOMIC_RELAXED);
        return;
    }
    v->count++;
    for (; a != NULL; a = a->next) {
        a->handler(a->arg);
    }
}

static struct irq_action *make_action(irq_handler handler, void *arg, const char *name)
{
    struct irq_action *action = kmalloc(sizeof(*action));
    if (action != NULL) {
        *action = (struct irq_action){.handler = handler, .arg = arg, .name = name};
    }
    return action;
}

/* The vector that serves the line already, or a new one; -ENOSPC. REQUIRES irq_lock. */
static int vector_for_line_locked(unsigned gsi, unsigned trigger, struct irq_vector **out,
                                  bool *is_new)
{
    for (unsigned i = 0; i < next_vector; i++) {
        if (vectors[i].is_line && vectors[i].gsi == gsi) {
            *out = &vectors[i];
            *is_new = false;
            return vectors[i].trigger == trigger ? 0 : -EBUSY;
        }
    }
    if (next_vector == VECTORS) {
        return -ENOSPC;
    }
    *out = &vectors[next_vector++];
    *is_new = true;
    (*out)->is_line = true;
    (*out)->gsi = gsi;
    (*out)->trigger = trigger;
    return 0;
}

static void add_action_locked(struct irq_vector *v, struct irq_action *action)
{
    action->next = v->actions;
    __atomic_store_n(&v->actions, action, __ATOMIC_RELEASE);
}

int irq_request_gsi(unsigned gsi, unsigned trigger, irq_handler handler, void *arg,
                    const char *name)
{
    struct irq_action *action = make_action(handler, arg, name);
    if (action == NULL) {
        return -ENOMEM;
    }
    struct irq_vector *v;
    bool is_new = false;
    unsigned long flags = spin_lock_irqsave(&irq_lock);
    int error = vector_for_line_locked(gsi, trigger, &v, &is_new);
    if (error == 0) {
        add_action_locked(v, action);
        if (is_new) {
            error = arch_irq_route(gsi, trigger, (unsigned)(v - vectors) + ARCH_IRQ_FIRST);
        }
        if (error != 0) {
            v->actions = action->next;
            v->is_line = false;
        }
    }
    spin_unlock_irqrestore(&irq_lock, flags);
    if (error != 0) {
        log_warn("irq: %s cannot have interrupt line %u (error %d)", name, gsi, error);
        kfree(action);
    }
    return error;
}

int irq_request_isa(unsigned line, irq_handler handler, void *arg, const char *name)
{
    unsigned gsi;
    unsigned trigger;
    arch_irq_isa(line, &gsi, &trigger);
    return irq_request_gsi(gsi, trigger, handler, arg, name);
}

int irq_request_message(irq_handler handler, void *arg, const char *name, struct irq_message *out)
{
    struct irq_action *action = make_action(handler, arg, name);
    if (action == NULL) {
        return -ENOMEM;
    }
    unsigned long flags = spin_lock_irqsave(&irq_lock);
    int error = next_vector < VECTORS ? 0 : -ENOSPC;
    if (error == 0) {
        error = arch_irq_message(next_vector + ARCH_IRQ_FIRST, &out->address, &out->data);
    }
    if (error == 0) {
        add_action_locked(&vectors[next_vector++], action);
    }
    spin_unlock_irqrestore(&irq_lock, flags);
    if (error != 0) {
        kfree(action);
    }
    return error;
}

void irq_for_each(void (*visit)(void *arg, unsigned number, uint64_t count, const char *name),
                  void *arg)
{
    for (unsigned i = 0; i < next_vector; i++) {
        for (struct irq_action *a = vectors[i].actions; a != NULL; a = a->next) {
            visit(arg, vectors[i].is_line ? vectors[i].gsi : i + ARCH_IRQ_FIRST, vectors[i].count,
                  a->name);
        }
    }
}

uint64_t irq_total(void)
{
    uint64_t total = unexpected;
    for (unsigned i = 0; i < next_vector; i++) {
        total += vectors[i].count;
    }
    return total;
}
