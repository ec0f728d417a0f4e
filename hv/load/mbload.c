/* See mbload.h. Names of fields are the specification's; numbers in parentheses its sections. */
#include "load/mbload.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "load/elf.h"

#define SEARCH		8192		/* bytes, in which the header has to be (3.1) */
#define HEADER_MAGIC	0x1badb002
#define BOOT_MAGIC	0x2badb002	/* in EAX at the start (3.2) */

struct header {				/* (3.1.1) */
	u32 magic, flags, checksum;
#define HEADER_UNKNOWN	0xfff8u		/* requirements that the specification does not know */
#define HEADER_ADDRESS	BIT(16)
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};
#define HEADER_SHORT	offsetof(struct header, header_addr)

struct info {				/* (3.3) */
	u32 flags;
#define INFO_MEMORY	BIT(0)
#define INFO_CMDLINE	BIT(2)
#define INFO_MODS	BIT(3)
#define INFO_MMAP	BIT(6)
#define INFO_LOADER	BIT(9)
#define INFO_FRAMEBUFFER BIT(12)
	u32 mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name;
	u32 apm_table, vbe[4];
	u64 framebuffer_addr;
	u32 framebuffer_pitch, framebuffer_width, framebuffer_height;
	u8 framebuffer_bpp, framebuffer_type, color_info[6];
#define FRAMEBUFFER_TEXT 2
} __packed;
static_assert(sizeof(struct info) == 116, "3.3");

struct mmap_entry {
	u32 size;			/* of the rest */
	u64 base_addr, length;
	u32 type;
} __packed;

struct module {
	u32 mod_start, mod_end, string, reserved;
};

#define LOADER_NAME	"Nestling"
#define STACK		1024	/* bytes; not promised, but every boot loader's kernels have one */

/* ---- The kernel ----------------------------------------------------------------------------- */

/* Is there a header at `at`? Its address fields are zeros when it has none, or is cut short. */
static bool read_header(const struct loader *l, u64 at, struct header *h)
{
	*h = (struct header){ .magic = 0 };
	if (at + HEADER_SHORT > SEARCH || l->io.read(l->io.ctx, 0, at, h, HEADER_SHORT) ||
	    h->magic != HEADER_MAGIC || h->magic + h->flags + h->checksum)
		return false;
	if (h->flags & HEADER_ADDRESS && (at + sizeof(*h) > SEARCH ||
					  l->io.read(l->io.ctx, 0, at, h, sizeof(*h))))
		memset(&h->header_addr, 0, sizeof(*h) - HEADER_SHORT);
	return true;
}

static bool find_header(const struct loader *l, struct header *h, u64 *at)
{
	u32 words[128];

	for (u64 base = 0; base < SEARCH && base < l->vm.kernel_size; base += sizeof(words)) {
		u64 size = l->vm.kernel_size - base;

		if (size > sizeof(words))
			size = sizeof(words);
		if (l->io.read(l->io.ctx, 0, base, words, size))
			return false;
		for (u64 i = 0; i < size / 4; i++) {
			*at = base + 4 * i;
			if (words[i] == HEADER_MAGIC && read_header(l, *at, h))
				return true;
		}
	}
	return false;
}

bool mbload_is(const struct loader *l)
{
	struct header h;
	u64 at;

	return find_header(l, &h, &at);
}

/* A kernel whose header, at `at` in the file, says what goes where (3.1.3). */
static int load_by_address(struct loader *l, const struct header *h, u64 at, u32 *entry,
			   const char **why)
{
	u64 skip = (u64)h->header_addr - h->load_addr, size, memsz;

	if (!h->header_addr)
		return loader_refuse(why, "its multiboot header has no address fields, though "
				     "its flags say so");
	if (h->load_addr > h->header_addr)
		return loader_refuse(why, "its load_addr is above its header_addr");
	if (skip > at)
		return loader_refuse(why, "its load_addr is so far below its header_addr that it "
				     "would begin before the file");
	size = l->vm.kernel_size - (at - skip);
	if (h->load_end_addr) {
		if (h->load_end_addr < h->load_addr)
			return loader_refuse(why, "its load_end_addr is below its load_addr");
		if (h->load_end_addr - h->load_addr > size)
			return loader_refuse(why, "its load_end_addr is behind the end of the "
					     "file");
		size = h->load_end_addr - h->load_addr;
	}
	if (h->bss_end_addr && h->bss_end_addr < (h->load_end_addr ?: h->load_addr))
		return loader_refuse(why, "its bss_end_addr is below what is loaded");
	memsz = h->bss_end_addr ? h->bss_end_addr - h->load_addr : 0;
	if (memsz < size)
		memsz = size;		/* no bss; or a whole file, with more at its end */
	if (h->entry_addr < h->load_addr || h->entry_addr - h->load_addr >= memsz)
		return loader_refuse(why, "its entry_addr is outside of what is loaded");
	if (loader_put_file(l, 0, at - skip, size, h->load_addr, memsz))
		return loader_refuse(why, "it does not fit into the VM's memory: give it more "
				     "`memory`, or load it elsewhere");
	*entry = h->entry_addr;
	return 0;
}

static int elf_read(void *ctx, u64 offset, void *buf, u64 size)
{
	const struct loader *l = ctx;

	return l->io.read(l->io.ctx, 0, offset, buf, size);
}

static int elf_segment(void *ctx, u64 paddr, u64 offset, u64 filesz, u64 memsz)
{
	return loader_put_file(ctx, 0, offset, filesz, paddr, memsz);
}

