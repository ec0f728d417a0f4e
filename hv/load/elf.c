/* See elf.h. Layouts: System V ABI, chapters 4 and 5, and its 64-bit supplement. */
#include "load/elf.h"

#include "lib/errno.h"
#include "lib/string.h"

struct elf32_header {
	u8 ident[16];
	u16 type, machine;
	u32 version, entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf32_segment {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

struct elf64_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

#define ELF_MAGIC	"\177ELF"
#define ELFCLASS32	1
#define ELFCLASS64	2
#define ELFDATA2LSB	1
#define ET_EXEC		2
#define PT_LOAD		1
#define MAX_SEGMENTS	64

static int refuse(const char **why, const char *sentence)
{
	*why = sentence;
	return -ENOEXEC;
}

static int read_header(const struct elf_io *io, struct elf64_header *h, const char **why)
{
	struct elf32_header h32;

	if (io->read(io->ctx, 0, h->ident, sizeof(h->ident)) || memcmp(h->ident, ELF_MAGIC, 4))
		return refuse(why,
			      "it is not an ELF file (for a flat file, say where with `load`)");
	if (h->ident[5] != ELFDATA2LSB)
		return refuse(why, "it is an ELF file for a big-endian machine");
	if (h->ident[4] == ELFCLASS64) {
		if (io->read(io->ctx, 0, h, sizeof(*h)))
			return refuse(why, "its ELF header is cut short");
	} else if (h->ident[4] == ELFCLASS32) {
		if (io->read(io->ctx, 0, &h32, sizeof(h32)))
			return refuse(why, "its ELF header is cut short");
		h->type = h32.type;
		h->entry = h32.entry;
		h->phoff = h32.phoff;
		h->phentsize = h32.phentsize;
		h->phnum = h32.phnum;
	} else {
		return refuse(why, "its ELF class is neither 32 nor 64 bits");
	}
	if (h->type != ET_EXEC)
		return refuse(why, "it is an ELF file, but not an executable with fixed addresses");
	if (h->phnum > MAX_SEGMENTS)
		return refuse(why, "it has more than 64 segments");
	return 0;
}

static int read_segment(const struct elf_io *io, const struct elf64_header *h, u32 index,
			struct elf64_segment *s)
{
	struct elf32_segment s32;
	u64 at = h->phoff + (u64)index * h->phentsize;

	if (at < h->phoff)
		return -ENOEXEC;
	if (h->ident[4] == ELFCLASS64)
		return io->read(io->ctx, at, s, sizeof(*s));
	if (io->read(io->ctx, at, &s32, sizeof(s32)))
		return -ENOEXEC;
	*s = (struct elf64_segment){ .type = s32.type, .offset = s32.offset, .vaddr = s32.vaddr,
				     .paddr = s32.paddr, .filesz = s32.filesz,
				     .memsz = s32.memsz };
	return 0;
}

int elf_load(const struct elf_io *io, struct elf_image *image, const char **why)
{
	struct elf64_header h = { .phnum = 0 };
	bool loaded = false, entered = false;
	int err = read_header(io, &h, why);

	if (err)
		return err;
	image->entry = image->entry_paddr = h.entry;
	for (u32 i = 0; i < h.phnum; i++) {
		struct elf64_segment s = { .type = 0 };

		if (read_segment(io, &h, i, &s))
			return refuse(why, "its program headers are cut short");
		if (s.type != PT_LOAD || !s.memsz)
			continue;
		if (s.filesz > s.memsz)
			return refuse(why, "a segment is larger in the file than in memory");
		if (io->load(io->ctx, s.paddr, s.offset, s.filesz, s.memsz))
			return refuse(why,
				      "a segment does not fit into the VM's memory or the file");
		if (!entered && h.entry >= s.vaddr && h.entry - s.vaddr < s.memsz) {
			image->entry_paddr = h.entry - s.vaddr + s.paddr;
			entered = true;
		}
		loaded = true;
	}
	if (!loaded)
		return refuse(why, "it has nothing to load");
	return 0;
}
