/*
 * fuzz: Loads a kernel in Linux's format. The input says which bits of its setup header differ from
 *       those of a good one. All that is loaded lies in the VM's RAM, and nothing that the kernel
 *       is told overlaps what was loaded.
 * covers: load/linux.c load/loader.c
 * size: 256
 */
#include "load/linux.h"
#include "loader_fuzz.h"

#define HEADER_OFFSET	0x1f1

/* From HEADER_OFFSET on: protocol 2.15, can be moved, likes to be at 16 MiB, needs 1 MiB there. */
static const u8 good[128] = {
	[0x00] = 1, [0x0d] = 0x55, 0xaa, [0x10] = 0x6a, 'H', 'd', 'r', 'S', 0x0f, 0x02,
	[0x20] = 1, [0x25] = 0x10, [0x3b] = 0xff, 0xff, 0xff, 0x7f, [0x41] = 0x20, [0x43] = 1, 12,
	[0x48] = 0x08, [0x6a] = 1, [0x71] = 0x10,
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct world w;
	struct loader_start start = { .eip = 0 };
	const char *why = NULL;
	u8 file[256] = { 0 };
	bool is;
	int err;

	if (size > sizeof(file))
		return -1;
	memcpy(file, data, size);
	for (u32 i = 0; i < sizeof(good) && i + 8 < size; i++)
		file[i] ^= good[i];
	world_init(&w, file, size, HEADER_OFFSET);
	is = linux_is(&w.loader);
	err = linux_load(&w.loader, &start, &why);
	MUST(is || err);
	MUST(err || (start.esi && world_is_ram(&w, start.esi, 4096)));
	world_check(&w, err, &start, why);
	return 0;
}
