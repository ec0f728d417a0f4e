/**
 * @file multiboot.h
 * What the boot loader hands over (Multiboot 0.6.96). QEMU, GRUB and our own boot sector do.
 */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#define MULTIBOOT_HEADER_MAGIC	0x1badb002
#define MULTIBOOT_HEADER_FLAGS	0x00000003	/* modules on page borders; memory map, please */
#define MULTIBOOT_MAGIC		0x2badb002	/* in EAX at entry */

#ifndef __ASSEMBLER__

#include "api.h"
#include "load/memmap.h"
#include "mm/types.h"

/** A file that the boot loader put into memory. */
struct boot_module {
	hpa_t start;
	u64 size;
	char name[HV_NAME_MAX];	/**< the last part of its path, without arguments */
};

#define BOOT_MAX_MODULES	160	/* a VM file, and a kernel for each of 128 VMs */

/** The screen as the boot loader left it. */
struct boot_screen {
	bool graphics;		/**< else it is VGA text mode, and nothing here is set */
	hpa_t start;
	u32 pitch;		/**< bytes from a line to the next */
	u32 width, height;	/**< in pixels */
	u32 bits;		/**< of a pixel */
	u8 position[3], size[3];	/**< bits of red, green and blue in a pixel */
};

/** The boot information, copied before anything could overwrite it. */
struct boot_info {
	char command_line[2048];
	struct memmap memory;
	struct boot_module module[BOOT_MAX_MODULES];
	u32 module_count;
	struct boot_screen screen;
};

extern struct boot_info boot_info;

/** Copy what EAX and EBX had at entry into boot_info. Panics when it is not multiboot. */
void multiboot_read(u32 magic, u32 info);

#endif
#endif
