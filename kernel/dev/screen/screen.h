/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The screen's part of the very first step; the rest of it is screen_driver. */
struct bootinfo;

/* Notes what the loader found, so that the log and panics can be shown. */
void screen_early_init(const struct bootinfo *info);
