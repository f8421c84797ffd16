/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID/maps, smaps, smaps_rollup and mem: the memory of a process. Regions are visited one by
 * one: the space's lock is not held while a name is made, so a space that changes meanwhile is
 * shown as it was before or after, region by region, as on Linux.
 */
#include "abi/errno.h"
#include "kernel/base/random.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/ipc/shm.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "lib/format.h"
#include "lib/string.h"

/* A region, and what of it is in the page tables. */
struct map_entry {
    struct proc_mapping mapping;
    unsigned flags;
    struct file *file; /* counted, or NULL */
    bool segment;      /* it maps one of shared memory: */
    int32_t segment_key;
    int segment_id;
    bool object; /* it maps an object */
    /* Pages. */
    uint64_t resident, shared, anonymous, shared_anonymous, file_pages, object_pages;
};

static void count_page(pte_t pte, struct map_entry *entry)
{
    bool borrowed = (arch_pte_flags(pte) & ARCH_PTE_BORROWED) != 0;
    const struct frame *frame = borrowed ? NULL : paddr_to_frame(arch_pte_paddr(pte));

    if (borrowed && !entry->object) {
        return; /* the page of zeroes: counted nowhere, as on Linux */
    }
    bool shared = borrowed || frame_refs(frame) > 1;
    entry->resident++;
    entry->shared += shared;
    if (borrowed || frame->spare == FRAME_OBJECT) {
        entry->file_pages += entry->file != NULL;
        entry->object_pages += entry->file == NULL;
    } else {
        entry->anonymous++;
        entry->shared_anonymous += shared;
    }
}

/* REQUIRES space->lock. */
static void count_pages(struct space *space, struct map_entry *entry)
{
    for (vaddr_t va = entry->mapping.start; va < entry->mapping.end;) {
        pte_t *leaf;
        size_t count = arch_mmu_leaf(&space->mmu, va, entry->mapping.end, false, &leaf);
        for (size_t i = 0; leaf != NULL && i < count; i++) {
            if (arch_pte_present(leaf[i])) {
                count_page(leaf[i], entry);
            }
        }
        va += count << PAGE_SHIFT;
    }
}

