/* SPDX-License-Identifier: BSD-2-Clause */
/* System V shared memory: made, attached, counted, changed and removed. */
#include "test/linux/check.h"

#include <grp.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/shm.h>

#define PAGE 4096

static long shm_get(int key, size_t size, int flags)
{
    return syscall(SYS_shmget, key, size, flags);
}
static long shm_ctl(long id, int command, void *arg)
{
    return syscall(SYS_shmctl, id, command, arg);
}
static char *attach(long id, const void *at, int flags)
{
    return (char *)syscall(SYS_shmat, id, at, flags);
}
static long detach(const void *at)
{
    return syscall(SYS_shmdt, at);
}
static int new_segment(size_t size)
{
    return (int)shm_get(IPC_PRIVATE, size, IPC_CREAT | 0600);
}
static long attached(int id)
{
    struct shmid_ds s;
    return shm_ctl(id, IPC_STAT, &s) < 0 ? -1 : (long)s.shm_nattch;
}
/* A key that nobody else has. */
static int some_key(void)
{
    return 0x4a000000 | (getpid() & 0xffffff);
}

CASE(making)
{
    int key = some_key();
    CALL(shm_get(key, 100, 0));
    CALL(shm_get(key, 0, IPC_CREAT | 0600));
    int id = (int)shm_get(key, 5000, IPC_CREAT | IPC_EXCL | 0640);
    TRUTH(id >= 0);
    CALL(shm_get(key, 5000, IPC_CREAT | IPC_EXCL | 0640));
    TRUTH(shm_get(key, 5000, IPC_CREAT) == id);
    TRUTH(shm_get(key, 0, 0) == id);
    TRUTH(shm_get(key, 4999, 0400) == id);
    CALL(shm_get(key, 5001, 0));
    int unnamed = (int)shm_get(IPC_PRIVATE, 1, 0);
    TRUTH(unnamed >= 0 && unnamed != id);
    CALL(shm_ctl(unnamed, IPC_RMID, NULL));
    struct shmid_ds s;
    memset(&s, 0xff, sizeof s);
    CALL(shm_ctl(id, IPC_STAT, &s));
    SHOW(s.shm_segsz);
    SHOW(s.shm_nattch);
    SHOW(s.shm_atime);
    SHOW(s.shm_dtime);
    TRUTH(s.shm_ctime > 1000000);
    TRUTH(s.shm_cpid == getpid());
    SHOW(s.shm_lpid);
    SHOW(s.shm_perm.mode);
    SHOW(s.shm_perm.uid + s.shm_perm.gid + s.shm_perm.cuid + s.shm_perm.cgid);
    TRUTH(s.shm_perm.__key == key);
    CALL(shm_ctl(id, IPC_STAT, (void *)8));
    CALL(shm_ctl(id, 99, &s));
    CALL(shm_ctl(id, -1, &s));
    CALL(shm_ctl(-1, IPC_STAT, &s));
    CALL(shm_ctl(id, IPC_RMID, NULL));
    CALL(shm_ctl(id, IPC_RMID, NULL));
    CALL(shm_ctl(id, IPC_STAT, &s));
    CALL(shm_get(key, 0, 0));
    int again = (int)shm_get(key, 5000, IPC_CREAT | 0600);
    TRUTH(again >= 0 && again != id);
    CALL(shm_ctl(again, IPC_RMID, NULL));
}

CASE(attaching)
{
    int id = new_segment(3 * PAGE - 5);
    CALL((long)attach(-1, NULL, 0));
    char *a = attach(id, NULL, 0), *b = attach(id, NULL, SHM_RDONLY);
    TRUTH(a != (void *)-1 && b != (void *)-1 && a != b);
    SHOW(attached(id));
    SHOW(a[3 * PAGE - 1]);
    strcpy(a + PAGE, "shared");
    say("%s\n", b + PAGE);
    CALL(mprotect(b, PAGE, PROT_READ | PROT_WRITE));
    CALL(mprotect(a, PAGE, PROT_READ));
    SHOW(attached(id));
    CALL(read(open("/dev/zero", O_RDONLY), b, 1));
    CALL(detach(a + 1));
    CALL(detach(a + PAGE));
    CALL(detach(a));
    CALL(detach(a));
    SHOW(attached(id));
    /* Where it was. */
    TRUTH(attach(id, a, 0) == a);
    CALL((long)attach(id, a, 0));
    CALL((long)attach(id, a + 2 * PAGE, 0));
    CALL((long)attach(id, a + 7, 0));
    CALL(detach(a));
    TRUTH(attach(id, a + 7, SHM_RND) == a);
    SHOW(attached(id));
    TRUTH(attach(id, a, SHM_REMAP) == a);
    SHOW(attached(id));
    CALL((long)attach(id, NULL, SHM_REMAP));
    CALL((long)attach(id, (void *)5, SHM_RND | SHM_REMAP));
    /* With a hole. */
    CALL(munmap(a + PAGE, PAGE));
    SHOW(attached(id));
    CALL(detach(a));
    SHOW(attached(id));
    say("%s\n", b + PAGE);
    CALL(shm_ctl(id, IPC_RMID, NULL));
    SHOW(attached(id));
    struct shmid_ds s;
    CALL(shm_ctl(id, IPC_STAT, &s));
    SHOW(s.shm_perm.mode);
    SHOW(s.shm_perm.__key);
    TRUTH(s.shm_atime > 1000000 && s.shm_dtime > 1000000 && s.shm_lpid == getpid());
    a = attach(id, NULL, 0);
    say("%s\n", a + PAGE);
    CALL(munmap(b, 3 * PAGE));
    SHOW(attached(id));
    CALL(detach(a));
    SHOW(attached(id));
    CALL((long)attach(id, NULL, 0));
}

