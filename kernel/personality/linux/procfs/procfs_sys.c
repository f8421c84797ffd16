/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/sys: what sysctl(8) shows and sets. Files are rows of tables; numbers that can be set but
 * that nothing in the kernel asks for yet keep what was written, as programs read it back.
 */
#include "abi/errno.h"
#include "kernel/base/log.h"
#include "kernel/base/random.h"
#include "kernel/core/reclaim.h"
#include "kernel/personality/linux/ipc/ipc.h"
#include "kernel/personality/linux/linux.h"
#include "kernel/personality/linux/process/limits.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "kernel/personality/linux/tty/pty.h"
#include "kernel/personality/linux/uts.h"
#include "lib/format.h"
#include "lib/string.h"

static int show_number(const struct pseudo_ctx *ctx, struct text *out)
{
    const struct linux_sysctl *sysctl = ctx->node->arg;

    text_printf(out, "%lld\n", (long long)sysctl_read(sysctl));
    return 0;
}

static int parse_number(const char *bytes, int64_t *value)
{
    bool negative;
    uint64_t number;

    while (*bytes == ' ' || *bytes == '\t') {
        bytes++;
    }
    negative = *bytes == '-';
    int error = parse_u64(bytes + negative, &bytes, 0, &number);
    if (error != 0 || (*bytes != '\0' && *bytes != '\n' && *bytes != ' ') || number > INT64_MAX) {
        return -EINVAL;
    }
    *value = negative ? -(int64_t)number : (int64_t)number;
    return 0;
}

static int store_number(const struct pseudo_ctx *ctx, const char *bytes, size_t size)
{
    /* The table is constant; what it points to is not. */
    struct linux_sysctl *sysctl = (struct linux_sysctl *)(vaddr_t)ctx->node->arg;
    int64_t value;

    (void)size;
    int error = parse_number(bytes, &value);
    if (error != 0 || value < sysctl->min || value > sysctl->max) {
        return -EINVAL;
    }
    __atomic_store_n(&sysctl->value, value, __ATOMIC_RELAXED);
    return 0;
}

/* A number without a sign. */
static int show_large(const struct pseudo_ctx *ctx, struct text *out)
{
    const uint64_t *value = ctx->node->arg;
    text_printf(out, "%llu\n", (unsigned long long)__atomic_load_n(value, __ATOMIC_RELAXED));
    return 0;
}

static int store_large(const struct pseudo_ctx *ctx, const char *bytes, size_t size)
{
    uint64_t number;
    (void)size;
    if (parse_u64(bytes, &bytes, 0, &number) != 0 || (*bytes != '\0' && *bytes != '\n')) {
        return -EINVAL;
    }
    __atomic_store_n((uint64_t *)(vaddr_t)ctx->node->arg, number, __ATOMIC_RELAXED);
    return 0;
}

static int show_sem(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    for (unsigned i = 0; i < SEM_LIMITS; i++) {
        int limit = __atomic_load_n(&linux_sem_limits[i], __ATOMIC_RELAXED);
        text_printf(out, i == 0 ? "%d" : "\t%d", limit);
    }
    text_printf(out, "\n");
    return 0;
}

/* As many numbers as are given; the others stay. */
static int store_sem(const struct pseudo_ctx *ctx, const char *bytes, size_t size)
{
    static const int highest[SEM_LIMITS] = {INT32_MAX, INT32_MAX, INT32_MAX, IPC_SLOTS_MAX};
    (void)ctx;
    (void)size;
    for (unsigned i = 0; i < SEM_LIMITS; i++) {
        uint64_t number;
        while (*bytes == ' ' || *bytes == '\t' || *bytes == '\n') {
            bytes++;
        }
        if (*bytes == '\0') {
            return 0;
        }
        if (parse_u64(bytes, &bytes, 0, &number) != 0 || number > (unsigned)highest[i]) {
            return -EINVAL;
        }
        __atomic_store_n(&linux_sem_limits[i], (int)number, __ATOMIC_RELAXED);
    }
    return 0;
}

