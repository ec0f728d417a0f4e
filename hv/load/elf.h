/**
 * @file elf.h
 * Reads ELF executables, 32 and 64 bits. Pure: the file is hostile, and is only looked at through
 * a function that checks every read.
 */
#ifndef LOAD_ELF_H
#define LOAD_ELF_H

#include "lib/types.h"

/** Where the file comes from and where its segments go. */
struct elf_io {
	void *ctx;
	/** Read exactly `size` bytes of the file. @return 0, or negative when they are not there */
	int (*read)(void *ctx, u64 offset, void *buf, u64 size);
	/** Put `filesz` bytes of the file, then zeros up to `memsz`, at the address `paddr`. */
	int (*load)(void *ctx, u64 paddr, u64 offset, u64 filesz, u64 memsz);
};

/** What a file says of its start. */
struct elf_image {
	u64 entry;		/**< as the header has it: a virtual address, mostly */
	u64 entry_paddr;	/**< where that is loaded, if a segment has it; else the same */
};

/**
 * Load all PT_LOAD segments.
 * @return 0, or negative with `*why` set to a sentence
 */
int elf_load(const struct elf_io *io, struct elf_image *image, const char **why);

#endif
