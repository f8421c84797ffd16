/* SPDX-License-Identifier: BSD-2-Clause */
/* capget(2) and capset(2), versions 1 to 3 of their header. */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"

#define VERSION_1 0x19980330u
#define VERSION_2 0x20071026u
#define VERSION_3 0x20080522u

struct cap_header {
    uint32_t version;
    int32_t pid;
};
struct cap_data {
    uint32_t effective, permitted, inheritable;
};

/* Words of 32 capabilities in this version's data; 0: unknown, and the header was told ours. */
static int read_header(vaddr_t addr, struct cap_header *header, unsigned *words)
{
    if (get_user(*header, addr) != 0) {
        return -EFAULT;
    }
    switch (header->version) {
    case VERSION_1:
        *words = 1;
        return 0;
    case VERSION_2:
    case VERSION_3:
        *words = 2;
        return 0;
    default:
        *words = 0;
        header->version = VERSION_3;
        return put_user(*header, addr);
    }
}

/* Of the thread with this ID (0: the caller). */
static int find_capabilities(int pid, uint64_t sets[3])
{
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = pid == 0 ? linux_current() : pid_thread(pid);
    if (thread != NULL) {
        sets[0] = thread->cred->cap_effective;
        sets[1] = thread->cred->cap_permitted;
        sets[2] = thread->cred->cap_inheritable;
    }
    process_tree_release(flags);
    return thread != NULL ? 0 : -ESRCH;
}

LINUX_CALL2(capget, vaddr_t, header_addr, vaddr_t, data_addr)
{
    struct cap_header header;
    struct cap_data data[2];
    uint64_t sets[3];
    unsigned words;
    int result = read_header(header_addr, &header, &words);
    if (result != 0) {
        return result;
    }
    if (words == 0) {
        return data_addr == 0 ? 0 : -EINVAL;
    }
    if (header.pid < 0) {
        return -EINVAL;
    }
    result = find_capabilities(header.pid, sets);
    if (result != 0 || data_addr == 0) {
        return result;
    }
    for (unsigned i = 0; i < words; i++) {
        data[i] = (struct cap_data){(uint32_t)(sets[0] >> 32 * i), (uint32_t)(sets[1] >> 32 * i),
                                    (uint32_t)(sets[2] >> 32 * i)};
    }
    return copy_to_user(data_addr, data, words * sizeof(data[0]));
}

static int check_change(const struct cred *old, uint64_t effective, uint64_t permitted,
                        uint64_t inheritable)
{
    bool capable = linux_capable(CAP_SETPCAP);
    if ((!capable && (inheritable & ~(old->cap_inheritable | old->cap_permitted)) != 0) ||
        (inheritable & ~(old->cap_inheritable | old->cap_bounding)) != 0 ||
        (permitted & ~old->cap_permitted) != 0 || (effective & ~permitted) != 0) {
        return -EPERM;
    }
    return 0;
}

LINUX_CALL2(capset, vaddr_t, header_addr, vaddr_t, data_addr)
{
    struct cap_header header;
    struct cap_data data[2] = {{0, 0, 0}, {0, 0, 0}};
    unsigned words;
    int result = read_header(header_addr, &header, &words);
    if (result != 0 || words == 0) {
        return result != 0 ? result : -EINVAL;
    }
    if (header.pid != 0 && header.pid != linux_current()->tid) {
        return -EPERM;
    }
    if (copy_from_user(data, data_addr, words * sizeof(data[0])) != 0) {
        return -EFAULT;
    }
    uint64_t effective = (data[0].effective | (uint64_t)data[1].effective << 32) & CAP_ALL;
    uint64_t permitted = (data[0].permitted | (uint64_t)data[1].permitted << 32) & CAP_ALL;
    uint64_t inheritable = (data[0].inheritable | (uint64_t)data[1].inheritable << 32) & CAP_ALL;
    result = check_change(linux_current()->cred, effective, permitted, inheritable);
    if (result != 0) {
        return result;
    }
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    cred->cap_effective = effective;
    cred->cap_permitted = permitted;
    cred->cap_inheritable = inheritable;
    cred->cap_ambient &= permitted & inheritable;
    cred_commit(cred);
    return 0;
}
