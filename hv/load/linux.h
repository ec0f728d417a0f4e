/**
 * @file linux.h
 * Loads Linux kernels (bzImage), and others that come in that format: the Linux/x86 boot protocol,
 * 2.02 or newer, with its 32-bit entry (Linux, Documentation/arch/x86/boot.rst).
 */
#ifndef LOAD_LINUX_H
#define LOAD_LINUX_H

#include "load/loader.h"

/** Is the kernel in Linux's format? */
bool linux_is(const struct loader *l);

/**
 * Load the kernel, its initial RAM disk, which is the first module, and its boot parameters.
 * @return 0; negative with `*why` set to a sentence
 */
int linux_load(struct loader *l, struct loader_start *start, const char **why);

#endif
