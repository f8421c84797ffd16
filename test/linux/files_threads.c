/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files, names, pipes and descriptors used by many threads and processes at once. What each of them
 * meets changes from run to run; what must never happen, and the sums at the end, do not.
 */
#include "test/linux/check.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>

#define THREADS 4

static volatile bool stop;
static long wrong; /* atomic: what must not happen */

static void count_wrong(bool is_wrong)
{
    if (is_wrong) {
        __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    }
}

/* Runs fn(0) to fn(count - 1) in threads; stops those from `helpers` on when the others are done.
 */
static void together(int count, int helpers, void (*fn)(long))
{
    pthread_t threads[16];
    stop = false;
    for (int i = 0; i < count; i++) {
        pthread_create(&threads[i], NULL, (void *(*)(void *))(void *)fn, (void *)(long)i);
    }
    for (int i = 0; i < count; i++) {
        if (i == helpers) {
            stop = true;
        }
        pthread_join(threads[i], NULL);
    }
    SHOW(wrong);
}

/* A descriptor that changes its file under its readers. */

static int files[2], shared;

static void replace_or_read(long number)
{
    char bytes[64];
    if (number == 0) {
        for (int i = 0; i < 3000; i++) {
            count_wrong(dup2(files[i % 2], shared) != shared);
        }
        return;
    }
    while (!stop) {
        memset(bytes, '.', sizeof bytes);
        ssize_t size = pread(shared, bytes, sizeof bytes, 0);
        bool same = size == sizeof bytes && (bytes[0] == 'a' || bytes[0] == 'b');
        for (size_t i = 0; same && i < sizeof bytes; i++) {
            same = bytes[i] == bytes[0];
        }
        count_wrong(!same);
    }
}

static void open_two(void)
{
    for (int i = 0; i < 2; i++) {
        char name[2] = {(char)('a' + i), 0}, bytes[64];
        memset(bytes, 'a' + i, sizeof bytes);
        files[i] = open(name, O_RDWR | O_CREAT, 0644);
        write(files[i], bytes, sizeof bytes);
    }
}

CASE(descriptor_is_replaced_while_it_is_read)
{
    open_two();
    shared = dup(files[0]);
    together(THREADS, 1, replace_or_read);
}

static void close_or_read(long number)
{
    char c;
    if (number == 0) {
        for (int i = 0; i < 2000; i++) {
            count_wrong(close(shared) != 0);
            count_wrong(dup2(files[i % 2], shared) != shared);
        }
        return;
    }
    while (!stop) {
        ssize_t size = pread(shared, &c, 1, 0);
        count_wrong(size == 1 ? c != 'a' && c != 'b' : size != -1 || errno != EBADF);
    }
}

CASE(descriptor_is_closed_while_it_is_read)
{
    open_two();
    shared = dup(files[0]);
    together(THREADS, 1, close_or_read);
}

static char owned[1024]; /* atomic: whose descriptor it is */

static void open_and_close(long number)
{
    int fds[24];
    for (int i = 0; i < 120; i++) {
        for (size_t k = 0; k < COUNT(fds); k++) {
            fds[k] = k % 3 == 2 ? dup(fds[k - 1]) : open("/dev/null", O_RDONLY);
            count_wrong(fds[k] < 0 ||
                        __atomic_exchange_n(&owned[fds[k]], (char)number + 1, __ATOMIC_SEQ_CST));
        }
        for (size_t k = 0; k < COUNT(fds); k++) {
            count_wrong(__atomic_exchange_n(&owned[fds[k]], 0, __ATOMIC_SEQ_CST) != number + 1);
            count_wrong(close(fds[k]) != 0);
        }
    }
}

CASE(nobody_gets_a_descriptor_in_use)
{
    together(THREADS, THREADS, open_and_close);
    int next = dup(1);
    count_wrong(next > 8);
}

/* Names that move while others look for them. */

#define LONG_NAME "a-name-that-is-too-long-to-be-kept-inside-of-a-dentry"

static void rename_over_or_open(long number)
{
    char mine[16];
    snprintf(mine, sizeof mine, "new%ld", number);
    for (int i = 0; number < 2 && i < 400; i++) {
        const char *target = i % 2 ? "target" : LONG_NAME;
        close(open(mine, O_WRONLY | O_CREAT | O_EXCL, 0644));
        count_wrong(rename(mine, target) != 0);
    }
    struct stat st;
    while (number >= 2 && !stop) {
        count_wrong(stat("target", &st) != 0);
        count_wrong(stat(LONG_NAME, &st) != 0);
        int fd = open("../names_that_are_replaced_are_always_there/target", O_RDONLY);
        count_wrong(fd < 0 || fstat(fd, &st) != 0 || st.st_nlink > 1);
        close(fd);
    }
}