static int load_elf(struct loader *l, u32 *entry, const char **why)
{
	const struct elf_io io = { .ctx = l, .read = elf_read, .load = elf_segment };
	struct elf_image image;
	int err = elf_load(&io, &image, why);

	if (err)
		return err;
	if (place_is_free(&l->places, image.entry_paddr, 1))
		return loader_refuse(why, "its entry point is in none of its segments");
	*entry = (u32)image.entry_paddr;
	return 0;
}

/* ---- What it is told ------------------------------------------------------------------------ */

/* Write at `*at`, which moves on. @return where it was */
static u32 put(struct loader *l, u64 *at, const void *data, u64 size, int *err)
{
	u64 here = *at;

	*at += size;
	*err = *err ?: l->io.write(l->io.ctx, here, data, size);
	return (u32)here;
}

static u32 put_text(struct loader *l, u64 *at, const char *text, int *err)
{
	return put(l, at, text, strlen(text) + 1, err);
}

/* Modules go behind the kernel, each on a page of its own, in their order if nothing hinders. */
static int put_modules(struct loader *l, struct module *modules)
{
	u64 end = MiB(1);

	for (u32 i = 0; i < l->places.count; i++)
		end = l->places.taken[i].end > end ? l->places.taken[i].end : end;
	for (u32 i = 0; i < l->vm.module_count; i++) {
		u64 size = l->vm.module[i].size, at;

		at = place_find(&l->places, size, KiB(4), end, GiB(4), false);
		if (at == PLACE_NONE)
			at = place_find(&l->places, size, KiB(4), KiB(4), GiB(4), false);
		if (at == PLACE_NONE || l->io.copy(l->io.ctx, i + 1, 0, at, size))
			return -EFAULT;
		modules[i].mod_start = (u32)at;
		modules[i].mod_end = (u32)(at + size);
	}
	return 0;
}

static u64 info_size(const struct loader *l)
{
	u64 size = STACK + LOADER_GDT_SIZE + sizeof(struct info) + sizeof(LOADER_NAME) +
		   l->map.count * sizeof(struct mmap_entry) + strlen(l->vm.cmdline) + 1;

	for (u32 i = 0; i < l->vm.module_count; i++)
		size += sizeof(struct module) + strlen(l->vm.module[i].text) + 1;
	return size;
}

/* First all that has to be aligned, then strings; the info itself, which points to it, last. */
static int put_info(struct loader *l, u64 gdt, struct module *modules)
{
	struct info info = {
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER | INFO_FRAMEBUFFER,
		.mem_lower = memmap_lower_kib(&l->map), .mem_upper = memmap_upper_kib(&l->map),
		.mods_count = l->vm.module_count,
		.mmap_length = l->map.count * (u32)sizeof(struct mmap_entry),
		.framebuffer_addr = 0xb8000, .framebuffer_pitch = 160,
		.framebuffer_width = 80, .framebuffer_height = 25,
		.framebuffer_bpp = 16, .framebuffer_type = FRAMEBUFFER_TEXT,
	};
	u64 info_at = gdt + LOADER_GDT_SIZE, at = info_at + sizeof(info), mods_at;
	int err = loader_gdt(l, gdt);

	info.mmap_addr = (u32)at;
	for (u32 i = 0; i < l->map.count; i++) {
		const struct memmap_entry *e = &l->map.entry[i];
		struct mmap_entry m = { .size = sizeof(m) - sizeof(m.size), .base_addr = e->start,
					.length = e->size, .type = e->type };

		put(l, &at, &m, sizeof(m), &err);
	}
	mods_at = at;
	at += l->vm.module_count * sizeof(struct module);
	for (u32 i = 0; i < l->vm.module_count; i++)
		modules[i].string = put_text(l, &at, l->vm.module[i].text, &err);
	if (l->vm.module_count) {
		info.flags |= INFO_MODS;
		info.mods_addr = put(l, &mods_at, modules,
				     l->vm.module_count * sizeof(struct module), &err);
	}
	info.cmdline = put_text(l, &at, l->vm.cmdline, &err);
	info.boot_loader_name = put_text(l, &at, LOADER_NAME, &err);
	put(l, &info_at, &info, sizeof(info), &err);
	return err;
}

int mbload(struct loader *l, struct loader_start *start, const char **why)
{
	struct module modules[LOADER_MAX_MODULES] = { { .reserved = 0 } };
	struct header h;
	u64 at, gdt;
	int err;

	loader_init(l);
	if (!find_header(l, &h, &at))
		return loader_refuse(why, "it has no multiboot header");
	if (h.flags & HEADER_UNKNOWN)
		return loader_refuse(why, "its multiboot header requires something that Multiboot "
				     "0.6.96 does not know: one of the flags 3 to 15 is set");
	*start = (struct loader_start){ .eax = BOOT_MAGIC };
	err = h.flags & HEADER_ADDRESS ? load_by_address(l, &h, at, &start->eip, why) :
					 load_elf(l, &start->eip, why);
	if (err)
		return err;
	if (put_modules(l, modules))
		return loader_refuse(why, "its modules do not fit into the VM's memory: give it "
				     "more `memory`");
	at = loader_find_low(l, info_size(l), 8);
	gdt = at + STACK;
	if (at == PLACE_NONE || put_info(l, gdt, modules))
		return loader_refuse(why, "there is no room in the VM's memory for the multiboot "
				     "information: give it more `memory`");
	loader_bios_data(l);
	start->esp = start->gdt = (u32)gdt;
	start->ebx = (u32)gdt + LOADER_GDT_SIZE;
	return 0;
}
