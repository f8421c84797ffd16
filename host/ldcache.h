/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * glibc's /etc/ld.so.cache (format "glibc-ld.so.cache1.1"), which names the file of each library:
 * looked up for the host's libraries, and made small for the machine's.
 */
#include "host/text.h"
#include <stddef.h>

/* The path of a library in the host's cache, the plainest one when there are several for different
 * processors; NULL when it is not there or there is no cache. */
const char *ldcache_find(const char *name);

/* A cache of names[i] at paths[i]; *size is set; the caller frees it. */
void *ldcache_make(const struct strings *names, const struct strings *paths, size_t *size);