CASE(names_that_are_replaced_are_always_there)
{
    make_file("target", "");
    make_file(LONG_NAME, "");
    together(THREADS, 2, rename_over_or_open);
}

static void exchange_or_look(long number)
{
    struct stat st;
    for (int i = 0; number == 0 && i < 1500; i++) {
        count_wrong(syscall(SYS_renameat2, AT_FDCWD, "left/x", AT_FDCWD, "right/" LONG_NAME, 2));
    }
    while (number != 0 && !stop) {
        count_wrong(stat("left/x/f", &st) != 0 || st.st_size != 1);
        count_wrong(stat("right/" LONG_NAME "/f", &st) != 0 || st.st_size != 1);
        count_wrong(stat("left/x/../x/./f", &st) != 0 && errno != ENOENT);
    }
}

CASE(names_that_are_exchanged_are_always_there)
{
    mkdir("left", 0755);
    mkdir("right", 0755);
    mkdir("left/x", 0755);
    mkdir("right/" LONG_NAME, 0755);
    make_file("left/x/f", "1");
    make_file("right/" LONG_NAME "/f", "2");
    together(THREADS, 1, exchange_or_look);
}

/* Directories move into each other; most attempts fail, and the tree stays a tree. */
static void move_dirs(long number)
{
    static const char *const from[] = {"a", "b", "a/c", "b/c", "b/a", "a/b"};
    static const char *const to[] = {"b/a", "a/b", "b/c", "a/c", "a", "b"};
    unsigned random = (unsigned)number * 77 + 5;
    for (int i = 0; i < 1200; i++) {
        random = random * 1664525 + 1013904223;
        unsigned which = (random >> 16) % COUNT(from);
        if (rename(from[which], to[which]) != 0) {
            count_wrong(errno != ENOENT && errno != ENOTEMPTY && errno != EINVAL &&
                        errno != EEXIST && errno != ENOTDIR);
        }
    }
}

static int count_tree(const char *name, int depth)
{
    int found = 0;
    DIR *dir = opendir(name);
    struct dirent *entry;
    while (dir != NULL && depth < 8 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            char path[256];
            snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
            found += 1 + count_tree(path, depth + 1);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

CASE(directories_that_move_stay_a_tree)
{
    mkdir("a", 0755);
    mkdir("b", 0755);
    mkdir("a/c", 0755);
    make_file("a/c/f", "");
    together(THREADS, THREADS, move_dirs);
    SHOW(count_tree(".", 0));
}

static long made, removed; /* atomic */

static void make_and_remove(long number)
{
    char name[32];
    for (int i = 0; i < 700; i++) {
        snprintf(name, sizeof name, "own-%ld-%d", number, i % 5);
        int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0644);
        count_wrong(fd < 0);
        snprintf(name, sizeof name, "common-%d", i % 3);
        int other = open(name, O_CREAT | O_EXCL | O_RDWR, 0644);
        __atomic_fetch_add(&made, other >= 0, __ATOMIC_RELAXED);
        __atomic_fetch_add(&removed, unlink(name) == 0, __ATOMIC_RELAXED);
        close(other);
        close(fd);
        snprintf(name, sizeof name, "own-%ld-%d", number, i % 5);
        count_wrong(unlink(name) != 0);
    }
}

CASE(names_are_made_and_removed)
{
    struct stat st;
    together(THREADS, THREADS, make_and_remove);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "common-%d", i);
        removed += unlink(name) == 0;
    }
    TRUTH(made == removed && made > 0);
    SHOW(count_tree(".", 0));
    stat(".", &st);
    SHOW(st.st_nlink);
}

static void link_and_unlink(long number)
{
    char name[32];
    snprintf(name, sizeof name, "link%ld", number);
    for (int i = 0; i < 700; i++) {
        count_wrong(link("file", name) != 0);
        count_wrong(unlink(name) != 0);
        snprintf(name, sizeof name, "dir%ld", number);
        count_wrong(mkdir(name, 0755) != 0 || rmdir(name) != 0);
        snprintf(name, sizeof name, "link%ld", number);
    }
}

CASE(links_are_counted)
{
    struct stat st;
    make_file("file", "");
    together(THREADS, THREADS, link_and_unlink);
    stat("file", &st);
    SHOW(st.st_nlink);
    stat(".", &st);
    SHOW(st.st_nlink);
}

static void change_or_list(long number)
{
    char name[32];
    for (int i = 0; number == 0 && i < 800; i++) {
        snprintf(name, sizeof name, "comes-and-goes-%d", i % 7);
        close(open(name, O_CREAT | O_RDWR, 0644));
        if (i % 3 != 0) {
            unlink(name);
        }
    }
    while (number != 0 && !stop) {
        int stays = 0;
        DIR *dir = opendir(".");
        struct dirent *entry;
        while ((entry = readdir(dir)) != NULL) {
            stays += strncmp(entry->d_name, "stays", 5) == 0;
        }
        closedir(dir);
        count_wrong(stays != 40);
    }
}

