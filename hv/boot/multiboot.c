/* See multiboot.h. Field names are the specification's (3.3, "Boot information format"). */
#include "boot/multiboot.h"

#include "core/console.h"
#include "core/panic.h"
#include "lib/string.h"
#include "load/cmdline.h"
#include "mm/pmm.h"

struct boot_info boot_info;

struct multiboot_info {
	u32 flags;
#define MBI_MEMORY	BIT(0)
#define MBI_CMDLINE	BIT(2)
#define MBI_MODS	BIT(3)
#define MBI_MMAP	BIT(6)
#define MBI_FRAMEBUFFER	BIT(12)
	u32 mem_lower, mem_upper;	/* KiB below 1 MiB, KiB from 1 MiB up */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 others[9];
	u64 framebuffer_addr;
	u32 framebuffer_pitch, framebuffer_width, framebuffer_height;
	u8 framebuffer_bpp, framebuffer_type;
#define FRAMEBUFFER_RGB	1
	u8 color_info[8];		/* position and size of red, green, blue; or 2 further */
} __packed;

static_assert(offsetof(struct multiboot_info, framebuffer_addr) == 88, "multiboot 1, 3.3");
static_assert(offsetof(struct multiboot_info, color_info) == 110, "multiboot 1, 3.3");

struct multiboot_module {
	u32 mod_start, mod_end, string, reserved;
} __packed;

static const void *at(u32 address)
{
	return phys_to_virt(hpa(address));
}

static void read_module(const struct multiboot_module *m)
{
	struct boot_module *out = &boot_info.module[boot_info.module_count++];

	cmdline_file(m->string ? at(m->string) : "", out->name, sizeof(out->name));
	out->start = hpa(m->mod_start);
	out->size = m->mod_end > m->mod_start ? m->mod_end - m->mod_start : 0;
}

static void read_memory(const struct multiboot_info *mbi)
{
	int err = 0;

	if (mbi->flags & MBI_MMAP)
		err = memmap_read(&boot_info.memory, at(mbi->mmap_addr), mbi->mmap_length);
	else
		memmap_add(&boot_info.memory, MiB(1), KiB(mbi->mem_upper), MEMMAP_RAM);
	if (err)
		printf("memory map: %s\n", err == -ENOSPC ?
		       "it has too many entries; some are left out" :
		       "an entry is broken; what follows it is left out");
}

static void read_screen(const struct multiboot_info *mbi)
{
	struct boot_screen *s = &boot_info.screen;
	const u8 *color = mbi->color_info;

	if (!color[1])		/* GRUB's compiler aligns its union: 112 for the manual's 110 */
		color += 2;
	s->graphics = mbi->framebuffer_type == FRAMEBUFFER_RGB;
	s->start = hpa(mbi->framebuffer_addr);
	s->pitch = mbi->framebuffer_pitch;
	s->width = mbi->framebuffer_width;
	s->height = mbi->framebuffer_height;
	s->bits = mbi->framebuffer_bpp;
	for (size_t i = 0; i < ARRAY_SIZE(s->position); i++) {
		s->position[i] = color[2 * i];
		s->size[i] = color[2 * i + 1];
	}
}

void multiboot_read(u32 magic, u32 info)
{
	const struct multiboot_info *mbi = at(info);

	if (magic != MULTIBOOT_MAGIC)
		panic("not started by a multiboot loader: EAX is 0x%x", magic);
	if (!(mbi->flags & (MBI_MMAP | MBI_MEMORY)))
		panic("the boot loader gave no memory map");
	if (mbi->flags & MBI_CMDLINE)
		strlcpy(boot_info.command_line, at(mbi->cmdline), sizeof(boot_info.command_line));
	if (mbi->flags & MBI_MODS) {
		const struct multiboot_module *m = at(mbi->mods_addr);

		if (mbi->mods_count > BOOT_MAX_MODULES)
			panic("%u modules; %u are the limit", mbi->mods_count, BOOT_MAX_MODULES);
		for (u32 i = 0; i < mbi->mods_count; i++)
			read_module(&m[i]);
	}
	read_memory(mbi);
	if (mbi->flags & MBI_FRAMEBUFFER)
		read_screen(mbi);
}
