/* For the targets of loaders: files, guest memory, and what must be true of what goes there. */
#ifndef FUZZ_LOADER_FUZZ_H
#define FUZZ_LOADER_FUZZ_H

#include "fuzz.h"
#include "lib/errno.h"
#include "load/loader.h"

#define MAX_PUT 512

struct world {
	struct loader loader;
	const u8 *data;			/* the kernel from its byte `skip` on, `size` bytes */
	u64 skip, size;			/* the rest of it is zeros */
	char text[256];
	u32 count;
	struct {
		u64 start, end;
		bool file;		/* copied from a file, not written */
		bool module;
	} put[MAX_PUT];
};

static inline bool within(u64 at, u64 size, u64 limit)
{
	return at <= limit && size <= limit - at;
}

static inline u64 world_file_size(const struct world *w, u32 file)
{
	MUST(file <= w->loader.vm.module_count);
	return file ? w->loader.vm.module[file - 1].size : w->loader.vm.kernel_size;
}

static inline int world_read(void *ctx, u32 file, u64 offset, void *buf, u64 size)
{
	const struct world *w = ctx;
	u64 at = offset - w->skip, part;

	MUST(!file && size <= 4096 && offset >= w->skip);
	if (!within(offset, size, world_file_size(w, file)))
		return -EFAULT;
	part = at >= w->size ? 0 : size < w->size - at ? size : w->size - at;
	__builtin_memcpy(buf, w->data + (part ? at : 0), part);
	__builtin_memset((u8 *)buf + part, 0, size - part);
	return 0;
}

/* Is it RAM of a PC that 32-bit code can reach: below the BIOS's data and the screen, or above? */
static inline bool world_is_ram(const struct world *w, u64 paddr, u64 size)
{
	u64 memory = w->loader.vm.memory, top = memory < 0xfec00000 ? memory : 0xfec00000;

	return within(paddr, size, top < 0x9fc00 ? top : 0x9fc00) ||
	       (paddr >= MiB(1) && within(paddr, size, top));
}

static inline void world_put(struct world *w, u64 paddr, u64 size, bool file, bool module)
{
	MUST(world_is_ram(w, paddr, size));
	for (u32 i = 0; i < w->count && size; i++) {
		bool apart = paddr >= w->put[i].end || paddr + size <= w->put[i].start;

		/* A kernel's parts may overlap, if it wants to; nothing of ours overlaps them. */
		MUST(apart || (file && !module && w->put[i].file && !w->put[i].module) ||
		     (!file && !w->put[i].file));
	}
	if (!size)
		return;
	MUST(w->count < MAX_PUT);
	w->put[w->count].start = paddr;
	w->put[w->count].end = paddr + size;
	w->put[w->count].file = file;
	w->put[w->count++].module = module;
}

static inline int world_copy(void *ctx, u32 file, u64 offset, u64 paddr, u64 size)
{
	struct world *w = ctx;

	if (!within(offset, size, world_file_size(w, file)))
		return -EFAULT;
	world_put(w, paddr, size, true, file);
	return 0;
}

static inline int world_write(void *ctx, u64 paddr, const void *buf, u64 size)
{
	const u8 *bytes = buf;
	u64 sum = 0;

	for (u64 i = 0; i < size; i++)	/* AddressSanitizer looks whether we may */
		sum += bytes[i];
	world_put(ctx, paddr, size, false, false);
	return sum > UINT32_MAX ? -EFAULT : 0;
}

/**
 * A VM of a size and with modules of which the last bytes of the input decide; the rest is in the
 * kernel's file from byte `skip` on.
 */
static inline void world_init(struct world *w, const u8 *data, size_t size, u64 skip)
{
	size_t tail = size < 8 ? size : 8;
	struct input in = { data + size - tail, data + size };
	struct loader_vm *vm = &w->loader.vm;

	w->count = 0;
	w->loader.io = (struct loader_io){ w, world_read, world_copy, world_write };
	w->data = data;
	w->skip = skip;
	w->size = size - tail;
	vm->kernel_size = skip + w->size + ((u64)input_below(&in, 4) << 20);
	vm->memory = (KiB(64) << input_below(&in, 18)) + KiB(4) * input_below(&in, 64);
	__builtin_memset(w->text, 0, sizeof(w->text));
	memset(w->text, 'a', input_below(&in, sizeof(w->text)));
	vm->cmdline = w->text;
	vm->module_count = input_below(&in, 4);
	for (u32 i = 0; i < vm->module_count; i++) {
		vm->module[i].size = (u64)input_below(&in, 16) << 4 * input_below(&in, 8);
		vm->module[i].text = w->text;
	}
}

/** What must be true of a start. */
static inline void world_check(const struct world *w, int err, const struct loader_start *start,
			       const char *why)
{
	if (err) {
		MUST(err < 0 && why && why[0]);
		return;
	}
	MUST(world_is_ram(w, start->eip, 1));
	MUST(world_is_ram(w, start->gdt, LOADER_GDT_SIZE));
	MUST(!start->esp || world_is_ram(w, start->esp - 1024, 1024));
}

#endif
