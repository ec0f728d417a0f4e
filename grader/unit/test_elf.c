/* load/elf.c: files of both classes, and files that lie. */
#include "lib/errno.h"
#include "lib/string.h"
#include "load/elf.h"
#include "unit.h"

#define LOADED_AT 0x1000

static u8 file[512];
static u64 file_size;
static u64 loaded, loaded_filesz, loaded_memsz;

static int file_read(void *ctx, u64 offset, void *buf, u64 size)
{
	if (offset > file_size || size > file_size - offset)
		return -ENOEXEC;
	memcpy(buf, file + offset, size);
	return 0;
}

static int file_load(void *ctx, u64 paddr, u64 offset, u64 filesz, u64 memsz)
{
	loaded = paddr;
	loaded_filesz = filesz;
	loaded_memsz = memsz;
	return paddr + memsz > MiB(1) || paddr + memsz < paddr ? -EFAULT : 0;
}

static void put(u64 at, u64 value, int size)
{
	memcpy(file + at, &value, (size_t)size);
}

/* A minimal executable with one segment. */
static void make(int bits)
{
	int word = bits / 8;
	u64 ph = bits == 64 ? 64 : 52;

	memset(file, 0, sizeof(file));
	memcpy(file, "\177ELF", 4);
	file[4] = bits == 64 ? 2 : 1;
	file[5] = 1;
	put(16, 2, 2);				/* ET_EXEC */
	put(24, 0x8000, word);			/* entry */
	put(24 + (u64)word, ph, word);		/* phoff */
	put(bits == 64 ? 54 : 42, bits == 64 ? 56 : 32, 2);
	put(bits == 64 ? 56 : 44, 1, 2);	/* phnum */
	put(ph, 1, 4);				/* PT_LOAD */
	put(ph + (bits == 64 ? 24 : 12), LOADED_AT, word);
	put(ph + (bits == 64 ? 32 : 16), 16, word);	/* filesz */
	put(ph + (bits == 64 ? 40 : 20), 64, word);	/* memsz */
	file_size = 256;
}

static int load(const char **why, struct elf_image *image)
{
	const struct elf_io io = { .read = file_read, .load = file_load };

	loaded = 0;
	*why = "";
	return elf_load(&io, image, why);
}

static void good(int bits)
{
	const char *why;
	struct elf_image image;

	make(bits);
	CHECK(load(&why, &image) == 0);
	CHECK(image.entry == 0x8000 && image.entry_paddr == 0x8000);
	CHECK(loaded == LOADED_AT && loaded_filesz == 16 && loaded_memsz == 64);
}

/* A kernel that is linked elsewhere than it is loaded. */
static void linked_high(int bits)
{
	struct elf_image image;
	const char *why;
	int word = bits / 8;
	u64 vaddr = bits == 64 ? 0xffffffff80000000 : 0xc0000000;

	make(bits);
	put(bits == 64 ? 64 + 16 : 52 + 8, vaddr, word);
	put(24, vaddr + 63, word);
	CHECK(load(&why, &image) == 0);
	CHECK(image.entry == vaddr + 63 && image.entry_paddr == LOADED_AT + 63);
	put(24, vaddr + 64, word);
	CHECK(load(&why, &image) == 0 && image.entry_paddr == vaddr + 64);
}

static void bad(int bits, u64 at, u64 value, int size, const char *expected)
{
	const char *why;
	struct elf_image image;

	make(bits);
	put(at, value, size);
	CHECK(load(&why, &image) == -ENOEXEC);
	CHECK_TEXT(why, expected);
}

static void cut(int bits, u64 size, const char *expected)
{
	const char *why;
	struct elf_image image;

	make(bits);
	file_size = size;
	CHECK(load(&why, &image) == -ENOEXEC);
	CHECK_TEXT(why, expected);
}

int main(void)
{
	good(64);
	good(32);
	linked_high(64);
	linked_high(32);
	bad(64, 0, 0, 4, "it is not an ELF file (for a flat file, say where with `load`)");
	bad(64, 5, 2, 1, "it is an ELF file for a big-endian machine");
	bad(64, 4, 3, 1, "its ELF class is neither 32 nor 64 bits");
	bad(64, 16, 3, 2, "it is an ELF file, but not an executable with fixed addresses");
	bad(64, 56, 65, 2, "it has more than 64 segments");
	bad(64, 56, 0, 2, "it has nothing to load");
	bad(64, 32, ~0ull - 8, 8, "its program headers are cut short");
	bad(32, 28, 0xfffffff0, 4, "its program headers are cut short");
	bad(64, 64 + 40, 8, 8, "a segment is larger in the file than in memory");
	bad(64, 64 + 24, ~0ull - 8, 8, "a segment does not fit into the VM's memory or the file");
	bad(32, 52 + 12, 0xfffffff0, 4, "a segment does not fit into the VM's memory or the file");
	cut(64, 10, "it is not an ELF file (for a flat file, say where with `load`)");
	cut(64, 40, "its ELF header is cut short");
	cut(32, 40, "its ELF header is cut short");
	cut(64, 100, "its program headers are cut short");
	return UNIT_END();
}
