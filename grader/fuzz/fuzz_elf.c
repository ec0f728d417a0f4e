/*
 * fuzz: Loads the input as a kernel. Whatever it says of itself, the loader reads only what it has
 *       room for, loads only what can be loaded, and says why it refuses a file.
 * covers: load/elf.c
 * seeds: build/guest
 * size: 32768
 */
#include "fuzz.h"
#include "lib/errno.h"
#include "load/elf.h"

#define MEMORY MiB(4)

struct file {
	const u8 *data;
	size_t size;
	u32 loads, refused;
};

static bool within(u64 at, u64 size, u64 limit)
{
	return at <= limit && size <= limit - at;
}

static int file_read(void *ctx, u64 offset, void *buf, u64 size)
{
	const struct file *f = ctx;

	MUST(size && size <= 64);	/* no header of an ELF file is larger */
	if (!within(offset, size, f->size))
		return -ENOEXEC;
	memcpy(buf, f->data + offset, size);
	return 0;
}

static int file_load(void *ctx, u64 paddr, u64 offset, u64 filesz, u64 memsz)
{
	struct file *f = ctx;

	MUST(!f->refused);		/* after a refusal nothing else is tried */
	MUST(memsz && filesz <= memsz);
	f->loads++;
	f->refused = !within(offset, filesz, f->size) || !within(paddr, memsz, MEMORY);
	return f->refused ? -EFAULT : 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct file file = { .data = data, .size = size };
	const struct elf_io io = { .ctx = &file, .read = file_read, .load = file_load };
	const char *why = NULL;
	struct elf_image image;
	int err = elf_load(&io, &image, &why);

	MUST(file.loads <= 64);
	if (err)
		MUST(err < 0 && why && why[0]);
	else
		MUST(file.loads && !file.refused);
	return 0;
}
