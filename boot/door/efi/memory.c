/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware's memory: taking it, reading its map, leaving the firmware, and what the map means
 * for the loader. Everything by door->services, so that tests can be the firmware.
 */
#include "boot/door/efi/door.h"
#include "lib/string.h"

enum {
    EXIT_TRIES = 8,
    MAP_TRIES = 8,
    MAP_SLACK = PAGE_SIZE, /* for the descriptors that taking the memory makes */
    MAP_MAX = 4 << 20,     /* bytes; larger ones are nonsense */
    DESCRIPTOR_MAX = 256,  /* bytes; the same */
};

efi_status efi_take(struct efi_door *door, size_t size, uint64_t *address)
{
    struct efi_boot_services *services = door->services;
    size_t pages = PAGES(size), free = 0;
    while (free < ARRAY_SIZE(door->taken) && door->taken[free].address != 0) {
        free++;
    }
    if (free == ARRAY_SIZE(door->taken) || size > SIZE_MAX - PAGE_MASK) {
        return EFI_OUT_OF_RESOURCES;
    }
    *address = UINT32_MAX;
    efi_status status = services->allocate_pages(EFI_ALLOCATE_BELOW, EFI_MEM_LOADER_DATA, pages,
                                                 address);
    if (status != EFI_SUCCESS) {
        status = services->allocate_pages(EFI_ALLOCATE_ANY, EFI_MEM_LOADER_DATA, pages, address);
    }
    if (status == EFI_SUCCESS) {
        door->taken[free].address = *address;
        door->taken[free].pages = pages;
    }
    return status;
}

void efi_drop(struct efi_door *door, uint64_t address)
{
    for (size_t i = 0; i < ARRAY_SIZE(door->taken); i++) {
        if (address != 0 && door->taken[i].address == address) {
            door->services->free_pages(address, door->taken[i].pages);
            door->taken[i].address = 0;
        }
    }
}

void efi_drop_all(struct efi_door *door)
{
    for (size_t i = 0; i < ARRAY_SIZE(door->taken); i++) {
        efi_drop(door, door->taken[i].address);
    }
}

/* Whether it can be walked. */
static bool map_is_sane(const struct efi_map *map)
{
    return map->descriptor_size >= sizeof(struct efi_descriptor) &&
           map->descriptor_size <= DESCRIPTOR_MAX && map->size >= map->descriptor_size &&
           map->size <= map->room;
}

/* The map into memory of ours, which grows as it must: taking it changes the map. */
static efi_status read_map(struct efi_door *door)
{
    struct efi_map *map = &door->map;
    for (unsigned i = 0; i < MAP_TRIES; i++) {
        map->size = map->room;
        efi_status status = door->services->get_memory_map(&map->size, map->bytes, &map->key,
                                                           &map->descriptor_size, &map->version);
        if (status == EFI_SUCCESS) {
            return map_is_sane(map) ? EFI_SUCCESS : EFI_UNSUPPORTED;
        }
        if (status != EFI_BUFFER_TOO_SMALL) {
            return status;
        }
        size_t room = MAX(map->size, map->room) + MAP_SLACK;
        if (map->size > MAP_MAX || room > MAP_MAX) {
            return EFI_UNSUPPORTED;
        }
        efi_drop(door, (uint64_t)map->bytes);
        *map = (struct efi_map){0};
        uint64_t address;
        status = efi_take(door, room, &address);
        if (status != EFI_SUCCESS) {
            return status;
        }
        map->bytes = (uint8_t *)address;
        map->room = PAGES(room) * PAGE_SIZE;
    }
    return EFI_OUT_OF_RESOURCES;
}

efi_status efi_leave(struct efi_door *door)
{
    efi_status status = EFI_INVALID_PARAMETER;
    for (unsigned i = 0; i < EXIT_TRIES && status == EFI_INVALID_PARAMETER; i++) {
        /* After the first try only the memory services may be called. */
        status = read_map(door);
        if (status != EFI_SUCCESS) {
            return status;
        }
        door->exits++;
        status = door->services->exit_boot_services(door->image, door->map.key);
    }
    return status;
}

static struct efi_descriptor descriptor(const struct efi_map *map, size_t index)
{
    struct efi_descriptor d;
    memcpy(&d, map->bytes + index * map->descriptor_size, sizeof(d));
    return d;
}

/* By address, with the order of equals kept: insertion, as most maps are in order already. */
static void sort(const struct efi_map *map, size_t count)
{
    uint8_t moved[DESCRIPTOR_MAX];
    size_t size = map->descriptor_size;
    for (size_t i = 1; i < count; i++) {
        uint64_t start = descriptor(map, i).start;
        size_t at = i;
        while (at > 0 && descriptor(map, at - 1).start > start) {
            at--;
        }
        if (at < i) {
            uint8_t *place = map->bytes + at * size;
            memcpy(moved, map->bytes + i * size, size);
            memmove(place + size, place, (i - at) * size);
            memcpy(place, moved, size);
        }
    }
}

/* What a range is once the firmware is left (7.2.1, table 7.10), as ACPI calls it. */
static uint32_t acpi_type(const struct efi_descriptor *d)
{
    enum { MEMORY = 1, RESERVED, ACPI, NVS, BAD };
    if (d->attributes & EFI_ATTRIBUTE_RUNTIME) {
        return RESERVED;
    }
    switch (d->type) {
    case EFI_MEM_LOADER_CODE:
    case EFI_MEM_LOADER_DATA:
    case EFI_MEM_BOOT_CODE:
    case EFI_MEM_BOOT_DATA:
    case EFI_MEM_CONVENTIONAL:
        return d->attributes & EFI_ATTRIBUTE_SPECIAL ? RESERVED : MEMORY;
    case EFI_MEM_ACPI_RECLAIM:
        return ACPI;
    case EFI_MEM_ACPI_NVS:
        return NVS;
    case EFI_MEM_UNUSABLE:
        return BAD;
    default:
        return RESERVED; /* persistent and unaccepted memory too: it is not for us as it is */
    }
}

void efi_map_convert(struct efi_map *map, efi_add_range add, void *context)
{
    size_t count = map->size / map->descriptor_size;
    sort(map, count);
    for (size_t i = 0; i < count; i++) {
        struct efi_descriptor d = descriptor(map, i);
        uint32_t type = acpi_type(&d);
        uint64_t most = (UINT64_MAX - d.start) >> PAGE_SHIFT;
        if (d.pages == 0 || (d.pages > most && type == 1)) {
            continue; /* empty; or memory that goes past the end of all addresses: it is none */
        }
        add(context, d.start, MIN(d.pages, most) << PAGE_SHIFT, type);
    }
}