CASE(names_that_stay_are_listed_once)
{
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "stays-%d", i);
        make_file(name, "");
    }
    together(THREADS, 1, change_or_list);
}

static void change_dir_or_look(long number)
{
    struct stat st;
    for (int i = 0; number == 0 && i < 1500; i++) {
        count_wrong(chdir(i % 2 ? "../one" : "../two") != 0);
    }
    char text[256];
    while (number != 0 && !stop) {
        count_wrong(stat("here", &st) != 0);
        count_wrong(stat("../one/../two/here", &st) != 0);
        count_wrong(getcwd(text, sizeof text) == NULL);
    }
}

CASE(working_directory_changes_under_walks)
{
    mkdir("one", 0755);
    mkdir("two", 0755);
    make_file("one/here", "");
    make_file("two/here", "");
    chdir("one");
    together(THREADS, 1, change_dir_or_look);
}

/* Data. */

struct record {
    int writer, number;
};
#define RECORDS 2000

static int pipe_ends[2];
static long sums[THREADS]; /* atomic: of the numbers that came from each writer */

static void write_or_read_records(long number)
{
    struct record r = {(int)number, 0};
    for (int i = 0; number < THREADS && i < RECORDS; i++) {
        r.number = i;
        count_wrong(write(pipe_ends[1], &r, sizeof r) != sizeof r);
    }
    while (number >= THREADS) {
        ssize_t size = read(pipe_ends[0], &r, sizeof r);
        count_wrong(size != sizeof r || r.writer < -1 || r.writer >= THREADS);
        if (size != sizeof r || r.writer < 0) {
            return;
        }
        __atomic_fetch_add(&sums[r.writer], r.number, __ATOMIC_RELAXED);
    }
}

