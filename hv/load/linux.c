/* See linux.h. Names of fields are those of boot.rst and zero-page.rst. */
#include "load/linux.h"

#include "lib/errno.h"
#include "lib/string.h"

#define SECTOR		512
#define BOOT_FLAG	0xaa55
#define HDRS		0x53726448	/* "HdrS" */
#define BZIMAGE_ADDR	MiB(1)		/* a kernel that can't be moved is loaded here */

/* The setup header: boot.rst, "The Real-Mode Kernel Header". */
struct setup_header {
	u8 setup_sects;
	u16 root_flags;
	u32 syssize;
	u16 ram_size, vid_mode, root_dev, boot_flag;
	u8 jump, size;			/* `size` counts from `header` on */
	u32 header;
	u16 version;
	u32 realmode_swtch;
	u16 start_sys_seg, kernel_version;
	u8 type_of_loader;
#define LOADER_UNDEFINED 0xff
	u8 loadflags;
#define LOADED_HIGH	BIT(0)
	u16 setup_move_size;
	u32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	u16 heap_end_ptr;
	u8 ext_loader_ver, ext_loader_type;
	u32 cmd_line_ptr;
	u32 initrd_addr_max;		/* 2.03 */
	u32 kernel_alignment;		/* 2.05 */
	u8 relocatable_kernel;		/* 2.05 */
	u8 min_alignment;		/* 2.10 */
	u16 xloadflags;
	u32 cmdline_size;		/* 2.06 */
	u32 hardware_subarch;
	u64 hardware_subarch_data;
	u32 payload_offset, payload_length;
	u64 setup_data, pref_address;	/* 2.10 */
	u32 init_size;			/* 2.10 */
	u8 later[44];
} __packed;
#define HEADER_OFFSET	0x1f1		/* in the file, and in the boot parameters */
static_assert(offsetof(struct setup_header, header) == 0x202 - HEADER_OFFSET, "boot.rst");
static_assert(offsetof(struct setup_header, init_size) == 0x260 - HEADER_OFFSET, "boot.rst");
static_assert(sizeof(struct setup_header) == 0x290 - HEADER_OFFSET, "zero-page.rst");

/* The boot parameters, also known as the zero page: zero-page.rst. */
#define PARAMS_SIZE	4096
#define ALT_MEM_K	0x1e0
#define E820_ENTRIES	0x1e8
#define E820_TABLE	0x2d0
#define E820_MAX	128

struct screen_info {			/* the first part of the boot parameters */
	u8 orig_x, orig_y;
	u16 ext_mem_k, orig_video_page;
	u8 orig_video_mode, orig_video_cols, flags, unused2;
	u16 orig_video_ega_bx, unused3;
	u8 orig_video_lines, orig_video_isvga;
	u16 orig_video_points;
};

struct e820_entry {
	u64 addr, size;
	u32 type;
} __packed;

/* ---- The kernel ----------------------------------------------------------------------------- */

/* Read the setup header. Fields that it is too old for are zeros. */
static bool read_header(const struct loader *l, struct setup_header *h)
{
	u64 size;

	memset(h, 0, sizeof(*h));
	if (l->io.read(l->io.ctx, 0, HEADER_OFFSET, h, offsetof(struct setup_header, version)))
		return false;
	size = offsetof(struct setup_header, header) + h->size;
	if (size > sizeof(*h))
		size = sizeof(*h);
	return h->boot_flag == BOOT_FLAG && h->header == HDRS &&
	       size >= offsetof(struct setup_header, initrd_addr_max) &&
	       !l->io.read(l->io.ctx, 0, HEADER_OFFSET, h, size);
}

bool linux_is(const struct loader *l)
{
	struct setup_header h;

	return read_header(l, &h);
}

static int check_header(const struct loader *l, struct setup_header *h, const char **why)
{
	u32 cmdline_max = h->version >= 0x206 ? h->cmdline_size : 255;

	if (h->version < 0x202)
		return loader_refuse(why, "it is a Linux kernel with a boot protocol older than "
				     "2.02");
	if (!(h->loadflags & LOADED_HIGH))
		return loader_refuse(why, "it is a Linux kernel for low memory (zImage); only a "
				     "bzImage can be loaded");
	if (!h->code32_start)
		return loader_refuse(why, "it is in Linux's format, but has no 32-bit entry "
				     "(code32_start is 0): it wants to be started through a BIOS");
	if (strlen(l->vm.cmdline) > cmdline_max)
		return loader_refuse(why, "it does not take a `cmdline` of that length");
	if (l->vm.module_count > 1)
		return loader_refuse(why, "it is in Linux's format and takes one `module`, its "
				     "initial RAM disk");
	if (h->version < 0x20a) {
		h->pref_address = 0;
		h->init_size = 0;
		h->min_alignment = 0;
	}
	if (h->version < 0x205)
		h->relocatable_kernel = 0;
	if (h->version < 0x203)
		h->initrd_addr_max = 0x37ffffff;
	return 0;
}

/*
 * Where the kernel goes. One that can be moved goes to where it likes best to be, or to the lowest
 * place that has the alignment it likes, or at least the one it needs.
 */
