/* SPDX-License-Identifier: BSD-2-Clause */
/* A name that is wrong is told before anything is packed. */
#include "host/plan.h"
#include "host/say.h"
#include <stdlib.h>
#include <string.h>

/* LD_LIBRARY_PATH as the program will see it. */
static const char *library_path(const struct options *options)
{
    static const char name[] = "LD_LIBRARY_PATH=";
    const char *value = NULL;
    for (size_t i = 0; i < options->env.count; i++) {
        if (strncmp(options->env.at[i], name, sizeof(name) - 1) == 0) {
            value = options->env.at[i] + sizeof(name) - 1;
        }
    }
    return value;
}

void plan_program(struct plan *plan, const struct options *options)
{
    *plan = (struct plan){0};
    if (options->root != NULL) {
        plan->program = text_copy(options->args[0]);
    } else {
        plan->program = deps_locate(options->args[0]);
        deps_find(plan->program, library_path(options), &plan->deps);
    }
}

void plan_free(struct plan *plan)
{
    free(plan->program);
    strings_free(&plan->deps.files);
    strings_free(&plan->deps.names);
    strings_free(&plan->deps.paths);
}

struct image plan_pack(const struct plan *plan, const struct options *options,
                       const struct session *session, int fd)
{
    size_t size;
    char *spec = session_spec(session, options, plan->program, &size);
    struct image image = image_build(fd, options, options->root == NULL ? &plan->deps : NULL, spec,
                                     size);
    free(spec);
    say_detail("the image has %lu KiB", (unsigned long)(image.size >> 10));
    return image;
}
