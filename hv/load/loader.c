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