static u64 choose_address(struct loader *l, struct setup_header *h, u64 size)
{
	u64 align = h->kernel_alignment, at;
	u8 shift = h->min_alignment;

	if (!h->relocatable_kernel)
		return BZIMAGE_ADDR;
	if (h->pref_address && h->pref_address < GiB(4) &&
	    place_is_ram(&l->places, h->pref_address, size))
		return h->pref_address;
	if (!align || align & (align - 1))
		return PLACE_NONE;
	at = place_find(&l->places, size, align, BZIMAGE_ADDR, GiB(4), false);
	if (at == PLACE_NONE && shift && shift < 32 && BIT(shift) < align) {
		h->kernel_alignment = (u32)BIT(shift);
		at = place_find(&l->places, size, BIT(shift), BZIMAGE_ADDR, GiB(4), false);
	}
	return at;
}

static int load_kernel(struct loader *l, struct setup_header *h, const char **why)
{
	u64 offset = (u64)(1 + (h->setup_sects ?: 4)) * SECTOR, size, memsz, at, entry;
	u64 run_at;

	if (offset >= l->vm.kernel_size)
		return loader_refuse(why, "it ends before its 32-bit part begins");
	size = l->vm.kernel_size - offset;
	memsz = h->init_size > size ? h->init_size : size;
	at = choose_address(l, h, memsz);
	run_at = h->relocatable_kernel || !h->pref_address ? at : h->pref_address;
	if (at == PLACE_NONE || loader_put_file(l, 0, offset, size, at, size) ||
	    !place_is_ram(&l->places, run_at, memsz) || !place_take(&l->places, run_at, memsz))
		return loader_refuse(why, "there is no room for it in the VM's memory: give it "
				     "more `memory`");
	entry = (u64)h->code32_start - BZIMAGE_ADDR;	/* how far from its beginning */
	if (entry >= size)
		return loader_refuse(why, "its entry point (code32_start) is outside of it");
	h->code32_start = (u32)(at + entry);
	return 0;
}

/* ---- What it is told ------------------------------------------------------------------------ */

/* As high as possible, so that the kernel has all the room that it may want (boot.rst). */
static int put_ramdisk(struct loader *l, struct setup_header *h)
{
	u64 size = l->vm.module_count ? l->vm.module[0].size : 0, at;

	h->ramdisk_image = h->ramdisk_size = 0;
	if (!size)
		return 0;
	at = place_find(&l->places, size, KiB(4), MiB(1), (u64)h->initrd_addr_max + 1, true);
	if (at == PLACE_NONE || l->io.copy(l->io.ctx, 1, 0, at, size))
		return -EFAULT;
	h->ramdisk_image = (u32)at;
	h->ramdisk_size = (u32)size;
	return 0;
}

static int put_e820(struct loader *l, u64 params)
{
	u8 count = 0;
	int err = 0;

	for (u32 i = 0; i < l->map.count && count < E820_MAX && !err; i++, count++) {
		const struct memmap_entry *m = &l->map.entry[i];
		const struct e820_entry e = { m->start, m->size, m->type };

		err = l->io.write(l->io.ctx, params + E820_TABLE + i * sizeof(e), &e, sizeof(e));
	}
	return err ?: l->io.write(l->io.ctx, params + E820_ENTRIES, &count, sizeof(count));
}

/* In this order: the boot parameters, a page; the GDT; the command line. */
static int put_params(struct loader *l, struct setup_header *h, u64 params)
{
	u64 gdt = params + PARAMS_SIZE, cmdline = gdt + LOADER_GDT_SIZE;
	u32 kib = memmap_upper_kib(&l->map);
	const struct screen_info screen = {		/* VGA's mode 3, 80 by 25 characters */
		.ext_mem_k = kib < 0xffff ? (u16)kib : 0xffff,
		.orig_video_mode = 3, .orig_video_cols = 80, .orig_video_lines = 25,
		.orig_video_isvga = 1, .orig_video_points = 16,
	};

	h->type_of_loader = LOADER_UNDEFINED;
	h->cmd_line_ptr = (u32)cmdline;
	return l->io.write(l->io.ctx, params, &screen, sizeof(screen)) ?:
	       l->io.write(l->io.ctx, params + ALT_MEM_K, &kib, sizeof(kib)) ?:
	       l->io.write(l->io.ctx, params + HEADER_OFFSET, h, sizeof(*h)) ?:
	       put_e820(l, params) ?:
	       loader_gdt(l, gdt) ?:
	       l->io.write(l->io.ctx, cmdline, l->vm.cmdline, strlen(l->vm.cmdline) + 1);
}

int linux_load(struct loader *l, struct loader_start *start, const char **why)
{
	struct setup_header h;
	u64 params;
	int err;

	loader_init(l);
	if (!read_header(l, &h))
		return loader_refuse(why, "it is not in Linux's format");
	err = check_header(l, &h, why) ?: load_kernel(l, &h, why);
	if (err)
		return err;
	if (put_ramdisk(l, &h))
		return loader_refuse(why, "there is no room for its initial RAM disk in the VM's "
				     "memory, or not where it wants it: give it more `memory`");
	params = loader_find_low(l, PARAMS_SIZE + LOADER_GDT_SIZE + strlen(l->vm.cmdline) + 1,
				 PARAMS_SIZE);
	if (params == PLACE_NONE || put_params(l, &h, params))
		return loader_refuse(why, "there is no room in the VM's memory for its boot "
				     "parameters: give it more `memory`");
	loader_bios_data(l);
	*start = (struct loader_start){ .eip = h.code32_start, .esi = (u32)params,
					.gdt = (u32)(params + PARAMS_SIZE) };
	return 0;
}
