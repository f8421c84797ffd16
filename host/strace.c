/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine counts by number and error; names, and what is missing of a call, are in
 * abi/linux.def. Of calls that are complete an error is the program's own doing and not told, but
 * for ENOSYS.
 */
#include "host/strace.h"
#include "host/say.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NUMBERS = 512 }; /* that the kernel counts */

static const struct row {
    int number;
    const char *name;
    const char *missing; /* NULL: nothing */
} rows[] = {
#define LINUX_CALL(nr, name, args)             {nr, #name, NULL},
#define LINUX_PARTIAL(nr, name, args, missing) {nr, #name, missing},
#define LINUX_ABSENT(nr, name)                 {nr, #name, "it is absent"},
#define LINUX_GONE(nr, name)                   {nr, #name, "Linux has it no longer"},
#include "abi/linux.def"
#undef LINUX_CALL
};

static const struct row *find(int number)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].number == number) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool is_worth_telling(const struct refusal *refusal)
{
    const struct row *row = find(refusal->call);
    return refusal->error == ENOSYS || (row != NULL && row->missing != NULL);
}

static void tell(const struct refusal *refusal)
{
    const struct row *row = find(refusal->call);
    const char *missing = row != NULL ? row->missing : "Linux does not know this number either";
    char name[32];
    if (row != NULL) {
        snprintf(name, sizeof(name), "%s", row->name);
    } else { /* the kernel does not tell those apart that are far from all calls */
        snprintf(name, sizeof(name), "call %d%s", refusal->call,
                 refusal->call < NUMBERS ? "" : " or higher");
    }
    say("%6u x %s: %s%s%s", refusal->count, name, strerror(refusal->error),
        missing == NULL            ? ""
        : refusal->error == EINVAL ? "; if not the program's mistake: "
                                   : ": ",
        missing == NULL ? "" : missing);
}

void strace_tell(const struct refusal *refusals, size_t count)
{
    size_t told = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_worth_telling(&refusals[i])) {
            if (told++ == 0) {
                say("calls that were refused, and what Alba lacks of them:");
            }
            tell(&refusals[i]);
        }
    }
    if (told == 0) {
        say("no call was refused for something that Alba lacks");
    }
}
