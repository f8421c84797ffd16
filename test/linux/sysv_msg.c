/* SPDX-License-Identifier: BSD-2-Clause */
/* System V message queues: made, filled, read by type, limited and removed. */
#include "test/linux/check.h"

#include <grp.h>
#include <sys/ipc.h>
#include <sys/msg.h>

static long msg_get(int key, int flags)
{
    return syscall(SYS_msgget, key, flags);
}
static long msg_ctl(int id, int command, void *arg)
{
    return syscall(SYS_msgctl, id, command, arg);
}
static long send_raw(int id, const void *buf, size_t size, int flags)
{
    return syscall(SYS_msgsnd, id, buf, size, flags);
}
static long receive_raw(int id, void *buf, size_t size, long type, int flags)
{
    return syscall(SYS_msgrcv, id, buf, size, type, flags);
}
static int new_queue(void)
{
    return (int)msg_get(IPC_PRIVATE, 0600);
}
static void end_queue(int id)
{
    CALL(msg_ctl(id, IPC_RMID, NULL));
}
/* A key that nobody else has. */
static int some_key(void)
{
    return 0x4c000000 | (getpid() & 0xffffff);
}

struct text {
    long type;
    char bytes[16384];
};

static long send_text(int id, long type, const char *bytes, int flags)
{
    struct text m = {.type = type};
    strcpy(m.bytes, bytes);
    return send_raw(id, &m, strlen(bytes), flags);
}
static void take(int id, size_t size, long type, int flags)
{
    struct text m = {.type = -99};
    long got = receive_raw(id, &m, size, type, flags);
    if (got < 0) {
        say("type %ld: %s\n", type, error_name(errno));
    } else {
        say("type %ld: %ld bytes of type %ld \"%.*s\"\n", type, got, m.type, (int)got, m.bytes);
    }
}
static struct msqid_ds state_of(int id)
{
    struct msqid_ds s;
    memset(&s, 0xff, sizeof s);
    msg_ctl(id, IPC_STAT, &s);
    return s;
}

CASE(making)
{
    int key = some_key();
    CALL(msg_get(key, 0));
    int id = (int)msg_get(key, IPC_CREAT | IPC_EXCL | 0640);
    TRUTH(id >= 0);
    CALL(msg_get(key, IPC_CREAT | IPC_EXCL | 0640));
    TRUTH(msg_get(key, IPC_CREAT) == id);
    struct msqid_ds s = state_of(id);
    SHOW(s.msg_qnum);
    SHOW(s.msg_cbytes);
    SHOW(s.msg_qbytes);
    SHOW(s.msg_stime + s.msg_rtime + s.msg_lspid + s.msg_lrpid);
    TRUTH(s.msg_ctime > 1000000);
    SHOW(s.msg_perm.mode);
    TRUTH(s.msg_perm.__key == key);
    CALL(msg_ctl(id, IPC_STAT, (void *)8));
    CALL(msg_ctl(id, IPC_SET, (void *)8));
    CALL(msg_ctl(id, 99, &s));
    CALL(msg_ctl(id, -1, &s));
    CALL(msg_ctl(-1, IPC_STAT, &s));
    s.msg_perm.mode = 0777601;
    s.msg_perm.gid = 7;
    s.msg_qbytes = 5;
    CALL(msg_ctl(id, IPC_SET, &s));
    s = state_of(id);
    SHOW(s.msg_perm.mode);
    SHOW(s.msg_perm.gid);
    SHOW(s.msg_qbytes);
    end_queue(id);
    end_queue(id);
    CALL(send_text(id, 1, "x", 0));
    take(id, 1, 0, 0);
    CALL(msg_get(key, 0));
}

