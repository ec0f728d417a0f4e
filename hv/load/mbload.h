/**
 * @file mbload.h
 * Loads kernels for multiboot boot loaders: version 1, "Multiboot Specification 0.6.96".
 */
#ifndef LOAD_MBLOAD_H
#define LOAD_MBLOAD_H

#include "load/loader.h"

/** Has the kernel a multiboot header? */
bool mbload_is(const struct loader *l);

/**
 * Load the kernel, the modules and the information structure.
 * @return 0; negative with `*why` set to a sentence
 */
int mbload(struct loader *l, struct loader_start *start, const char **why);

#endif