/* A number for an object without a file, the same at every look, and not its address. */
static uint64_t object_ino(const struct vmo *vmo)
{
    static uint64_t secret; /* atomic; constant once set */
    uint64_t none = 0;

    __atomic_compare_exchange_n(&secret, &none, random_u64() | 1, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    return ((((vaddr_t)vmo ^ secret) * 0x9e3779b97f4a7c15ull) >> 40) | 1;
}

static void take_region(const struct region *region, struct map_entry *entry)
{
    entry->flags = region->flags;
    bool is_object = region->vmo != NULL && (region->flags & REGION_SHARED);
    entry->object = region->vmo != NULL;
    entry->mapping = (struct proc_mapping){
        .start = region->start,
        .end = region->end,
        .offset = region->vmo != NULL ? region->offset : 0,
        .ino = is_object ? object_ino(region->vmo) : 0,
        .read = (region->flags & REGION_READ) != 0,
        .write = (region->flags & REGION_WRITE) != 0,
        .exec = (region->flags & REGION_EXEC) != 0,
        .shared = (region->flags & REGION_SHARED) != 0,
    };
    if (region->owner != NULL) {
        entry->file = region_owner_file(region->owner);
        entry->segment = shm_describe(region->owner, &entry->segment_key, &entry->segment_id);
    }
    if (entry->file != NULL) {
        file_get(entry->file);
    }
}

/* The region at or after addr; false: no more. The caller drops entry->file. */
static bool next_entry(struct space *space, vaddr_t addr, bool count, struct map_entry *entry)
{
    *entry = (struct map_entry){0};
    rw_read_lock(&space->lock);
    struct region *region = space_find_locked(space, addr);
    if (region != NULL) {
        take_region(region, entry);
        if (count) {
            count_pages(space, entry);
        }
    }
    rw_read_unlock(&space->lock);
    return region != NULL;
}

/* What stands in the last column; file names go to buf (VFS_PATH_MAX bytes). */
static void name_entry(struct map_entry *entry, char *buf)
{
    struct proc_mapping *mapping = &entry->mapping;

    if (entry->file != NULL) {
        const struct inode *inode = entry->file->inode;
        int length = proc_path_text(&entry->file->path, buf, VFS_PATH_MAX - 1);
        buf[MAX(length, 0)] = '\0';
        mapping->name = buf;
        mapping->dev = inode->sb->dev;
        mapping->ino = inode->ino;
    } else if (entry->segment) {
        snprintf(buf, VFS_PATH_MAX, "/SYSV%08x (deleted)", (unsigned)entry->segment_key);
        mapping->name = buf;
        mapping->dev = DEV(0, 1);
        mapping->ino = (uint64_t)entry->segment_id;
    } else if (entry->object && (entry->flags & REGION_SHARED)) {
        mapping->name = "/dev/zero (deleted)";
        mapping->dev = DEV(0, 1);
    } else if (entry->flags & REGION_HEAP) {
        mapping->name = "[heap]";
    } else if (entry->flags & REGION_STACK) {
        mapping->name = "[stack]";
    } else if (entry->flags & REGION_VDSO) {
        mapping->name = "[vdso]";
    }
}

typedef void (*entry_format)(struct text *out, const struct map_entry *entry, void *arg);

/* Calls format for each region of the process. */
static int for_each_entry(const struct pseudo_ctx *ctx, struct text *out, bool count,
                          entry_format format, void *arg)
{
    struct space *space;
    int error = proc_look_at_space(ctx, &space);
    if (space == NULL) {
        return error; /* 0: kernel thread, zombie: empty */
    }
    char *name = kmalloc(VFS_PATH_MAX);
    struct map_entry entry;
    for (vaddr_t at = 0; name != NULL && next_entry(space, at, count, &entry);
         at = entry.mapping.end) {
        name_entry(&entry, name);
        format(out, &entry, arg);
        if (entry.file != NULL) {
            file_put(entry.file);
        }
    }
    error = name == NULL ? -ENOMEM : 0;
    kfree(name);
    space_put(space);
    return error;
}

static void format_map(struct text *out, const struct map_entry *entry, void *arg)
{
    (void)arg;
    proc_format_mapping(out, &entry->mapping);
}

int proc_show_maps(const struct pseudo_ctx *ctx, struct text *out)
{
    return for_each_entry(ctx, out, false, format_map, NULL);
}

static void format_line(struct text *out, const char *name, uint64_t kib)
{
    text_printf(out, "%-16s%8llu kB\n", name, (unsigned long long)kib);
}

static void format_kib(struct text *out, const char *name, uint64_t pages)
{
    format_line(out, name, pages << (PAGE_SHIFT - 10));
}

/* Shared pages count as half in the proportional size: nobody knows how many others have them. */
static uint64_t proportional_kib(uint64_t pages, uint64_t shared)
{
    return ((pages - shared) << (PAGE_SHIFT - 10)) + (shared << (PAGE_SHIFT - 11));
}

/* The block of lines below a mapping. */
static void format_smaps_counts(struct text *out, const struct map_entry *entry, bool rollup)
{
    uint64_t anonymous_kib = proportional_kib(entry->anonymous, entry->shared_anonymous);
    uint64_t all_kib = proportional_kib(entry->resident, entry->shared);

    format_kib(out, "Rss:", entry->resident);
    format_line(out, "Pss:", all_kib);
    format_line(out, "Pss_Dirty:", anonymous_kib);
    if (rollup) {
        format_line(out, "Pss_Anon:", anonymous_kib);
        format_line(out, "Pss_File:", entry->file_pages > 0 ? all_kib - anonymous_kib : 0);
        format_line(out, "Pss_Shmem:", entry->file_pages > 0 ? 0 : all_kib - anonymous_kib);
    }
    format_kib(out, "Shared_Clean:", entry->shared - entry->shared_anonymous);
    format_kib(out, "Shared_Dirty:", entry->shared_anonymous);
    format_kib(out, "Private_Clean:", 0);
    format_kib(out, "Private_Dirty:", entry->resident - entry->shared);
    format_kib(out, "Referenced:", entry->resident);
    format_kib(out, "Anonymous:", entry->anonymous);
    static const char *const zeroes[] = {
        "LazyFree:",      "AnonHugePages:",  "ShmemPmdMapped:",
        "FilePmdMapped:", "Shared_Hugetlb:", "Private_Hugetlb:",
        "Swap:",          "SwapPss:",        "Locked:",
    };
    for (size_t i = 0; i < ARRAY_SIZE(zeroes); i++) {
        format_kib(out, zeroes[i], 0);
    }
}

/* Two letters for each property, as Linux's show_smap_vma_flags. */
static void format_vm_flags(struct text *out, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *letters;
    } names[] = {
        {REGION_READ, "rd"},      {REGION_WRITE, "wr"},        {REGION_EXEC, "ex"},
        {REGION_SHARED, "sh"},    {REGION_MAY_READ, "mr"},     {REGION_MAY_WRITE, "mw"},
        {REGION_MAY_EXEC, "me"},  {REGION_GROWS_DOWN, "gd"},   {REGION_NORESERVE, "nr"},
        {REGION_DONT_FORK, "dc"}, {REGION_WIPE_ON_FORK, "wf"},
    };

    text_printf(out, "VmFlags:");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (flags & names[i].flag) {
            text_printf(out, " %s", names[i].letters);
        }
    }
    text_printf(out, "\n");
}