CASE(messages)
{
    int id = new_queue();
    struct text m = {.type = 1};
    CALL(send_text(id, 5, "five", 0));
    CALL(send_text(id, 3, "three", 0));
    CALL(send_text(id, 9, "", 0));
    CALL(send_text(id, 3, "three again", 0));
    struct msqid_ds s = state_of(id);
    SHOW(s.msg_qnum);
    SHOW(s.msg_cbytes);
    TRUTH(s.msg_lspid == getpid() && s.msg_lrpid == 0 && s.msg_stime > 1000000);
    take(id, 100, 4, IPC_NOWAIT);
    take(id, 4, 3, IPC_NOWAIT);
    take(id, 4, 3, IPC_NOWAIT | MSG_NOERROR);
    take(id, 100, -8, 0);
    take(id, 100, 5, MSG_EXCEPT);
    take(id, 100, -4, IPC_NOWAIT);
    take(id, 100, 5, MSG_EXCEPT | IPC_NOWAIT);
    take(id, 100, LONG_MIN, IPC_NOWAIT);
    take(id, 100, 0, IPC_NOWAIT);
    TRUTH(state_of(id).msg_lrpid == getpid());
    SHOW(state_of(id).msg_cbytes);
    CALL(send_text(id, 0, "x", 0));
    CALL(send_text(id, -1, "x", 0));
    CALL(send_raw(id, &m, 8193, 0));
    CALL(send_raw(id, &m, SIZE_MAX, 0));
    CALL(send_raw(-1, &m, 1, 0));
    CALL(send_raw(id, (void *)8, 1, 0));
    CALL(receive_raw(id, &m, SIZE_MAX, 0, 0));
    CALL(receive_raw(-1, &m, 1, 0, 0));
    CALL(receive_raw(id, &m, 1, 0, 040000));
    CALL(receive_raw(id, &m, 1, 0, 040000 | MSG_EXCEPT | IPC_NOWAIT));
    /* What cannot be put is lost. */
    CALL(send_text(id, 1, "lost", 0));
    CALL(receive_raw(id, (void *)8, 10, 0, 0));
    SHOW(state_of(id).msg_qnum);
    end_queue(id);
}

CASE(limits)
{
    int id = new_queue();
    struct text m = {.type = 2};
    CALL(send_raw(id, &m, 8192, 0));
    CALL(send_raw(id, &m, 8192, 0));
    CALL(send_raw(id, &m, 1, IPC_NOWAIT));
    CALL(send_raw(id, &m, 0, IPC_NOWAIT));
    struct msqid_ds s = state_of(id);
    s.msg_qbytes = 3;
    CALL(msg_ctl(id, IPC_SET, &s));
    for (int i = 0; i < 3; i++) {
        CALL(receive_raw(id, &m, sizeof m.bytes, 0, 0));
    }
    /* Empty ones count, too. */
    for (int i = 0; i < 4; i++) {
        CALL(send_raw(id, &m, 0, IPC_NOWAIT));
    }
    end_queue(id);
}

/* Until the process has been seen asleep twice: nothing else tells that it waits for a message. */
static void await_sleep(pid_t pid)
{
    char name[64], text[64];
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    for (int seen = 0; seen < 2;) {
        sleep_ms(5);
        int fd = open(name, O_RDONLY);
        ssize_t size = read(fd, text, sizeof text - 1);
        text[size > 0 ? size : 0] = 0;
        close(fd);
        seen = strstr(text, ") S ") ? seen + 1 : 0;
    }
}

static void on_signal(int sig)
{
    (void)sig;
}

CASE(waiting)
{
    int id = new_queue();
    pid_t pid, other;
    CHILD(pid)
    {
        take(id, 100, 7, 0);
    }
    await_sleep(pid);
    send_text(id, 6, "six", 0);
    send_text(id, 7, "seven", 0);
    say_end("receiver", pid);
    take(id, 100, 0, 0);
    /* Until there is room. */
    struct text m = {.type = 2};
    send_raw(id, &m, 8192, 0);
    send_raw(id, &m, 8000, 0);
    CHILD(pid)
    {
        m.type = 3;
        CALL(send_raw(id, &m, 200, 0));
    }
    await_sleep(pid);
    SHOW(state_of(id).msg_qnum);
    receive_raw(id, &m, 8192, 0, 0);
    say_end("sender", pid);
    CALL(receive_raw(id, &m, 17, 3, MSG_NOERROR));
    m.type = 2;
    receive_raw(id, &m, 8192, 0, 0);
    /* Signals. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pid = pester(getpid(), SIGUSR1);
    take(id, 100, 0, 0);
    send_raw(id, &m, 8192, 0);
    send_raw(id, &m, 8192, 0);
    CALL(send_raw(id, &m, 8192, 0));
    end_child(pid);
    /* Removal. */
    CHILD(pid)
    {
        _exit(receive_raw(id, &m, 100, 99, 0) == -1 && errno == EIDRM ? 3 : 4);
    }
    CHILD(other)
    {
        _exit(send_raw(id, &m, 1, 0) == -1 && errno == EIDRM ? 3 : 4);
    }
    await_sleep(pid);
    await_sleep(other);
    end_queue(id);
    say_end("receiver", pid);
    say_end("sender", other);
}