static int show_text(const struct pseudo_ctx *ctx, struct text *out)
{
    text_printf(out, "%s\n", (const char *)ctx->node->arg);
    return 0;
}

/* The names of uts.h. */
static int show_uts(const struct pseudo_ctx *ctx, struct text *out)
{
    struct linux_uts uts;

    uts_get(&uts);
    size_t offset = (size_t)((const char *)ctx->node->arg - (const char *)&linux_uts);
    text_printf(out, "%s\n", (const char *)&uts + offset);
    return 0;
}

static int store_uts(const struct pseudo_ctx *ctx, const char *bytes, size_t size)
{
    const char *newline = memchr(bytes, '\n', size);

    size = newline != NULL ? (size_t)(newline - bytes) : size;
    return uts_set((char *)(vaddr_t)ctx->node->arg, bytes, MIN(size, (size_t)UTS_SIZE - 1));
}

/* kernel.printk: console, default, minimum and boot-time default level. */
static int show_printk(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "%d\t4\t1\t7\n", log_get_level());
    return 0;
}

static int store_printk(const struct pseudo_ctx *ctx, const char *bytes, size_t size)
{
    const char *end;
    uint64_t level;

    (void)ctx;
    (void)size;
    if (parse_u64(bytes, &end, 10, &level) != 0 || level > 15) {
        return -EINVAL;
    }
    log_set_level((int)level);
    return 0;
}

/* A random UUID, version 4 (RFC 9562, section 5.4). */
static void show_uuid_bytes(struct text *out, uint8_t bytes[16])
{
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (unsigned i = 0; i < 16; i++) {
        text_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", bytes[i]);
    }
    text_printf(out, "\n");
}

static int show_uuid(const struct pseudo_ctx *ctx, struct text *out)
{
    uint8_t bytes[16];

    (void)ctx;
    random_bytes(bytes, sizeof(bytes));
    show_uuid_bytes(out, bytes);
    return 0;
}

static int show_boot_id(const struct pseudo_ctx *ctx, struct text *out)
{
    static struct mutex boot_id_lock = MUTEX_INIT(boot_id_lock, LOCK_BOOT_ID);
    static uint8_t boot_id[16]; /* [boot_id_lock] made when first asked for */
    static bool made;           /* [boot_id_lock] */

    (void)ctx;
    mutex_lock(&boot_id_lock);
    if (!made) {
        random_bytes(boot_id, sizeof(boot_id));
        made = true;
    }
    show_uuid_bytes(out, boot_id);
    mutex_unlock(&boot_id_lock);
    return 0;
}

/* Constant after step "vfs". */
static struct linux_sysctl bootloader_type, bootloader_version;

/* admin-guide/sysctl/kernel: the type holds the lowest four bits of the version, too. */
void linux_set_bootloader(uint32_t type, uint32_t version)
{
    bootloader_type.value = type << 4 | (version & 15);
    bootloader_version.value = version;
}

/* Open files, of these free (none), and how many there may be. */
static int show_file_nr(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "%llu\t0\t%lld\n", (unsigned long long)file_count(),
                (long long)sysctl_read(&linux_file_max));
    return 0;
}

/* There is no cache of files; what the allocators keep for later is given back. */
static int drop_caches(const struct pseudo_ctx *ctx, const char *bytes, size_t size)
{
    (void)ctx;
    (void)bytes;
    (void)size;
    reclaim_all();
    return 0;
}

#define FILE_OF(file, function)                                                                    \
    {                                                                                              \
        .name = file, .mode = S_IFREG | 0444, .show = function                                     \
    }
#define TEXT_OF(file, string)                                                                      \
    {                                                                                              \
        .name = file, .mode = S_IFREG | 0444, .show = show_text, .arg = string                     \
    }
#define UTS_OF(file, member, rights, function)                                                     \
    {                                                                                              \
        .name = file, .mode = S_IFREG | (rights), .show = show_uts, .store = function,             \
        .arg = linux_uts.member                                                                    \
    }
