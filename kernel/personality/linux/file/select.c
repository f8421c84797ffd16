/* SPDX-License-Identifier: BSD-2-Clause */
/* select(2) and pselect6(2). */
#include "kernel/arch/user.h"
#include "kernel/core/timer.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/poll.h"
#include "lib/string.h"

enum { SET_READ, SET_WRITE, SET_EXCEPT, SET_COUNT };

/* select(2): which events of poll make a descriptor ready in which set. */
static const unsigned set_events[SET_COUNT] = {
    POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR,
    POLLWRNORM | POLLWRBAND | POLLOUT | POLLERR,
    POLLPRI,
};

#define FAST_WORDS 4 /* 256 descriptors without allocating */

struct select_sets {
    unsigned count; /* descriptors */
    unsigned words; /* of 64 bits, in each set */
    vaddr_t addr[SET_COUNT];
    uint64_t *in[SET_COUNT], *out[SET_COUNT];
};

static long scan_word(struct select_sets *s, unsigned word, struct poll_set *set)
{
    uint64_t any = s->in[0][word] | s->in[1][word] | s->in[2][word];
    long ready = 0;
    for (; any != 0; any &= any - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(any), fd = word * 64 + bit;
        if (fd >= s->count) {
            break;
        }
        struct fd_ref ref = fd_borrow((int)fd);
        if (ref.file == NULL) {
            return -EBADF;
        }
        unsigned events = poll_ask(set, ref.file);
        fd_return(ref);
        for (unsigned i = 0; i < SET_COUNT; i++) {
            if ((s->in[i][word] >> bit & 1) && (events & set_events[i])) {
                s->out[i][word] |= 1ull << bit;
                ready++;
            }
        }
    }
    return ready;
}

static long scan_sets(void *arg, struct poll_set *set)
{
    struct select_sets *s = arg;
    long sum = 0;
    for (unsigned i = 0; i < SET_COUNT; i++) {
        memset(s->out[i], 0, s->words * sizeof(uint64_t));
    }
    for (unsigned word = 0; word < s->words; word++) {
        long ready = scan_word(s, word, set);
        if (ready < 0) {
            return ready;
        }
        sum += ready;
    }
    return sum;
}

/* The ABI's sets are arrays of longs: whole words are read and written (select(2)). */
static int get_sets(struct select_sets *s)
{
    for (unsigned i = 0; i < SET_COUNT; i++) {
        memset(s->in[i], 0, s->words * sizeof(uint64_t));
        if (s->addr[i] != 0) {
            int error = copy_from_user(s->in[i], s->addr[i], s->words * sizeof(uint64_t));
            if (error != 0) {
                return error;
            }
        }
    }
    return 0;
}

static int put_sets(const struct select_sets *s)
{
    for (unsigned i = 0; i < SET_COUNT; i++) {
        if (s->addr[i] != 0) {
            int error = copy_to_user(s->addr[i], s->out[i], s->words * sizeof(uint64_t));
            if (error != 0) {
                return error;
            }
        }
    }
    return 0;
}

static long do_select(int count, const vaddr_t addr[SET_COUNT], uint64_t deadline_ns)
{
    uint64_t fast[2 * SET_COUNT * FAST_WORDS], *words = fast;
    if (count < 0) {
        return -EINVAL;
    }
    /* Beyond the table, which Linux makes of at least 64, there is nothing to be asked for. */
    struct select_sets s = {
        .count = MIN(
            (unsigned)count,
            ALIGN_UP(__atomic_load_n(&linux_current()->files->size, __ATOMIC_RELAXED), 64))};
    s.words = (s.count + 63) / 64;
    if (s.words > FAST_WORDS) {
        words = kmalloc(2 * SET_COUNT * s.words * sizeof(uint64_t));
        if (words == NULL) {
            return -ENOMEM;
        }
    }
    for (unsigned i = 0; i < SET_COUNT; i++) {
        s.addr[i] = addr[i];
        s.in[i] = words + i * s.words;
        s.out[i] = words + (SET_COUNT + i) * s.words;
    }
    long result = get_sets(&s);
    if (result == 0) {
        result = poll_loop(scan_sets, &s, deadline_ns);
        if (result >= 0) {
            int error = put_sets(&s);
            result = error != 0 ? error : result;
        }
    }
    if (words != fast) {
        kfree(words);
    }
    return result == -EINTR ? -ERESTARTNOHAND : result;
}

LINUX_CALL5(select, int, count, vaddr_t, in, vaddr_t, out, vaddr_t, except, vaddr_t, timeout)
{
    const vaddr_t addr[SET_COUNT] = {in, out, except};
    struct linux_timeval value;
    uint64_t deadline = WAIT_FOREVER;
    if (timeout != 0) {
        int error = get_user(value, timeout);
        if (error != 0) {
            return error;
        }
        if (value.sec < 0 || value.usec < 0) {
            return -EINVAL;
        }
        /* Too many microseconds are seconds, as on Linux. */
        const struct linux_timespec ts = {value.sec + value.usec / 1000000,
                                          value.usec % 1000000 * 1000};
        error = poll_deadline(&ts, &deadline);
        if (error != 0) {
            return error;
        }
    }
    long result = do_select(count, addr, deadline);
    poll_put_timeval(timeout, deadline);
    return result;
}

/* The sixth argument of pselect6 points to the mask and its size. */
struct linux_sigset_argument {
    uint64_t mask, size;
};

LINUX_CALL6(pselect6, int, count, vaddr_t, in, vaddr_t, out, vaddr_t, except, vaddr_t, timeout,
            vaddr_t, sigset)
{
    const vaddr_t addr[SET_COUNT] = {in, out, except};
    struct linux_sigset_argument mask = {0, 0};
    struct linux_timespec value;
    uint64_t deadline = WAIT_FOREVER;
    int error = sigset != 0 ? get_user(mask, sigset) : 0;
    if (error == 0 && timeout != 0) {
        error = get_user(value, timeout);
        if (error == 0) {
            error = poll_deadline(&value, &deadline);
        }
    }
    if (error == 0) {
        error = poll_set_mask(mask.mask, mask.size);
    }
    if (error != 0) {
        return error;
    }
    long result = do_select(count, addr, deadline);
    poll_reset_mask(mask.mask != 0, result);
    poll_put_timespec(timeout, deadline);
    return result;
}
