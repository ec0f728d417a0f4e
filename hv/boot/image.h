/*
 * image.h - the flat disk image, as the boot loader and scripts/mkimage see it.
 *
 * The image is the shortest way from power-on to the hypervisor: no partition table, no
 * file system, no boot menu.
 *
 *	sector 0	bootsect.S, which the BIOS loads to 0x7c00
 *	sectors 1..	loader.S, which the boot sector loads to 0x7e00
 *	next sector	the load table, written by mkimage; it comes along with the loader
 *	the rest	the regions that the table lists
 *
 * Three regions are enough: the multiboot information, the hypervisor, and all the modules,
 * which lie in the image just as they will lie in memory.
 *
 * Physical memory below 1 MiB while the loader runs:
 *
 *	0x00000 - 0x004ff	the BIOS's interrupt vectors and data
 *	0x00500 - 0x07bff	stack, growing down from 0x7c00
 *	0x07c00 - 0x08fff	boot sector, loader, load table
 *	0x09000 - 0x0ffff	multiboot information; it stays after the loader is gone
 *	0x10000 - 0x17fff	bounce buffer: the BIOS reads here, the loader copies upward
 */
#ifndef HV_BOOT_IMAGE_H
#define HV_BOOT_IMAGE_H

#define BOOT_BASE		0x7c00
#define BOOT_SIGNATURE		0x7dfe		/* the bytes 0x55 0xaa end the boot sector */
#define SECTOR_SIZE		512

#define BUFFER_BASE		0x10000
#define BUFFER_SECTORS		64		/* one BIOS call reads up to 127 */

/* The load table: a header, then TABLE_COUNT loads. All fields are 32 bits wide. */
#define TABLE_MAGIC		0		/* TABLE_MAGIC_VALUE */
#define TABLE_ENTRY		4		/* entry point of the hypervisor */
#define TABLE_INFO		8		/* multiboot information; below 64 KiB */
#define TABLE_END		12		/* memory needed, in KiB from address 0 */
#define TABLE_COUNT		16		/* loads that follow; the first brings the info */
#define TABLE_LOADS		20
#define TABLE_MAGIC_VALUE	0x4c54534e	/* "NSTL" */

/* One load: so many sectors from here to there. */
#define LOAD_LBA		0		/* first sector */
#define LOAD_SECTORS		4
#define LOAD_ADDRESS		8		/* physical */
#define LOAD_SIZE		12

/* Fields of the multiboot information that only the running loader knows. */
#define MB_FLAGS		0
#define MB_MEM_LOWER		4		/* KiB from address 0 */
#define MB_MEM_UPPER		8		/* KiB from 1 MiB */
#define MB_MMAP_LENGTH		44		/* mkimage: bytes reserved; loader: bytes used */
#define MB_MMAP_ADDR		48

#define MB_FLAG_MEMORY		(1 << 0)
#define MB_FLAG_MMAP		(1 << 6)
#define MB_BOOT_MAGIC		0x2badb002	/* in EAX when the hypervisor starts */

#endif
