/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Radix tree of pages: nodes of 64 slots; the tree is as high as its largest index asks for.
 */
#include "kernel/core/page_tree.h"
#include "kernel/base/panic.h"
#include "kernel/mm/heap.h"

#define NODE_BITS  6u
#define NODE_SLOTS (1u << NODE_BITS)
#define MAX_HEIGHT 11u /* 64 bits of index */

struct node {
    void *slot[NODE_SLOTS]; /* nodes, or in the lowest level values */
};

/* True when a tree of this height has a place for index. */
static bool covers(unsigned height, uint64_t index)
{
    return height >= MAX_HEIGHT || index >> (height * NODE_BITS) == 0;
}

static unsigned slot_number(uint64_t index, unsigned level)
{
    return index >> (level * NODE_BITS) & (NODE_SLOTS - 1);
}

struct frame *page_tree_find(struct page_tree *tree, uint64_t index)
{
    if (index < PAGE_TREE_INLINE) {
        return tree->first[index];
    }
    struct node *node = tree->near;
    if (node == NULL || tree->near_number != index >> NODE_BITS) {
        if (tree->height == 0 || !covers(tree->height, index)) {
            return NULL;
        }
        node = tree->root;
        for (unsigned level = tree->height - 1; level > 0 && node != NULL; level--) {
            node = node->slot[slot_number(index, level)];
        }
        if (node == NULL) {
            return NULL;
        }
        tree->near = node;
        tree->near_number = index >> NODE_BITS;
    }
    return node->slot[index & (NODE_SLOTS - 1)];
}

struct frame **page_tree_slot(struct page_tree *tree, uint64_t index)
{
    if (index < PAGE_TREE_INLINE) {
        return &tree->first[index];
    }
    while (tree->height == 0 || !covers(tree->height, index)) {
        struct node *root = kzalloc(sizeof(*root));
        if (root == NULL) {
            return NULL;
        }
        root->slot[0] = tree->root;
        tree->root = root;
        tree->height++;
    }
    void **here = &tree->root;
    for (unsigned level = tree->height; level-- > 0;) {
        if (*here == NULL) {
            *here = kzalloc(sizeof(struct node));
            if (*here == NULL) {
                return NULL;
            }
        }
        here = &((struct node *)*here)->slot[slot_number(index, level)];
    }
    return (struct frame **)(void *)here;
}

struct drop_call {
    uint64_t first, last;
    void (*drop)(void *arg, struct frame *value);
    void *arg;
};

/* Drops what lies below *here, which is a value at level 0 and else a node; base is its first
 * index. */
static void drop_below(const struct drop_call *call, void **here, unsigned level, uint64_t base)
{
    if (*here == NULL) {
        return;
    }
    if (level == 0) {
        call->drop(call->arg, *here);
        *here = NULL;
        return;
    }
    struct node *node = *here;
    unsigned shift = (level - 1) * NODE_BITS;
    uint64_t last = base + ((uint64_t)NODE_SLOTS << shift) - 1;
    unsigned from = call->first <= base ? 0 : (unsigned)((call->first - base) >> shift);
    unsigned to = call->last >= last ? NODE_SLOTS - 1 : (unsigned)((call->last - base) >> shift);
    for (unsigned i = from; i <= to; i++) {
        drop_below(call, &node->slot[i], level - 1, base + ((uint64_t)i << shift));
    }
    if (call->first <= base && call->last >= last) {
        kfree(node);
        *here = NULL;
    }
}

void page_tree_drop(struct page_tree *tree, uint64_t first, uint64_t last,
                    void (*drop)(void *arg, struct frame *value), void *arg)
{
    for (uint64_t i = first; i < PAGE_TREE_INLINE && i <= last; i++) {
        if (tree->first[i] != NULL) {
            drop(arg, tree->first[i]);
            tree->first[i] = NULL;
        }
    }
    tree->near = NULL;
    const struct drop_call call = {first, last, drop, arg};
    bool some = tree->height != 0 && covers(tree->height, first) && first <= last;
    if (some) {
        drop_below(&call, &tree->root, tree->height, 0);
        if (tree->root == NULL) {
            tree->height = 0;
        }
    }
}
