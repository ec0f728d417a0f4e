/**
 * @file loader.h
 * What the loaders of kernels share: files to read, guest memory to fill, and how the vCPU starts.
 * A loader takes a struct loader in which io and vm are filled in, puts the kernel, its modules and
 * what it shall be told into guest memory, and says how to start. Pure: the files are hostile, and
 * are only looked at through a function that checks every read.
 */
#ifndef LOAD_LOADER_H
#define LOAD_LOADER_H

#include "load/memmap.h"

#define LOADER_MAX_MODULES 16

/** Files by number, 0 is the kernel, 1 the first module; and guest memory, all zeros at first. */
struct loader_io {
	void *ctx;
	/** Read exactly `size` bytes of a file. @return 0, or negative when they are not there */
	int (*read)(void *ctx, u32 file, u64 offset, void *buf, u64 size);
	/** Copy `size` bytes of a file into guest memory. @return 0, or negative */
	int (*copy)(void *ctx, u32 file, u64 offset, u64 paddr, u64 size);
	/** Write to guest memory. @return 0, or negative */
	int (*write)(void *ctx, u64 paddr, const void *buf, u64 size);
};

/** The VM, as far as a loader has to know it. */
struct loader_vm {
	u64 memory;			/**< bytes, from address 0 on */
	const char *cmdline;
	u64 kernel_size;		/**< bytes of file 0 */
	u32 module_count;		/**< up to LOADER_MAX_MODULES */
	struct {
		u64 size;		/**< bytes of the file */
		const char *text;	/**< the string that goes with it */
	} module[LOADER_MAX_MODULES];
};

struct loader {
	struct loader_io io;
	struct loader_vm vm;
	/* For the loader's own use: */
	struct memmap map;
	struct places places;
};

/**
 * How a kernel starts: in 32-bit protected mode without paging, with flat segments and interrupts
 * off. All registers that are not here are 0.
 */
struct loader_start {
	u32 eip, esp, eax, ebx, esi;
	u32 gdt;			/**< where loader_gdt() put it */
};

/* Of the GDT in guest memory: what Linux demands (boot.rst, "32-bit boot protocol"). */
#define LOADER_CS	0x10
#define LOADER_DS	0x18
#define LOADER_GDT_SIZE	32		/* bytes */

/** Make the VM's memory map; nothing is in use yet. */
void loader_init(struct loader *l);

/**
 * Put a part of a file to a fixed address, followed by zeros up to `memsz` bytes.
 * @return 0; -EFAULT when the place is not RAM below 4 GiB, or the file has not so many bytes
 */
int loader_put_file(struct loader *l, u32 file, u64 offset, u64 size, u64 paddr, u64 memsz);

/**
 * A place for what the kernel shall be told, if possible in the first 640 KiB: kernels look for
 * free memory behind themselves, or from 1 MiB on, but spare what is below, as there the BIOS has
 * its data too. The first 64 KiB come last, since that is where they start other CPUs.
 * @return its address, a multiple of `align`; PLACE_NONE when there is none below 4 GiB
 */
u64 loader_find_low(struct loader *l, u64 size, u64 align);

/** Write a GDT with LOADER_CS and LOADER_DS. @return 0, or negative */
int loader_gdt(struct loader *l, u64 paddr);

/**
 * Write what a BIOS leaves in its data area about COM1, memory and the screen: there is no BIOS,
 * but its data is the one place where some kernels look. Last of all, if nothing was put there.
 */
void loader_bios_data(struct loader *l);

/** Set `*why` to a sentence. @return -ENOEXEC */
int loader_refuse(const char **why, const char *sentence);

#endif
