/* See loader.h. */
#include "load/loader.h"

#include "lib/errno.h"

int loader_refuse(const char **why, const char *sentence)
{
	*why = sentence;
	return -ENOEXEC;
}

void loader_init(struct loader *l)
{
	memmap_guest(&l->map, l->vm.memory);
	l->places.map = &l->map;
	l->places.count = 0;
}

int loader_put_file(struct loader *l, u32 file, u64 offset, u64 size, u64 paddr, u64 memsz)
{
	if (paddr >= GiB(4) || size > memsz || !place_is_ram(&l->places, paddr, memsz) ||
	    !place_take(&l->places, paddr, memsz))
		return -EFAULT;
	return l->io.copy(l->io.ctx, file, offset, paddr, size);
}

u64 loader_find_low(struct loader *l, u64 size, u64 align)
{
	u64 at = place_find(&l->places, size, align, KiB(64), KiB(640), false);

	return at != PLACE_NONE ? at : place_find(&l->places, size, align, KiB(4), GiB(4), false);
}

int loader_gdt(struct loader *l, u64 paddr)
{
	/* Present, 4 GiB, 32-bit; execute/read, and read/write (SDM vol. 3, 3.4.5). */
	static const u64 gdt[] = { 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };

	static_assert(sizeof(gdt) == LOADER_GDT_SIZE, "two empty entries, code, data");
	return l->io.write(l->io.ctx, paddr, gdt, sizeof(gdt));
}

#define BIOS_DATA	0x400
#define BIOS_DATA_SIZE	0x100

void loader_bios_data(struct loader *l)
{
	const struct {
		u16 at, value;
	} data[] = {				/* IBM PC/AT Technical Reference, "System BIOS" */
		{ 0x400, 0x3f8 },		/* port of COM1 */
		{ 0x40e, 0x9fc0 },		/* segment of the extended data area */
		{ 0x410, 0x0222 },		/* there are an FPU, a screen of 80 by 25, COM1 */
		{ 0x413, (u16)memmap_lower_kib(&l->map) },
		{ 0x449, 80 << 8 | 3 },		/* a byte for the video mode; columns */
		{ 0x44c, 4096 },		/* bytes of a page on the screen */
		{ 0x460, 0x0607 },		/* the cursor's last and first line */
		{ 0x463, 0x3d4 },		/* port of the CRT controller */
		{ 0x484, 16 << 8 | 24 },	/* a byte for the rows less 1; lines of a letter */
	};

	if (!place_is_free(&l->places, BIOS_DATA, BIOS_DATA_SIZE))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(data); i++)
		l->io.write(l->io.ctx, data[i].at, &data[i].value, sizeof(data[i].value));
}