/* A number that may be set within bounds. */
#define NUMBER_OF(file, initial, low, high)                                                        \
    {                                                                                              \
        .name = file, .mode = S_IFREG | 0644, .show = show_number, .store = store_number,          \
        .arg = &(struct linux_sysctl)                                                              \
        {                                                                                          \
            initial, low, high                                                                     \
        }                                                                                          \
    }
/* One that others ask for as well. */
#define SYSCTL_OF(file, sysctl)                                                                    \
    {                                                                                              \
        .name = file, .mode = S_IFREG | 0644, .show = show_number, .store = store_number,          \
        .arg = &(sysctl)                                                                           \
    }
#define LARGE_OF(file, number)                                                                     \
    {                                                                                              \
        .name = file, .mode = S_IFREG | 0644, .show = show_large, .store = store_large,            \
        .arg = &(number)                                                                           \
    }
/* One that only tells. */
#define CONSTANT_OF(file, sysctl)                                                                  \
    {                                                                                              \
        .name = file, .mode = S_IFREG | 0444, .show = show_number, .arg = &(sysctl)                \
    }
#define DIRECTORY_OF(file, table)                                                                  \
    {                                                                                              \
        .name = file, .mode = S_IFDIR | 0555, .children = table                                    \
    }

static const struct pseudo_node random_nodes[] = {
    FILE_OF("boot_id", show_boot_id),
    TEXT_OF("entropy_avail", "256"),
    TEXT_OF("poolsize", "256"),
    NUMBER_OF("urandom_min_reseed_secs", 60, 0, INT32_MAX),
    FILE_OF("uuid", show_uuid),
    NUMBER_OF("write_wakeup_threshold", 256, 0, INT32_MAX),
    {.name = NULL},
};

static int show_pty_nr(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "%u\n", pty_count());
    return 0;
}

static const struct pseudo_node pty_nodes[] = {
    SYSCTL_OF("max", linux_pty_max),
    FILE_OF("nr", show_pty_nr),
    NUMBER_OF("reserve", 1024, 0, PTY_MAX),
    {.name = NULL},
};

static const struct pseudo_node kernel_nodes[] = {
    TEXT_OF("arch", "x86_64"),
    CONSTANT_OF("bootloader_type", bootloader_type),
    CONSTANT_OF("bootloader_version", bootloader_version),
    TEXT_OF("cap_last_cap", "40"),
    NUMBER_OF("core_uses_pid", 0, 0, 1),
    TEXT_OF("core_pattern", "core"),
    NUMBER_OF("dmesg_restrict", 0, 0, 1),
    UTS_OF("domainname", domainname, 0644, store_uts),
    UTS_OF("hostname", nodename, 0644, store_uts),
    SYSCTL_OF("kexec_load_disabled", linux_kexec_load_disabled),
    NUMBER_OF("kptr_restrict", 0, 0, 2),
    SYSCTL_OF("msgmax", linux_msg_max),
    SYSCTL_OF("msgmnb", linux_msg_bytes),
    SYSCTL_OF("msgmni", linux_msg_queues),
    TEXT_OF("ngroups_max", "65536"),
    UTS_OF("osrelease", release, 0444, NULL),
    UTS_OF("ostype", sysname, 0444, NULL),
    NUMBER_OF("overflowgid", 65534, 0, 65535),
    NUMBER_OF("overflowuid", 65534, 0, 65535),
    NUMBER_OF("panic", 0, INT32_MIN, INT32_MAX),
    NUMBER_OF("panic_on_oops", 1, 0, 1),
    NUMBER_OF("perf_event_paranoid", 2, -1, 3),
    SYSCTL_OF("pid_max", linux_pid_max),
    {.name = "printk", .mode = S_IFREG | 0644, .show = show_printk, .store = store_printk},
    DIRECTORY_OF("pty", pty_nodes),
    DIRECTORY_OF("random", random_nodes),
    NUMBER_OF("randomize_va_space", 2, 0, 2),
    NUMBER_OF("sched_child_runs_first", 0, 0, 1),
    NUMBER_OF("sched_rr_timeslice_ms", 10, 1, 1000),
    {.name = "sem", .mode = S_IFREG | 0644, .show = show_sem, .store = store_sem},
    LARGE_OF("shmall", linux_shm_all),
    LARGE_OF("shmmax", linux_shm_max),
    SYSCTL_OF("shmmni", linux_shm_sets),
    NUMBER_OF("sysrq", 1, 0, 511),
    NUMBER_OF("tainted", 0, 0, INT32_MAX),
    SYSCTL_OF("threads-max", linux_threads_max),
    UTS_OF("version", version, 0444, NULL),
    {.name = NULL},
};

