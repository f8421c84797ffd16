/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Files that are there whole or not at all: written under another name beside their place, renamed
 * at the end, removed when alba fails or a signal ends it. Errors end alba with a line that names
 * the file. What is never written of a file is a hole, and reads as zero bytes.
 */
#include <stddef.h>
#include <stdint.h>

struct output;

/* Begins a file that is to be at path, which may be a regular file that it then replaces. */
struct output *output_create(const char *path);
/* A file that has no name and is gone with alba, in the directory of path. */
struct output *output_create_scratch(const char *path);

void output_write(struct output *output, const void *bytes, size_t size, uint64_t offset);
void output_text(struct output *output, const char *text, uint64_t offset);
/* Copies size bytes of a file from its beginning. */
void output_copy(struct output *output, int fd, uint64_t size, uint64_t offset);
void output_set_size(struct output *output, uint64_t size);
/* To read back what was written. */
int output_fd(const struct output *output);

/* All that were created get their names; they are gone after it. */
void output_finish(void);