static void *end_records(void *arg)
{
    struct record end = {-1, 0};
    for (int i = 0; i < THREADS; i++) {
        pthread_join(((pthread_t *)arg)[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        write(pipe_ends[1], &end, sizeof end);
    }
    return NULL;
}

CASE(records_go_through_a_pipe_whole)
{
    pthread_t threads[2 * THREADS], ender;
    pipe(pipe_ends);
    for (long i = 0; i < 2 * THREADS; i++) {
        pthread_create(&threads[i], NULL, (void *(*)(void *))(void *)write_or_read_records,
                       (void *)i);
    }
    pthread_create(&ender, NULL, end_records, threads);
    pthread_join(ender, NULL);
    for (int i = THREADS; i < 2 * THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    SHOW(wrong);
    for (int i = 0; i < THREADS; i++) {
        SHOW(sums[i]);
    }
}

static int tables[2][2][2]; /* two players at each; a pipe to each of them */

static void ping_pong(long number)
{
    int(*to)[2] = tables[number / 2], me = (int)number % 2;
    char c = 0;
    for (int i = 0; i < 1500; i++) {
        struct pollfd wait = {to[me][0], POLLIN, 0};
        if (me == 0) {
            write(to[1][1], &c, 1);
        }
        count_wrong(poll(&wait, 1, 30000) != 1 || wait.revents != POLLIN);
        count_wrong(read(to[me][0], &c, 1) != 1);
        if (me == 1) {
            write(to[0][1], &c, 1);
        }
    }
}

CASE(no_wake_up_is_lost)
{
    for (int i = 0; i < 4; i++) {
        pipe(tables[i / 2][i % 2]);
    }
    together(THREADS, THREADS, ping_pong);
}

static void append(long number)
{
    char line[64];
    int fd = open("log", O_WRONLY | O_APPEND);
    for (int i = 0; i < 400; i++) {
        int size = (int)(number * 7 + i) % 40 + 2;
        memset(line, 'a' + (int)number, (size_t)size);
        line[size - 1] = '\n';
        count_wrong(write(fd, line, (size_t)size) != size);
    }
    close(fd);
}

CASE(appended_lines_are_whole)
{
    make_file("log", "");
    together(THREADS, THREADS, append);
    FILE *log = fopen("log", "r");
    char line[64];
    long lines[THREADS] = {0}, bytes[THREADS] = {0};
    while (fgets(line, sizeof line, log) != NULL) {
        size_t size = strlen(line);
        unsigned who = line[0] == '\n' ? 0 : (unsigned)(line[0] - 'a');
        count_wrong(who >= THREADS || strspn(line, (char[]){line[0], 0}) < size - 1);
        lines[who % THREADS]++;
        bytes[who % THREADS] += (long)size;
    }
    for (int i = 0; i < THREADS; i++) {
        say("%d: %ld lines, %ld bytes\n", i, lines[i], bytes[i]);
    }
    SHOW(wrong);
}

static char taken[4000]; /* atomic */

static void read_next(long number)
{
    int record;
    (void)number;
    while (read(shared, &record, sizeof record) == sizeof record) {
        count_wrong(record < 0 || record >= (int)sizeof taken ||
                    __atomic_exchange_n(&taken[record], 1, __ATOMIC_RELAXED) != 0);
    }
}

CASE(shared_position_gives_each_record_once)
{
    shared = open("records", O_RDWR | O_CREAT, 0644);
    for (int i = 0; i < (int)sizeof taken; i++) {
        write(shared, &i, sizeof i);
    }
    lseek(shared, 0, SEEK_SET);
    together(THREADS, THREADS, read_next);
    SHOW(memchr(taken, 0, sizeof taken) == NULL);
}

/* Locks: a counter in a file that is read, and written with one more. */

static void lock_file(int kind, int fd, bool on)
{
    struct flock range = {.l_type = on ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_len = 1};
    int error = kind == 0   ? flock(fd, on ? LOCK_EX : LOCK_UN)
                : kind == 1 ? fcntl(fd, F_SETLKW, &range)
                            : fcntl(fd, F_OFD_SETLKW, &range);
    count_wrong(error != 0);
}

static void increment(int kind)
{
    int fd = open("counter", O_RDWR);
    for (int i = 0; i < 150; i++) {
        long value = -1;
        lock_file(kind, fd, true);
        count_wrong(pread(fd, &value, sizeof value, 0) != sizeof value);
        value++;
        count_wrong(pwrite(fd, &value, sizeof value, 0) != sizeof value);
        lock_file(kind, fd, false);
    }
    close(fd);
}

static void increment_by_file(long number)
{
    (void)number;
    increment(2);
}

CASE(locks_keep_others_out)
{
    for (int kind = 0; kind < 3; kind++) {
        long value = 0;
        int fd = open("counter", O_RDWR | O_CREAT | O_TRUNC, 0644);
        write(fd, &value, sizeof value);
        pid_t pids[THREADS];
        for (int i = 0; i < THREADS; i++) {
            CHILD(pids[i])
            {
                increment(kind);
                _exit(wrong != 0);
            }
        }
        for (int i = 0; i < THREADS; i++) {
            say_end("process", pids[i]);
        }
        pread(fd, &value, sizeof value, 0);
        SHOW(value);
        close(fd);
    }
    together(THREADS, THREADS, increment_by_file);
    long value = 0;
    pread(open("counter", O_RDONLY), &value, sizeof value, 0);
    SHOW(value);
}

/* Processes that end while they are looked at. */

static void fork_or_look(long number)
{
    static const char *const names[] = {"stat",     "status", "maps",   "cmdline", "fd/0",
                                        "fdinfo/0", "cwd/.",  "mounts", "task",    "environ"};
    for (int i = 0; number == 0 && i < 120; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    char text[2048];
    unsigned turn = (unsigned)number;
    while (number != 0 && !stop) {
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        while (!stop && (entry = readdir(dir)) != NULL) {
            if (entry->d_name[0] < '0' || entry->d_name[0] > '9') {
                continue;
            }
            snprintf(text, sizeof text, "/proc/%s/%s", entry->d_name, names[turn++ % COUNT(names)]);
            int fd = open(text, O_RDONLY | O_NONBLOCK);
            if (fd < 0) {
                count_wrong(errno != ENOENT && errno != ESRCH && errno != EACCES &&
                            errno != ENXIO && errno != EINVAL);
                continue;
            }
            if (read(fd, text, sizeof text) < 0) {
                count_wrong(errno != ESRCH && errno != ENOENT && errno != EISDIR &&
                            errno != EAGAIN && errno != EINVAL && errno != EACCES && errno != EIO);
            }
            close(fd);
        }
        closedir(dir);
    }
}

CASE(processes_end_while_they_are_looked_at)
{
    together(THREADS, 1, fork_or_look);
}

int main(void)
{
    return RUN(ENTRY(descriptor_is_replaced_while_it_is_read),
               ENTRY(descriptor_is_closed_while_it_is_read), ENTRY(nobody_gets_a_descriptor_in_use),
               ENTRY(names_that_are_replaced_are_always_there),
               ENTRY(names_that_are_exchanged_are_always_there),
               ENTRY(directories_that_move_stay_a_tree), ENTRY(names_are_made_and_removed),
               ENTRY(links_are_counted), ENTRY(names_that_stay_are_listed_once),
               ENTRY(working_directory_changes_under_walks), ENTRY(records_go_through_a_pipe_whole),
               ENTRY(no_wake_up_is_lost), ENTRY(appended_lines_are_whole),
               ENTRY(shared_position_gives_each_record_once), ENTRY(locks_keep_others_out),
               ENTRY(processes_end_while_they_are_looked_at));
}
