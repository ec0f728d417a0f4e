/*
 * fuzz: Loads the input as a multiboot kernel. All that is loaded lies in the VM's RAM, and nothing
 *       that the kernel is told overlaps what was loaded.
 * covers: load/mbload.c load/loader.c load/elf.c
 * seeds: build/guest
 * size: 16384
 * dict: "\x02\xb0\xad\x1b" "\x00\x00\x01\x00\xfe\x4f\x51\xe4" "\x7f\x45\x4c\x46"
 */
#include "load/mbload.h"
#include "loader_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct world w;
	struct loader_start start = { .eip = 0 };
	const char *why = NULL;
	bool is;
	int err;

	world_init(&w, data, size, 0);
	is = mbload_is(&w.loader);
	err = mbload(&w.loader, &start, &why);
	MUST(is || err);
	MUST(err || start.eax == 0x2badb002);
	MUST(err || world_is_ram(&w, start.ebx, 116));
	world_check(&w, err, &start, why);
	return 0;
}
