/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The pages of a memory object by index: a radix tree, with the first few inline so that a small
 * object needs no node. Not synchronised; never sleeps. Values are pointers that the tree does not
 * follow.
 */
#include "lib/types.h"

struct frame;

#define PAGE_TREE_INLINE 4u

struct page_tree {
    struct frame *first[PAGE_TREE_INLINE];
    void *root;      /* node, or NULL */
    unsigned height; /* levels of nodes below and with root */
    /* The node of the lowest level that was found last, or NULL, and which one that is. */
    void *near;
    uint64_t near_number;
};

/* The value at index, or NULL. */
struct frame *page_tree_find(struct page_tree *tree, uint64_t index);
/* Where the value for index is kept, made if need be; NULL: out of memory. Valid until the next
 * change of the tree. */
struct frame **page_tree_slot(struct page_tree *tree, uint64_t index);
/* Calls drop for every value in [first, last] and forgets it; nodes that lie inside are freed. */
void page_tree_drop(struct page_tree *tree, uint64_t first, uint64_t last,
                    void (*drop)(void *arg, struct frame *value), void *arg);
