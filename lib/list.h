/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A doubly linked ring with a head: struct list is both the head and the link inside an element.
 * Not synchronised. A link that is in no list points to itself once list_init or list_del_init ran.
 */
#include "lib/types.h"

struct list {
    struct list *next, *prev;
};
#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_between(struct list *link, struct list *prev, struct list *next)
{
    link->prev = prev;
    link->next = next;
    prev->next = link;
    next->prev = link;
}

/* Adds as the first element. */
static inline void list_add(struct list *head, struct list *link)
{
    list_insert_between(link, head, head->next);
}

/* Adds as the last element. */
static inline void list_add_tail(struct list *head, struct list *link)
{
    list_insert_between(link, head->prev, head);
}

static inline void list_del(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
}

/* Moves all of `from` behind what is in head. */
static inline void list_splice_tail(struct list *head, struct list *from)
{
    if (!list_empty(from)) {
        from->next->prev = head->prev;
        head->prev->next = from->next;
        from->prev->next = head;
        head->prev = from->prev;
        list_init(from);
    }
}
static inline void list_del_init(struct list *link)
{
    list_del(link);
    list_init(link);
}

#define list_entry(link, type, member) container_of(link, type, member)
#define list_first(head, type, member) container_of((head)->next, type, member)
#define list_last(head, type, member)  container_of((head)->prev, type, member)
#define list_next(elem, member)        container_of((elem)->member.next, __typeof__(*(elem)), member)

/* Walks all elements; the list must not change but for what `_safe` allows (the current element).
 */
#define list_for_each(elem, head, member)                                                          \
    for (elem = list_first(head, __typeof__(*(elem)), member); &(elem)->member != (head);          \
         elem = list_next(elem, member))
#define list_for_each_safe(elem, tmp, head, member)                                                \
    for (elem = list_first(head, __typeof__(*(elem)), member), tmp = list_next(elem, member);      \
         &(elem)->member != (head); elem = tmp, tmp = list_next(elem, member))