/* Beyond the object's last page there is nothing, also when the mapping has grown. */
CASE(growing)
{
    int id = new_segment(PAGE);
    char *a = attach(id, NULL, 0);
    char *b = mremap(a, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    TRUTH(b != MAP_FAILED);
    SHOW(attached(id));
    pid_t pid;
    CHILD(pid)
    {
        b[PAGE] = 1;
    }
    say_end("beyond", pid);
    CALL(detach(b));
    SHOW(attached(id));
    CALL(shm_ctl(id, IPC_RMID, NULL));
}

CASE(processes)
{
    int id = new_segment(PAGE), to_child[2], to_parent[2];
    volatile int *a = (volatile int *)attach(id, NULL, 0);
    pipe(to_child);
    pipe(to_parent);
    pid_t pid;
    CHILD(pid)
    {
        SHOW(attached(id));
        a[0] = 42;
        pass(to_parent[1]);
        await(to_child[0]);
        SHOW(a[1]);
        struct shmid_ds s;
        shm_ctl(id, IPC_STAT, &s);
        TRUTH(s.shm_cpid == getppid());
        detach((void *)a);
        SHOW(attached(id));
        attach(id, NULL, 0);
    }
    await(to_parent[0]);
    SHOW(a[0]);
    a[1] = 43;
    pass(to_child[1]);
    say_end("child", pid);
    SHOW(attached(id));
    struct shmid_ds s;
    shm_ctl(id, IPC_STAT, &s);
    TRUTH(s.shm_lpid == pid);
    CHILD(pid)
    {
        dup2(to_parent[1], 1);
        execl("/proc/self/exe", "sysv_shm", "idle", NULL);
    }
    await(to_parent[0]);
    SHOW(attached(id));
    end_child(pid);
    CHILD(pid)
    {
        pass(to_parent[1]);
        pause();
    }
    await(to_parent[0]);
    SHOW(attached(id));
    CALL(shm_ctl(id, IPC_RMID, NULL));
    detach((void *)a);
    SHOW(attached(id));
    end_child(pid);
    SHOW(attached(id));
}

CASE(changing)
{
    int id = new_segment(PAGE);
    struct shmid_ds s;
    shm_ctl(id, IPC_STAT, &s);
    s.shm_perm.mode = 0107652;
    s.shm_perm.uid = 1000;
    s.shm_perm.gid = 1001;
    CALL(shm_ctl(id, IPC_SET, &s));
    CALL(shm_ctl(id, IPC_STAT, &s));
    SHOW(s.shm_perm.mode);
    SHOW(s.shm_perm.uid);
    SHOW(s.shm_perm.gid);
    SHOW(s.shm_perm.cuid);
    s.shm_perm.uid = (uid_t)-1;
    CALL(shm_ctl(id, IPC_SET, &s));
    CALL(shm_ctl(id, IPC_SET, (void *)8));
    CALL(shm_ctl(id, SHM_LOCK, NULL));
    CALL(shm_ctl(id, IPC_STAT, &s));
    SHOW(s.shm_perm.mode);
    CALL(shm_ctl(id, SHM_UNLOCK, NULL));
    CALL(shm_ctl(id, IPC_STAT, &s));
    SHOW(s.shm_perm.mode);
    CALL(shm_ctl(id, IPC_RMID, NULL));
}

static void become(uid_t uid, gid_t gid)
{
    setgroups(0, NULL);
    setresgid(gid, gid, gid);
    setresuid(uid, uid, uid);
}

static void try_all(int key, int id)
{
    struct shmid_ds s;
    CALL(shm_get(key, 0, 0) >= 0);
    CALL(shm_get(key, 0, 0400) >= 0);
    CALL(shm_get(key, 0, 0600) >= 0);
    CALL_OK((long)attach(id, NULL, SHM_RDONLY));
    CALL_OK((long)attach(id, NULL, 0));
    CALL_OK((long)attach(id, NULL, SHM_EXEC));
    CALL(shm_ctl(id, IPC_STAT, &s));
    CALL(shm_ctl(id, SHM_LOCK, NULL));
    memset(&s, 0, sizeof s);
    CALL(shm_ctl(id, IPC_SET, &s));
    CALL(shm_ctl(id, IPC_RMID, NULL));
}

CASE(rights)
{
    static const struct {
        uid_t uid;
        gid_t gid;
    } who[] = {{1000, 5}, {1001, 1001}, {1001, 5}};
    int key = some_key();
    for (size_t i = 0; i < COUNT(who); i++) {
        int id = (int)shm_get(key, PAGE, IPC_CREAT | 0750);
        struct shmid_ds s;
        shm_ctl(id, IPC_STAT, &s);
        s.shm_perm.uid = 1000;
        s.shm_perm.gid = 1001;
        shm_ctl(id, IPC_SET, &s);
        pid_t pid;
        CHILD(pid)
        {
            become(who[i].uid, who[i].gid);
            try_all(key, id);
        }
        say_end("somebody", pid);
        CALL(shm_ctl(id, IPC_RMID, NULL));
    }
}

CASE(information)
{
    struct shm_info use, more;
    struct shminfo limits;
    struct shmid_ds s;
    shm_ctl(0, SHM_INFO, &use);
    int id = new_segment(3 * PAGE), key = some_key();
    int other = (int)shm_get(key, 1, IPC_CREAT | 0606);
    char *a = attach(id, NULL, 0);
    a[0] = a[PAGE] = 1;
    long last = shm_ctl(0, SHM_INFO, &more);
    SHOW(more.used_ids - use.used_ids);
    SHOW(more.shm_tot - use.shm_tot);
    SHOW(more.shm_rss - use.shm_rss);
    TRUTH(shm_ctl(0, IPC_INFO, &limits) == last);
    SHOW(limits.shmmin);
    SHOW(limits.shmmni);
    SHOW(limits.shmseg);
    TRUTH(limits.shmmax == ULONG_MAX - (1ul << 24) && limits.shmall == limits.shmmax);
    int found = 0;
    for (long i = 0; i <= last; i++) {
        long got = shm_ctl(i, SHM_STAT, &s);
        found += got == id || got == other;
        if (got == other) {
            SHOW(s.shm_segsz);
            TRUTH(shm_ctl(i, 15, &s) == other);
        }
    }
    SHOW(found);
    CALL(shm_ctl(last + 1, SHM_STAT, &s));
    CALL(shm_ctl(0, SHM_INFO, (void *)8));
    CALL(shm_ctl(0, IPC_INFO, (void *)8));
    char line[512], want[64], name[64];
    FILE *file = fopen("/proc/sysvipc/shm", "r");
    snprintf(want, sizeof want, "%10d %10d   606 %21d", key, other, 1);
    for (found = 0; fgets(line, sizeof line, file);) {
        found += strncmp(line, want, strlen(want)) == 0;
    }
    SHOW(found);
    fclose(file);
    attach(other, NULL, SHM_RDONLY);
    snprintf(name, sizeof name, "/SYSV%08x (deleted)\n", (unsigned)key);
    snprintf(want, sizeof want, " %d ", other);
    file = fopen("/proc/self/maps", "r");
    for (found = 0; fgets(line, sizeof line, file);) {
        found += strstr(line, name) && strstr(line, want) && strstr(line, "r--s");
    }
    SHOW(found);
    CALL(shm_ctl(id, IPC_RMID, NULL));
    CALL(shm_ctl(other, IPC_RMID, NULL));
}

CASE(limits)
{
    CALL(shm_get(IPC_PRIVATE, SIZE_MAX, 0600));
    CALL(shm_get(IPC_PRIVATE, SIZE_MAX - (1ul << 24) + 1, 0600));
    int id = new_segment(64ul << 20);
    struct rlimit limit = {32ul << 20, 32ul << 20};
    setrlimit(RLIMIT_AS, &limit);
    CALL((long)attach(id, NULL, 0));
    SHOW(attached(id));
    CALL(shm_ctl(id, IPC_RMID, NULL));
    SHOW(attached(id));
}

/* Many at once: made, filled, forked, removed; nothing is mixed up. */
CASE(many)
{
    enum { MANY = 40 };
    int ids[MANY], wrong = 0;
    for (int i = 0; i < MANY; i++) {
        ids[i] = new_segment(PAGE);
        *(int *)attach(ids[i], NULL, 0) = i;
    }
    pid_t pids[4];
    for (int p = 0; p < 4; p++) {
        CHILD(pids[p])
        {
            for (int i = 0; i < 25 * MANY; i++) {
                int *a = (int *)attach(ids[i % MANY], NULL, 0);
                wrong += a == (void *)-1 || *a != i % MANY || detach(a) != 0;
            }
            _exit(wrong);
        }
    }
    for (int p = 0; p < 4; p++) {
        say_end("child", pids[p]);
    }
    for (int i = 0; i < MANY; i++) {
        wrong += attached(ids[i]) != 1 || shm_ctl(ids[i], IPC_RMID, NULL) != 0;
    }
    SHOW(wrong);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        pass(1);
        pause();
    }
    return RUN(ENTRY(making), ENTRY(attaching), ENTRY(growing), ENTRY(processes), ENTRY(changing),
               ENTRY(rights), ENTRY(information), ENTRY(limits), ENTRY(many));
}