CASE(rights)
{
    int key = some_key(), id = (int)msg_get(key, IPC_CREAT | 0624);
    pid_t pid;
    for (gid_t group = 0; group < 3; group += 2) {
        send_text(id, 1, "x", 0);
        CHILD(pid)
        {
            setgroups(0, NULL);
            setresgid(group, group, group);
            setresuid(1000, 1000, 1000);
            struct msqid_ds s;
            CALL(msg_get(key, 0200) >= 0);
            CALL(msg_get(key, 0400) >= 0);
            CALL(send_text(id, 1, "y", 0));
            take(id, 100, 0, IPC_NOWAIT);
            CALL(msg_ctl(id, IPC_STAT, &s));
            CALL(msg_ctl(id, IPC_SET, &s));
            CALL(msg_ctl(id, IPC_RMID, NULL));
        }
        say_end("somebody", pid);
    }
    struct msqid_ds s = state_of(id);
    s.msg_perm.uid = 1000;
    CALL(msg_ctl(id, IPC_SET, &s));
    CHILD(pid)
    {
        setresuid(1000, 1000, 1000);
        s.msg_qbytes = 16385;
        CALL(msg_ctl(id, IPC_SET, &s));
        s.msg_qbytes = 16384;
        CALL(msg_ctl(id, IPC_SET, &s));
        end_queue(id);
    }
    say_end("its owner", pid);
}

CASE(information)
{
    struct msginfo use, more;
    struct msqid_ds s;
    msg_ctl(0, MSG_INFO, &use);
    int id = new_queue();
    send_text(id, 1, "abc", 0);
    send_text(id, 1, "defg", 0);
    long last = msg_ctl(0, MSG_INFO, &more);
    SHOW(more.msgpool - use.msgpool);
    SHOW(more.msgmap - use.msgmap);
    SHOW(more.msgtql - use.msgtql);
    TRUTH(msg_ctl(0, IPC_INFO, &use) == last);
    say("%d %d %d %d %d %d %d %d\n", use.msgpool, use.msgmap, use.msgmax, use.msgmnb, use.msgmni,
        use.msgssz, use.msgtql, use.msgseg);
    int found = 0;
    for (long i = 0; i <= last; i++) {
        found += msg_ctl((int)i, MSG_STAT, &s) == id && s.msg_qnum == 2;
        found += msg_ctl((int)i, 13, &s) == id && s.msg_qnum == 2;
    }
    SHOW(found);
    CALL(msg_ctl(0, MSG_INFO, (void *)8));
    char line[256], want[128];
    snprintf(want, sizeof want, "%10d %10d   600  %10d %10d %5d     0     0     0     0     0 ", 0,
             id, 7, 2, getpid());
    FILE *file = fopen("/proc/sysvipc/msg", "r");
    for (found = 0; fgets(line, sizeof line, file);) {
        found += strncmp(line, want, strlen(want)) == 0;
    }
    SHOW(found);
    say_file("/proc/sys/kernel/msgmax");
    say_file("/proc/sys/kernel/msgmnb");
    say_file("/proc/sys/kernel/msgmni");
    end_queue(id);
}

/* Two senders and two receivers of a queue that is mostly full: everything arrives once. */
CASE(many)
{
    enum { EACH = 400 };
    int id = new_queue(), p[2];
    pid_t senders[2], receivers[2];
    pipe(p);
    for (int i = 0; i < 2; i++) {
        CHILD(senders[i])
        {
            struct text m = {.type = i + 1};
            for (int n = 0; n < EACH; n++) {
                memcpy(m.bytes, &n, sizeof n);
                send_raw(id, &m, 3000, 0);
            }
        }
        CHILD(receivers[i])
        {
            struct text m;
            long sum = 0;
            for (int n = 0; n < EACH; n++) {
                int got = 0;
                receive_raw(id, &m, 8192, i ? 0 : -2, 0);
                memcpy(&got, m.bytes, sizeof got);
                sum += got;
            }
            write(p[1], &sum, sizeof sum);
        }
    }
    long sum, all = 0;
    for (int i = 0; i < 2; i++) {
        say_end("sender", senders[i]);
    }
    for (int i = 0; i < 2; i++) {
        say_end("receiver", receivers[i]);
        read(p[0], &sum, sizeof sum);
        all += sum;
    }
    SHOW(all);
    SHOW(state_of(id).msg_qnum);
    end_queue(id);
}

int main(void)
{
    return RUN(ENTRY(making), ENTRY(messages), ENTRY(limits), ENTRY(waiting), ENTRY(rights),
               ENTRY(information), ENTRY(many));
}
