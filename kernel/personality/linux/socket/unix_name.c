/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of AF_UNIX sockets (unix(7)): those in the file system are found by their inode, abstract
 * ones by their bytes; of those each type of socket has its own.
 */
#include "kernel/fs/inode.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/socket/unix.h"
#include "lib/format.h"
#include "lib/string.h"

#define PATH_AT   2u   /* sun_path in struct sockaddr_un */
#define NAME_SIZE 110u /* sizeof(struct sockaddr_un) */

#define BUCKETS   64
static struct mutex unix_names_lock = MUTEX_INIT(unix_names_lock, LOCK_UNIX_NAMES);
static struct list buckets[BUCKETS]; /* [unix_names_lock] struct unix_socket; next NULL: not used */

static struct list *bucket(uint64_t hash)
{
    struct list *list = &buckets[hash * 0x9e3779b97f4a7c15ull >> 58];
    if (list->next == NULL) {
        list_init(list);
    }
    return list;
}

static struct list *bucket_of_inode(const struct inode *inode)
{
    return bucket((uint64_t)inode >> 4);
}

static struct list *bucket_of_bytes(const struct socket_name *name)
{
    uint64_t hash = name->size;
    for (uint32_t i = PATH_AT; i < name->size; i++) {
        hash = hash * 31 + name->bytes[i];
    }
    return bucket(hash);
}

static bool is_abstract(const struct socket_name *name)
{
    return name->bytes[PATH_AT] == 0;
}

static int check(const struct socket_name *name)
{
    return name->size <= PATH_AT || name->size > NAME_SIZE || name->family != AF_UNIX ? -EINVAL : 0;
}

void unix_name_of(const struct unix_socket *s, struct socket_name *name)
{
    uint32_t size = __atomic_load_n(&s->name.size, __ATOMIC_ACQUIRE);
    if (size != 0) {
        *name = s->name;
        return;
    }
    name->size = PATH_AT;
    name->family = AF_UNIX;
}

/* The socket of that name, not counted. REQUIRES unix_names_lock. */
static struct unix_socket *find_bytes(const struct socket_name *name, unsigned type)
{
    struct unix_socket *s;
    list_for_each (s, bucket_of_bytes(name), name_link) {
        if (s->inode == NULL && s->socket.type == type && s->name.size == name->size &&
            memcmp(s->name.bytes, name->bytes, name->size) == 0) {
            return s;
        }
    }
    return NULL;
}

/* REQUIRES unix_names_lock. */
static void publish(struct unix_socket *s, const struct socket_name *name, struct list *list)
{
    memcpy(s->name.bytes, name->bytes, name->size);
    __atomic_store_n(&s->name.size, name->size, __ATOMIC_RELEASE);
    list_add(list, &s->name_link);
}

static int bind_bytes(struct unix_socket *s, const struct socket_name *name)
{
    int error = -EINVAL;
    mutex_lock(&unix_names_lock);
    if (s->name.size == 0) {
        error = find_bytes(name, s->socket.type) != NULL ? -EADDRINUSE : 0;
    }
    if (error == 0) {
        publish(s, name, bucket_of_bytes(name));
    }
    mutex_unlock(&unix_names_lock);
    return error;
}

/* The path in a name, terminated, and the name's size with that zero. */
static uint32_t path_text(const struct socket_name *name, char text[NAME_SIZE])
{
    size_t length = strnlen((const char *)name->bytes + PATH_AT, name->size - PATH_AT);
    memcpy(text, name->bytes + PATH_AT, length);
    text[length] = 0;
    return (uint32_t)(PATH_AT + length + 1);
}

static int make_node(const char *text, struct path *out)
{
    struct walk walk;
    int error = walk_begin(&walk, AT_FDCWD, text);
    if (error != 0) {
        return error;
    }
    error = vfs_mknod(&walk, text, S_IFSOCK | (0777 & ~current_umask()), 0);
    if (error == 0) {
        error = vfs_walk(&walk, text, 0, out);
    }
    walk_end(&walk);
    return error == -EEXIST ? -EADDRINUSE : error;
}

static void remove_node(const char *text)
{
    struct walk walk;
    if (walk_begin(&walk, AT_FDCWD, text) == 0) {
        (void)vfs_unlink(&walk, text);
        walk_end(&walk);
    }
}

