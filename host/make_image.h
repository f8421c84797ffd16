/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The command `alba image`: argv[0] is "image". Returns alba's exit status. */
int make_image(int argc, char **argv);