static void format_smap(struct text *out, const struct map_entry *entry, void *arg)
{
    (void)arg;
    proc_format_mapping(out, &entry->mapping);
    format_kib(out, "Size:", (entry->mapping.end - entry->mapping.start) >> PAGE_SHIFT);
    format_kib(out, "KernelPageSize:", 1);
    format_kib(out, "MMUPageSize:", 1);
    format_smaps_counts(out, entry, false);
    text_printf(out, "THPeligible:    0\n");
    format_vm_flags(out, entry->flags);
}

int proc_show_smaps(const struct pseudo_ctx *ctx, struct text *out)
{
    return for_each_entry(ctx, out, true, format_smap, NULL);
}

static void add_entry(struct text *out, const struct map_entry *entry, void *arg)
{
    struct map_entry *sum = arg;

    (void)out;
    if (sum->mapping.end == 0) {
        sum->mapping.start = entry->mapping.start;
    }
    sum->mapping.end = entry->mapping.end;
    sum->resident += entry->resident;
    sum->shared += entry->shared;
    sum->anonymous += entry->anonymous;
    sum->shared_anonymous += entry->shared_anonymous;
    sum->file_pages += entry->file_pages;
    sum->object_pages += entry->object_pages;
}

int proc_show_smaps_rollup(const struct pseudo_ctx *ctx, struct text *out)
{
    struct map_entry sum = {.mapping.name = "[rollup]"};
    int error = for_each_entry(ctx, out, true, add_entry, &sum);

    if (error == 0 && sum.mapping.end != 0) {
        proc_format_mapping(out, &sum.mapping);
        format_smaps_counts(out, &sum, true);
    }
    return error;
}

/* /proc/PID/mem: the memory itself, for debuggers. */
static ssize_type mem_move(struct file *file, struct io *io, uint64_t *pos, bool write)
{
    const struct pseudo_ctx *ctx = file->priv;
    struct space *space;
    int error = proc_look_at_space(ctx, &space);
    char *page = space != NULL ? kmalloc(PAGE_SIZE) : NULL;
    ssize_type total = 0;

    while (page != NULL && io->left > 0) {
        size_t part = MIN(io->left, (size_t)PAGE_SIZE);
        if (write && io_take(io, page, part) != part) {
            error = -EFAULT;
            break;
        }
        size_t done = space_access(space, *pos, page, part,
                                   (write ? SPACE_WRITE : SPACE_READ) | SPACE_FORCE);
        if (!write && io_put(io, page, done) != done) {
            error = -EFAULT;
            break;
        }
        *pos += done;
        total += (ssize_type)done;
        if (done < part) {
            error = -EIO;
            break;
        }
    }
    if (error == 0 && space != NULL && page == NULL) {
        error = -ENOMEM;
    }
    kfree(page);
    if (space != NULL) {
        space_put(space);
    }
    return total > 0 ? total : error;
}

static ssize_type mem_read(struct file *file, struct io *io, uint64_t *pos)
{
    return mem_move(file, io, pos, false);
}

static ssize_type mem_write(struct file *file, struct io *io, uint64_t *pos)
{
    return mem_move(file, io, pos, true);
}

static int64_t mem_seek(struct file *file, int64_t offset, int whence)
{
    enum { SEEK_SET, SEEK_CUR };
    uint64_t place = (uint64_t)offset + (whence == SEEK_CUR ? file->pos : 0);

    if (whence != SEEK_SET && whence != SEEK_CUR) {
        return -EINVAL;
    }
    file->pos = place; /* any address, also one that looks negative */
    return (int64_t)place;
}

const struct file_ops proc_mem_ops = {
    .read = mem_read,
    .write = mem_write,
    .seek = mem_seek,
    .release = pseudo_release,
};
