/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In the file: the header, the table of reference counts, its blocks, the first-level table, the
 * second-level tables, the data. So all places are known once the clusters with data are counted,
 * and every cluster of the file has the reference count 1. Numbers are big endian.
 */
#include "host/qcow2.h"
#include "host/bytes.h"
#include "host/say.h"
#include "host/text.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLUSTER     65536ull
#define L2_ENTRIES  (CLUSTER / 8) /* of a table of either kind */
#define COUNTS      (CLUSTER / 2) /* of 16 bits, in a block */
#define COPIED      (1ull << 63)  /* in an entry: what it points to has the reference count 1 */
#define HEADER_SIZE 104u

struct layout {
    uint64_t size;           /* of the disk */
    uint64_t clusters;       /* of the disk */
    uint64_t l1_entries;     /* one for each l2 table of the disk, there or not */
    uint64_t blocks, l1, l2; /* clusters for counts' blocks, first and second level */
    uint64_t data, total;    /* clusters with data, and of the whole file */
};

/* Reads a cluster of the disk, zero beyond its end; whether there is anything in it. */
static bool read_cluster(int disk, const struct layout *layout, uint64_t index, uint8_t *bytes)
{
    uint64_t offset = index * CLUSTER, left = layout->size - offset;
    size_t want = left < CLUSTER ? (size_t)left : CLUSTER, done = 0;
    memset(bytes, 0, CLUSTER);
    while (done < want) {
        ssize_t got = pread(disk, bytes + done, want - done, (off_t)(offset + done));
        if (got <= 0 && errno != EINTR) {
            fail(STATUS_ALBA, "cannot read the disk back: %s", strerror(got == 0 ? EIO : errno));
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return bytes[0] != 0 || memcmp(bytes, bytes + 1, CLUSTER - 1) != 0;
}

static uint64_t divide_up(uint64_t number, uint64_t by)
{
    return (number + by - 1) / by;
}

/* The next cluster from index on where the file may have data; holes are passed over. */
static uint64_t next_cluster(int disk, const struct layout *layout, uint64_t index)
{
    off_t next = lseek(disk, (off_t)(index * CLUSTER), SEEK_DATA);
    if (next < 0) {
        return errno == ENXIO ? layout->clusters : index;
    }
    return (uint64_t)next / CLUSTER > index ? (uint64_t)next / CLUSTER : index;
}

/* Marks the clusters with data in `there`, a byte each. */
static void find_data(int disk, struct layout *layout, uint8_t *there)
{
    uint8_t *bytes = text_resize(NULL, CLUSTER);
    for (uint64_t i = next_cluster(disk, layout, 0); i < layout->clusters;
         i = next_cluster(disk, layout, i + 1)) {
        there[i] = read_cluster(disk, layout, i, bytes);
        layout->data += there[i];
    }
    for (uint64_t i = 0; i < layout->l1_entries; i++) {
        uint64_t first = i * L2_ENTRIES, left = layout->clusters - first;
        layout->l2 += memchr(there + first, 1, left < L2_ENTRIES ? left : L2_ENTRIES) != NULL;
    }
    free(bytes);
}

/* The blocks count themselves, too. */
static void place(struct layout *layout)
{
    uint64_t before;
    layout->l1 = divide_up(layout->l1_entries, L2_ENTRIES);
    do {
        before = layout->blocks;
        layout->total = 2 + layout->blocks + layout->l1 + layout->l2 + layout->data;
        layout->blocks = divide_up(layout->total, COUNTS);
    } while (layout->blocks != before);
}

static void write_header(struct output *output, const struct layout *layout)
{
    uint8_t header[HEADER_SIZE] = {0};
    memcpy(header, "QFI\xfb", 4);
    put32be(header + 4, 3);
    put32be(header + 20, 16); /* bits of a cluster's size */
    put64be(header + 24, layout->size);
    put32be(header + 36, (uint32_t)layout->l1_entries);
    put64be(header + 40, (2 + layout->blocks) * CLUSTER);
    put64be(header + 48, CLUSTER); /* the table of counts, */
    put32be(header + 56, 1);       /* clusters of it */
    put32be(header + 96, 4);       /* counts of 1 << 4 bits */
    put32be(header + 100, HEADER_SIZE);
    output_write(output, header, sizeof(header), 0);
}

static void write_counts(struct output *output, const struct layout *layout)
{
    uint8_t *block = text_resize(NULL, CLUSTER), entry[8];
    for (uint64_t i = 0; i < layout->blocks; i++) {
        put64be(entry, (2 + i) * CLUSTER);
        output_write(output, entry, sizeof(entry), CLUSTER + 8 * i);
        memset(block, 0, CLUSTER);
        for (uint64_t j = 0; j < COUNTS && i * COUNTS + j < layout->total; j++) {
            put16be(block + 2 * j, 1);
        }
        output_write(output, block, CLUSTER, (2 + i) * CLUSTER);
    }
    free(block);
}

static void write_data(struct output *output, const struct layout *layout, int disk,
                       const uint8_t *there)
{
    uint64_t l1 = (2 + layout->blocks) * CLUSTER, l2 = l1 + layout->l1 * CLUSTER;
    uint64_t data = l2 + layout->l2 * CLUSTER, table = 0, last = UINT64_MAX;
    uint8_t *bytes = text_resize(NULL, CLUSTER), entry[8];
    for (uint64_t i = 0; i < layout->clusters; i++) {
        if (there[i] == 0) {
            continue;
        }
        if (i / L2_ENTRIES != last) {
            last = i / L2_ENTRIES;
            table = l2;
            l2 += CLUSTER;
            put64be(entry, table | COPIED);
            output_write(output, entry, sizeof(entry), l1 + 8 * last);
        }
        put64be(entry, data | COPIED);
        output_write(output, entry, sizeof(entry), table + 8 * (i % L2_ENTRIES));
        read_cluster(disk, layout, i, bytes);
        output_write(output, bytes, CLUSTER, data);
        data += CLUSTER;
    }
    free(bytes);
}

void qcow2_write(struct output *output, int disk, uint64_t size)
{
    struct layout layout = {.size = size, .clusters = divide_up(size, CLUSTER)};
    layout.l1_entries = divide_up(layout.clusters, L2_ENTRIES);
    uint8_t *there = text_resize(NULL, layout.clusters);
    memset(there, 0, layout.clusters);
    find_data(disk, &layout, there);
    place(&layout);
    write_header(output, &layout);
    write_counts(output, &layout);
    output_set_size(output, layout.total * CLUSTER);
    write_data(output, &layout, disk, there);
    free(there);
}
