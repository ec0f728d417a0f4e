/**
 * @file vmfile.h
 * The VM file says which VMs to make: at most 128, in a text of at most 64 KiB.
 *
 *     file = vm { vm }
 *     vm   = "vm" NAME "{" { setting } "}"
 *
 * No two VMs have one name. Settings come in any order, each at most once in a
 * VM, but for `module`. A comment goes from # to the end of its line.
 *
 *     kernel NAME         the file to start: a Linux bzImage, a multiboot 1 kernel
 *                         or an ELF file; the file says which; every VM has one
 *     cmdline TEXT        its command line, passed as it is; default ""
 *     module NAME [TEXT]  a file for the kernel, and its string; default NAME; at
 *                         most 16
 *     memory SIZE [lazy]  64K to 512G, a multiple of 4K; default 4M; lazy: takes
 *                         memory of this computer only where it is touched
 *     pool NUMBER         lazy memory: most pages that its tables may take, at
 *                         least 4; default as many as it can need
 *     vcpus NUMBER        1 is all there is for now, and the default
 *     devices "{" { DEVICE } "}"
 *                         serial, pic, pit, rtc, keyboard, screen, exit, probe,
 *                         console, entropy, each at most once; default all but
 *                         the last three; console, entropy: virtio's
 *     disk FILE [readonly]
 *                         a virtio disk with what is in the file NAME, or an empty
 *                         one, if FILE is a SIZE: a multiple of 512, 512 to 1G; at
 *                         most 2. What is written to it is gone at the end
 *     net NAME            a virtio network card, at the switch of that name, where
 *                         other VMs may be, too; default none
 *     mode MODE           real, protected or long: how an ELF file starts,
 *                         whatever it says of itself; a flat file, default long
 *     load ADDRESS        the kernel is a flat file that goes there, below the end
 *                         of memory; its first byte is the entry
 *     args NUMBER NUMBER  found in RDI and RSI at the start; default 0 0
 *     exits NUMBER        stop after so many exits, at least 1, and show the
 *                         registers; default never
 *     budget NUMBER       stop after so many TSC ticks, at least 1; default never
 *     late ADDRESS SIZE   more memory, there once it is touched: 4K to 16M, and
 *                         above the other; multiples of 4K; default none
 *     rom NAME ADDRESS    a file that is found there, in memory of its own above
 *                         the other, and can't be written to; a multiple of 4K
 *     watch ADDRESS SIZE  say which pages of this lazy memory were written to: at
 *                         the end, and when the guest writes to port 0xf6; 4K to
 *                         1G, multiples of 4K; default none
 *     bare                emulate nothing: stop at the first exit, and show the
 *                         registers; with no devices, late, disk or net
 *
 *     NAME    1 to 31 letters, digits and . _ + - in quotes; no paths
 *     TEXT    up to 255 printable ASCII characters but " in quotes; no escapes
 *     NUMBER  decimal, or hexadecimal behind 0x, of 64 bits. So are SIZE and
 *             ADDRESS, which is at most 512G. Each may end in K, M or G: so many
 *             times 1024, 1024 * 1024, or 1024 * 1024 * 1024
 */
#ifndef LOAD_VMFILE_H
#define LOAD_VMFILE_H

#include "lib/types.h"

#define VMFILE_MAX_SIZE		KiB(64)
#define VMFILE_NAME_MAX		32	/* of VMs and files: bytes, terminator included */
#define VMFILE_TEXT_MAX		256	/* cmdline, a module's string: the same */
#define VMFILE_MAX_MODULES	16	/* in a VM */
#define VMFILE_MAX_VCPUS	1	/* in a VM */
#define VMFILE_MAX_DISKS	2	/* in a VM */
#define VMFILE_MAX_MEMORY	GiB(512)

enum vmfile_mode { VMFILE_REAL, VMFILE_PROTECTED, VMFILE_LONG };

/** Bits of vmfile_vm.devices. */
enum vmfile_device {
	VMFILE_SERIAL = BIT(0),		/**< 16550 */
	VMFILE_PIC = BIT(1),		/**< two 8259 */
	VMFILE_PIT = BIT(2),		/**< 8254 */
	VMFILE_RTC = BIT(3),		/**< MC146818 */
	VMFILE_KEYBOARD = BIT(4),	/**< 8042, and the other ports that reset */
	VMFILE_SCREEN = BIT(5),		/**< VGA text */
	VMFILE_EXIT = BIT(6),		/**< port 0xf4 */
	VMFILE_PC_DEVICES = BIT(7) - 1,
	VMFILE_PROBE = BIT(7),		/**< dev/vprobe.h */
	VMFILE_CONSOLE = BIT(8),	/**< dev/vconsole.h */
	VMFILE_ENTROPY = BIT(9),	/**< dev/ventropy.h */
	VMFILE_DEVICES = BIT(10) - 1,	/**< all that there are */
};

/** A file that the kernel gets. */
struct vmfile_module {
	char name[VMFILE_NAME_MAX];
	char text[VMFILE_TEXT_MAX];
};

/** A virtio disk. */
struct vmfile_disk {
	char file[VMFILE_NAME_MAX];	/**< "": it is empty, and has `size` bytes */
	u64 size;
	bool read_only;
};

struct vmfile_vm {
	char name[VMFILE_NAME_MAX];
	char kernel[VMFILE_NAME_MAX];
	char cmdline[VMFILE_TEXT_MAX];
	struct vmfile_module module[VMFILE_MAX_MODULES];
	u32 module_count;
	u32 vcpus;
	u64 memory;		/**< bytes, a multiple of 4096 */
	bool lazy;		/**< they are allocated on first touch */
	u64 pool;		/**< pages for the tables of lazy memory; 0: as many as it needs */
	u32 devices;		/**< a set of enum vmfile_device; of a bare VM none */
	enum vmfile_mode mode;	/**< long if it was not given */
	bool moded;		/**< `mode` was given */
	bool flat;		/**< `load` was given */
	bool bare;
	u64 load;		/**< guest physical address, below `memory` */
	u64 args[2];
	u64 exits;		/**< 0: no limit */
	u64 budget;		/**< TSC ticks, 0: no limit */
	u64 late, late_size;	/**< late memory: guest physical address, and bytes, or 0 */
	char rom[VMFILE_NAME_MAX];	/**< "": there is none */
	u64 rom_at;		/**< guest physical address, from `memory` on */
	struct vmfile_disk disk[VMFILE_MAX_DISKS];
	u32 disks;
	char net[VMFILE_NAME_MAX];	/**< the switch of its network card; "": it has none */
	u64 watch, watch_size;	/**< lazy memory to watch: guest physical address, bytes or 0 */
};

/** What is wrong with a VM file, and where. */
struct vmfile_error {
	u32 line, column;	/**< from 1; each byte is a column */
	char message[224];	/**< "expected ..., found ..." */
};

/**
 * Parse a VM file. Pure: text in, structs or an error out.
 * @param text,size  the file; need not be terminated
 * @param vms,max    room for the result; after an error it holds nothing of use
 * @return the number of VMs, at least 1, or -EINVAL with `error` filled in
 */
int vmfile_parse(const char *text, u64 size, struct vmfile_vm *vms, u32 max,
		 struct vmfile_error *error);

/** @return the name of the device of bit `bit` as VM files have it, or NULL if there is none */
const char *vmfile_device_name(u32 bit);

#endif
