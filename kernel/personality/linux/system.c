/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine as a whole: uname(2), sethostname(2), setdomainname(2), sysinfo(2), getrandom(2),
 * syslog(2), reboot(2).
 */
#include "kernel/arch/user.h"
#include "kernel/base/log.h"
#include "kernel/base/random.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/dev/api/power.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/device/kmsg.h"
#include "kernel/personality/linux/kexec/kexec.h"
#include "kernel/personality/linux/linux.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/signal/signal.h"
#include "kernel/personality/linux/uts.h"
#include "lib/string.h"

LINUX_CALL1(uname, vaddr_t, addr)
{
    struct linux_uts uts;
    uts_get(&uts);
    return put_user(uts, addr);
}

static long set_name(char name[UTS_SIZE], vaddr_t addr, size_t size)
{
    char value[UTS_SIZE];
    if (!linux_capable(CAP_SYS_ADMIN)) {
        return -EPERM;
    }
    if (size >= UTS_SIZE) {
        return -EINVAL;
    }
    if (copy_from_user(value, addr, size) != 0) {
        return -EFAULT;
    }
    return uts_set(name, value, size);
}

LINUX_CALL2(sethostname, vaddr_t, addr, size_t, size)
{
    return set_name(linux_uts.nodename, addr, size);
}

LINUX_CALL2(setdomainname, vaddr_t, addr, size_t, size)
{
    return set_name(linux_uts.domainname, addr, size);
}

struct linux_sysinfo {
    int64_t uptime;
    uint64_t loads[3];
    uint64_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs, pad;
    uint64_t totalhigh, freehigh;
    uint32_t mem_unit;
};
static_assert(sizeof(struct linux_sysinfo) == 112, "ABI");

#define LOAD_SHIFT 5 /* from 11 fraction bits to the 16 of sysinfo(2) */

LINUX_CALL1(sysinfo, vaddr_t, addr)
{
    struct linux_sysinfo info;
    struct frame_stats stats;
    unsigned long load[3];
    memset(&info, 0, sizeof(info));
    frame_get_stats(&stats);
    sched_loadavg(load);
    info.uptime = (int64_t)(clock_monotonic_ns() / NSEC_PER_SEC);
    for (unsigned i = 0; i < 3; i++) {
        info.loads[i] = (uint64_t)load[i] << LOAD_SHIFT;
    }
    info.totalram = stats.total_pages * PAGE_SIZE;
    info.freeram = stats.free_pages * PAGE_SIZE;
    info.procs = (uint16_t)process_thread_total;
    info.mem_unit = 1;
    return put_user(info, addr);
}

enum { GRND_NONBLOCK = 1, GRND_RANDOM = 2, GRND_INSECURE = 4 };

LINUX_CALL3(getrandom, vaddr_t, addr, size_t, size, unsigned, flags)
{
    unsigned char bytes[256];
    size_t done = 0;
    if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) ||
        (flags & (GRND_INSECURE | GRND_RANDOM)) == (GRND_INSECURE | GRND_RANDOM)) {
        return -EINVAL;
    }
    /* The generator is seeded before there are programs; asking it may gather jitter. */
    if (!(flags & GRND_INSECURE)) {
        (void)random_ready();
    }
    size = MIN(size, (size_t)INT_MAX & ~PAGE_MASK);
    while (done < size) {
        size_t n = MIN(size - done, sizeof(bytes));
        random_bytes(bytes, n);
        size_t left = copy_to_user_partial(addr + done, bytes, n);
        done += n - left;
        if (left != 0) {
            return done != 0 ? (long)done : -EFAULT;
        }
        if (done % PAGE_SIZE == 0) {
            sched_point();
            if (thread_interrupted()) {
                break;
            }
        }
    }
    return (long)done;
}