static const struct pseudo_node vm_nodes[] = {
    NUMBER_OF("dirty_background_ratio", 10, 0, 100),
    NUMBER_OF("dirty_expire_centisecs", 3000, 0, INT32_MAX),
    NUMBER_OF("dirty_ratio", 20, 0, 100),
    NUMBER_OF("dirty_writeback_centisecs", 500, 0, INT32_MAX),
    {.name = "drop_caches", .mode = S_IFREG | 0200, .store = drop_caches},
    NUMBER_OF("max_map_count", 65530, 0, INT32_MAX),
    NUMBER_OF("min_free_kbytes", 128, 0, INT32_MAX),
    NUMBER_OF("mmap_min_addr", 65536, 0, INT32_MAX),
    NUMBER_OF("nr_hugepages", 0, 0, 0),
    NUMBER_OF("oom_kill_allocating_task", 0, 0, 1),
    NUMBER_OF("overcommit_memory", 1, 0, 2),
    NUMBER_OF("overcommit_ratio", 50, 0, INT32_MAX),
    NUMBER_OF("page-cluster", 3, 0, 31),
    NUMBER_OF("panic_on_oom", 0, 0, 2),
    NUMBER_OF("swappiness", 60, 0, 200),
    NUMBER_OF("vfs_cache_pressure", 100, 0, INT32_MAX),
    {.name = NULL},
};

static const struct pseudo_node mqueue_nodes[] = {
    SYSCTL_OF("msg_default", linux_mq_msg_default),
    SYSCTL_OF("msg_max", linux_mq_msg_max),
    SYSCTL_OF("msgsize_default", linux_mq_size_default),
    SYSCTL_OF("msgsize_max", linux_mq_size_max),
    SYSCTL_OF("queues_max", linux_mq_queues_max),
    {.name = NULL},
};

static const struct pseudo_node fs_nodes[] = {
    TEXT_OF("aio-max-nr", "65536"),
    TEXT_OF("aio-nr", "0"),
    SYSCTL_OF("file-max", linux_file_max),
    FILE_OF("file-nr", show_file_nr),
    DIRECTORY_OF("mqueue", mqueue_nodes),
    NUMBER_OF("nr_open", 1048576, 8, 1048576),
    NUMBER_OF("overflowgid", 65534, 0, 65535),
    NUMBER_OF("overflowuid", 65534, 0, 65535),
    NUMBER_OF("pipe-max-size", 1048576, 4096, INT32_MAX),
    NUMBER_OF("pipe-user-pages-hard", 0, 0, INT32_MAX),
    NUMBER_OF("pipe-user-pages-soft", 16384, 0, INT32_MAX),
    NUMBER_OF("protected_hardlinks", 0, 0, 1),
    NUMBER_OF("protected_symlinks", 0, 0, 1),
    NUMBER_OF("suid_dumpable", 0, 0, 2),
    {.name = NULL},
};

static const struct pseudo_node net_core_nodes[] = {
    NUMBER_OF("rmem_max", 212992, 2304, INT32_MAX),
    NUMBER_OF("somaxconn", 4096, 0, INT32_MAX),
    NUMBER_OF("wmem_max", 212992, 4608, INT32_MAX),
    {.name = NULL},
};

static const struct pseudo_node net_nodes[] = {
    DIRECTORY_OF("core", net_core_nodes),
    {.name = NULL},
};

const struct pseudo_node proc_sys_nodes[] = {
    DIRECTORY_OF("fs", fs_nodes),
    DIRECTORY_OF("kernel", kernel_nodes),
    DIRECTORY_OF("net", net_nodes),
    DIRECTORY_OF("vm", vm_nodes),
    {.name = NULL},
};