static int bind_path(struct unix_socket *s, const struct socket_name *name)
{
    char text[NAME_SIZE];
    struct socket_name whole = {.size = path_text(name, text), .family = AF_UNIX};
    struct path path;
    memcpy(whole.bytes + PATH_AT, text, whole.size - PATH_AT);
    int error = make_node(text, &path);
    if (error != 0) {
        return error;
    }
    mutex_lock(&unix_names_lock);
    if (s->name.size != 0) {
        error = -EINVAL;
    } else {
        s->path = path;
        s->inode = path.dentry->inode;
        publish(s, &whole, bucket_of_inode(s->inode));
    }
    mutex_unlock(&unix_names_lock);
    if (error != 0) {
        path_put(&path);
        remove_node(text);
    }
    return error;
}

int unix_autobind(struct unix_socket *s)
{
    static unsigned next; /* atomic */
    struct socket_name name = {.size = PATH_AT + 6, .family = AF_UNIX};
    char digits[8];
    int error = -EADDRINUSE;
    if (__atomic_load_n(&s->name.size, __ATOMIC_RELAXED) != 0) {
        return 0;
    }
    for (unsigned tries = 0; error == -EADDRINUSE && tries <= 0xfffff; tries++) {
        unsigned number = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) & 0xfffff;
        snprintf(digits, sizeof(digits), "%05x", number);
        name.bytes[PATH_AT] = 0;
        memcpy(name.bytes + PATH_AT + 1, digits, 5);
        error = bind_bytes(s, &name);
    }
    return error == -EADDRINUSE ? -ENOSPC : error;
}

int unix_bind(struct socket *socket, const struct socket_name *name)
{
    struct unix_socket *s = unix_of(socket);
    if (name->size == PATH_AT && name->family == AF_UNIX) {
        return unix_autobind(s);
    }
    int error = check(name);
    if (error != 0) {
        return error;
    }
    return is_abstract(name) ? bind_bytes(s, name) : bind_path(s, name);
}

/* Takes the socket that has the inode. REQUIRES unix_names_lock. */
static struct unix_socket *find_inode(const struct inode *inode)
{
    struct unix_socket *s;
    list_for_each (s, bucket_of_inode(inode), name_link) {
        if (s->inode == inode) {
            return s;
        }
    }
    return NULL;
}

static int find_path(const struct socket_name *name, struct unix_socket **out)
{
    char text[NAME_SIZE];
    struct walk walk;
    struct path path;
    (void)path_text(name, text);
    int error = walk_begin(&walk, AT_FDCWD, text);
    if (error != 0) {
        return error;
    }
    error = vfs_walk(&walk, text, WALK_FOLLOW, &path);
    if (error == 0) {
        error = vfs_permission(walk.cred, &path, 2);
        if (error == 0) {
            mutex_lock(&unix_names_lock);
            *out = find_inode(path.dentry->inode);
            if (*out != NULL) {
                unix_get(*out);
            }
            mutex_unlock(&unix_names_lock);
            error = *out != NULL ? 0 : -ECONNREFUSED;
        }
        path_put(&path);
    }
    walk_end(&walk);
    return error;
}

int unix_find(const struct socket_name *name, unsigned type, struct unix_socket **out)
{
    int error = check(name);
    if (error != 0) {
        return error;
    }
    if (is_abstract(name)) {
        mutex_lock(&unix_names_lock);
        *out = find_bytes(name, type);
        if (*out != NULL) {
            unix_get(*out);
        }
        mutex_unlock(&unix_names_lock);
        error = *out != NULL ? 0 : -ECONNREFUSED;
    } else {
        error = find_path(name, out);
    }
    if (error == 0 && (*out)->socket.type != type) {
        unix_put(*out);
        error = -EPROTOTYPE;
    }
    return error;
}

void unix_unbind(struct unix_socket *s)
{
    mutex_lock(&unix_names_lock);
    bool was_bound = !list_empty(&s->name_link);
    if (was_bound) {
        list_del_init(&s->name_link);
    }
    mutex_unlock(&unix_names_lock);
    if (was_bound && s->inode != NULL) {
        path_put(&s->path);
    }
}