enum syslog_action {
    SYSLOG_CLOSE,
    SYSLOG_OPEN,
    SYSLOG_READ,
    SYSLOG_READ_ALL,
    SYSLOG_READ_CLEAR,
    SYSLOG_CLEAR,
    SYSLOG_CONSOLE_OFF,
    SYSLOG_CONSOLE_ON,
    SYSLOG_CONSOLE_LEVEL,
    SYSLOG_SIZE_UNREAD,
    SYSLOG_SIZE_BUFFER,
};
#define SYSLOG_BATCH 4096

static uint64_t clear_seq;   /* atomic: first for SYSLOG_READ_ALL */
static int saved_level = -1; /* atomic: while the console is off */

/* Records from *seq on as text, to user memory: bytes, or an error. */
static long copy_log(uint64_t *seq, vaddr_t addr, size_t size)
{
    size_t done = 0;
    char *text = kmalloc(SYSLOG_BATCH);
    if (text == NULL) {
        return -ENOMEM;
    }
    while (done < size) {
        uint64_t before = *seq;
        size_t n = log_read(seq, text, MIN(size - done, (size_t)SYSLOG_BATCH));
        if (n == 0) {
            break;
        }
        if (copy_to_user(addr + done, text, n) != 0) {
            *seq = before;
            kfree(text);
            return -EFAULT;
        }
        done += n;
    }
    kfree(text);
    return (long)done;
}

/* The last `size` bytes that there are: older records are left out. */
static long copy_last(vaddr_t addr, size_t size)
{
    uint64_t seq = __atomic_load_n(&clear_seq, __ATOMIC_RELAXED), probe;
    char *text = kmalloc(SYSLOG_BATCH);
    size_t total = 0, n;
    if (text == NULL) {
        return -ENOMEM;
    }
    for (probe = seq; (n = log_read(&probe, text, SYSLOG_BATCH)) > 0;) {
        total += n;
    }
    while (total > size &&
           (n = log_read(&seq, text, MIN(total - size + 256, (size_t)SYSLOG_BATCH))) > 0) {
        total -= MIN(n, total);
    }
    kfree(text);
    return copy_log(&seq, addr, size);
}

static long read_new(vaddr_t addr, size_t size)
{
    struct io io;
    io_init_user(&io, addr, size);
    return kmsg_read_lines(&io, false);
}

