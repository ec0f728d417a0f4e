/**
 * @file vmfile.h
 * The VM file: what VMs to make. Pure: text in, structs or an error with its place out.
 *
 *     # comment
 *     vm "first" {
 *             memory 2M               # with K, M or G; default 4M
 *             kernel "first.elf"      # an ELF file; with `load`, a flat one
 *             load 0x8000             # where a flat file goes; its first byte is the entry
 *             mode long               # real, protected or long (the default)
 *             args 0x1234 0x5678      # found in RDI and RSI at the start
 *             exits 1                 # stop after so many exits, and show the registers
 *             budget 5000000          # stop after so many TSC ticks
 *             late 0x40000000 64K     # memory that is there once the guest touches it
 *             bare                    # emulate nothing: stop at the first exit, show the registers
 *     }
 */
#ifndef LOAD_VMFILE_H
#define LOAD_VMFILE_H

#include "lib/types.h"

#define VMFILE_NAME_MAX	32	/* bytes, terminator included */
#define VMFILE_MAX_MEMORY GiB(512)

enum vmfile_mode { VMFILE_REAL, VMFILE_PROTECTED, VMFILE_LONG };

struct vmfile_vm {
	char name[VMFILE_NAME_MAX];
	char kernel[VMFILE_NAME_MAX];
	u64 memory;		/**< bytes, a multiple of 4096 */
	enum vmfile_mode mode;
	bool flat;		/**< `load` was given */
	u64 load;		/**< guest physical address */
	u64 args[2];
	u64 exits;		/**< 0: no limit */
	u64 budget;		/**< TSC ticks, 0: no limit */
	u64 late, late_size;	/**< late memory: guest physical address, and bytes, or 0 */
	bool bare;
};

struct vmfile_error {
	u32 line, column;	/**< from 1 */
	char message[128];	/**< what was expected, what was found */
};

/**
 * Parse a VM file.
 * @param text,size  the file; need not be terminated
 * @param vms,max    room for the result
 * @return the number of VMs, or -EINVAL with `error` filled in
 */
int vmfile_parse(const char *text, u64 size, struct vmfile_vm *vms, u32 max,
		 struct vmfile_error *error);

#endif
