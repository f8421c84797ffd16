/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot manager's story: open the disk, find the system partition with the configuration, let
 * people choose if there is something to choose, start it. Whatever fails comes back here.
 */
#include "abi/disk.h"
#include "abi/errno.h"
#include "boot/door/bios/manager.h"
#include "boot/door/bios/volume.h"
#include "lib/format.h"

enum { ERROR_SIZE = 160 };

_Noreturn void manager_main(uint8_t drive);

static struct fat fat;
static struct bootcfg config;

/* Everything of the volume is at its place on the disk. */
static int read_volume(void *context, uint64_t first, uint32_t count, void *buffer)
{
    const struct volume *volume = context;
    return disk_read(NULL, volume->start + first, count, buffer);
}

/* Reads the configuration of the volume; 0, or fat.error says why not. */
static int read_config(struct volume *volume, uint32_t *size)
{
    struct fat_file file;
    int result = fat_mount(&fat, read_volume, volume, volume->size);
    if (result == 0) {
        result = fat_open(&fat, DISK_CONFIG, sizeof(DISK_CONFIG) - 1, &file);
    }
    if (result == 0 && file.size > BOOTCFG_MAX_SIZE) {
        fat.error = "the file is too large";
        result = -EFBIG;
    }
    if (result == 0) {
        *size = file.size;
        result = fat_read(&fat, &file, config_text, file.size);
    }
    return result;
}

/* Looks for the configuration where it can be; the first one found counts. */
static bool find_config(void)
{
    static struct volume volumes[VOLUME_MAX];
    struct volume_disk disk = {
        .read = disk_read, .sector_units = disk_sector_units(), .units = disk_units()};
    int count = volume_find(&disk, volumes);
    if (count < 0) {
        complain("the disk cannot be read: %s", disk_error());
        return false;
    }
    /* What is wrong with the best place is of interest, not that the others are none. */
    char error[ERROR_SIZE] = "";
    uint32_t size = 0;
    int found = 0;
    while (found < count && read_config(&volumes[found], &size) != 0) {
        if (found++ == 0) {
            snprintf(error, sizeof(error), "%s%s%s", fat.error, disk_error()[0] != 0 ? ": " : "",
                     disk_error());
        }
    }
    if (found == count) {
        complain("%s on the %s: %s", DISK_CONFIG, volumes[0].kind, error);
        return false;
    }
    uint32_t line;
    const char *why;
    if (bootcfg_parse(&config, (const char *)config_text, size, &line, &why) != 0) {
        complain("%s, line %u: %s", DISK_CONFIG, line, why);
        return false;
    }
    return true;
}

_Noreturn void manager_main(uint8_t drive)
{
    linux_note_time();
    console_begin();
    for (bool wait = false;; wait = true) {
        if (!open_a20()) {
            complain("the address line A20 does not open; nothing can be loaded above 1 MiB");
        } else if (disk_open(drive) == 0 && find_config()) {
            linux_start(&fat, menu_run(&config, wait));
        }
        console_print("Press a key to try again.\n");
        console_key(WAIT_FOR_EVER);
    }
}
