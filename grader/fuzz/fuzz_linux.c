/*
 * fuzz: Loads a kernel in Linux's format, whose setup header is the input. All that is loaded lies
 *       in the VM's RAM, and nothing that the kernel is told overlaps what was loaded.
 * covers: load/linux.c load/loader.c
 * size: 256
 */
#include "load/linux.h"
#include "loader_fuzz.h"

#define HEADER_OFFSET	0x1f1

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u8 magic[] = { 0x55, 0xaa }, magic2[] = { 'H', 'd', 'r', 'S' };
	static struct world w;
	struct loader_start start = { .eip = 0 };
	const char *why = NULL;
	u8 file[256] = { 0 };
	bool is;
	int err;

	if (size > sizeof(file))
		return -1;
	memcpy(file, data, size);
	if (size > 0x20 && file[size - 1] % 8) {	/* mostly it's one, by its magic numbers */
		memcpy(file + 0x0d, magic, sizeof(magic));
		memcpy(file + 0x11, magic2, sizeof(magic2));
	}
	world_init(&w, file, size, HEADER_OFFSET);
	is = linux_is(&w.loader);
	err = linux_load(&w.loader, &start, &why);
	MUST(is || err);
	MUST(err || (start.esi && world_is_ram(&w, start.esi, 4096)));
	world_check(&w, err, &start, why);
	return 0;
}