static long console_level(int action, int level)
{
    int none = -1;
    switch (action) {
    case SYSLOG_CONSOLE_OFF:
        __atomic_compare_exchange_n(&saved_level, &none, log_get_level(), false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
        log_set_level(LOG_ALERT);
        return 0;
    case SYSLOG_CONSOLE_ON:
        level = __atomic_exchange_n(&saved_level, -1, __ATOMIC_RELAXED);
        if (level >= 0) {
            log_set_level(level);
        }
        return 0;
    default:
        if (level < 1 || level > 8) {
            return -EINVAL;
        }
        log_set_level(level);
        __atomic_store_n(&saved_level, -1, __ATOMIC_RELAXED);
        return 0;
    }
}

LINUX_CALL3(syslog, int, action, vaddr_t, addr, int, size)
{
    bool harmless = action == SYSLOG_READ_ALL || action == SYSLOG_SIZE_BUFFER;
    if (!harmless && !linux_capable(CAP_SYSLOG) && !linux_capable(CAP_SYS_ADMIN)) {
        return -EPERM;
    }
    switch (action) {
    case SYSLOG_CLOSE:
    case SYSLOG_OPEN:
        return 0;
    case SYSLOG_READ:
    case SYSLOG_READ_ALL:
    case SYSLOG_READ_CLEAR: {
        if (addr == 0 || size < 0) {
            return -EINVAL;
        }
        if (size == 0) {
            return 0;
        }
        long n = action == SYSLOG_READ ? read_new(addr, (size_t)size)
                                       : copy_last(addr, (size_t)size);
        if (action == SYSLOG_READ_CLEAR && n >= 0) {
            __atomic_store_n(&clear_seq, log_end(), __ATOMIC_RELAXED);
        }
        return n;
    }
    case SYSLOG_CLEAR:
        __atomic_store_n(&clear_seq, log_end(), __ATOMIC_RELAXED);
        return 0;
    case SYSLOG_CONSOLE_OFF:
    case SYSLOG_CONSOLE_ON:
    case SYSLOG_CONSOLE_LEVEL:
        return console_level(action, size);
    case SYSLOG_SIZE_UNREAD:
    case SYSLOG_SIZE_BUFFER:
        return (long)log_size();
    default:
        return -EINVAL;
    }
}

#define REBOOT_MAGIC1        0xfee1deadu
#define REBOOT_MAGIC2        672274793u
#define REBOOT_MAGIC2A       85072278u
#define REBOOT_MAGIC2B       369367448u
#define REBOOT_MAGIC2C       537993216u
#define REBOOT_CMD_RESTART   0x01234567u
#define REBOOT_CMD_HALT      0xcdef0123u
#define REBOOT_CMD_CAD_ON    0x89abcdefu
#define REBOOT_CMD_CAD_OFF   0x00000000u
#define REBOOT_CMD_POWER_OFF 0x4321fedcu
#define REBOOT_CMD_KEXEC     0x45584543u
#define REBOOT_CMD_RESTART2  0xa1b2c3d4u

static void (*power_off_hook)(void); /* constant once set */
static void (*power_reset_hook)(void);

/* The machine stands still, but for its interrupts. */
static _Noreturn void halt(void)
{
    log_notice("reboot: System halted");
    arch_irq_disable();
    arch_cpu_stop();
}

/* Whether Ctrl-Alt-Del starts the machine again at once, as before anybody has asked for else. */
static bool attention_restarts = true; /* atomic */

static _Noreturn void restart(void)
{
    log_notice("reboot: Restarting system");
    if (power_reset_hook != NULL) {
        power_reset_hook();
    }
    halt();
}

/* Ctrl-Alt-Del: reboot(2), CAD_ON and CAD_OFF. */
static void on_attention(void)
{
    struct linux_siginfo info = {.signo = SIGINT, .code = SI_KERNEL};
    if (__atomic_load_n(&attention_restarts, __ATOMIC_RELAXED)) {
        restart();
    }
    struct linux_process *init = process_find(1);
    if (init != NULL) {
        (void)signal_send_process(init, &info);
        process_put(init);
    }
}

void linux_set_power(void (*off)(void), void (*reset)(void))
{
    power_off_hook = off;
    power_reset_hook = reset;
    power_set_attention(on_attention);
}

LINUX_CALL4(reboot, unsigned, magic1, unsigned, magic2, unsigned, command, vaddr_t, arg)
{
    char text[256];
    if (!linux_capable(CAP_SYS_BOOT)) {
        return -EPERM;
    }
    if (magic1 != REBOOT_MAGIC1 || (magic2 != REBOOT_MAGIC2 && magic2 != REBOOT_MAGIC2A &&
                                    magic2 != REBOOT_MAGIC2B && magic2 != REBOOT_MAGIC2C)) {
        return -EINVAL;
    }
    switch (command) {
    case REBOOT_CMD_CAD_ON:
    case REBOOT_CMD_CAD_OFF:
        __atomic_store_n(&attention_restarts, command == REBOOT_CMD_CAD_ON, __ATOMIC_RELAXED);
        return 0;
    case REBOOT_CMD_HALT:
        halt();
    case REBOOT_CMD_RESTART2:
        if (strncpy_from_user(text, arg, sizeof(text)) == -EFAULT) {
            return -EFAULT;
        }
        __attribute__((fallthrough));
    case REBOOT_CMD_RESTART:
        restart();
    case REBOOT_CMD_POWER_OFF:
        log_notice("reboot: Power down");
        if (power_off_hook != NULL) {
            power_off_hook();
        }
        halt();
    case REBOOT_CMD_KEXEC:
        return linux_kexec_enter();
    default:
        return -EINVAL;
    }
}
