/* load/mbload.c: multiboot kernels of every sort, what they are told, and headers that lie. */
#include "lib/errno.h"
#include "lib/string.h"
#include "load/mbload.h"
#include "loader_world.h"
#include "unit.h"

#define MAGIC	0x1badb002u
#define HEADER	0x100			/* where most kernels here have it */

/* Put a header with the right checksum. */
static void header(u64 at, u32 flags)
{
	put(at, MAGIC, 4);
	put(at + 4, flags, 4);
	put(at + 8, -(MAGIC + flags), 4);
}

/* A flat kernel of 4 KiB for `base`, with 8 KiB of bss. */
static void flat(u32 base)
{
	world(MiB(2), "a=b  c");
	kernel_size = 0x1000;
	header(HEADER, BIT(16) | 3);
	put(HEADER + 12, base + HEADER, 4);
	put(HEADER + 16, base, 4);
	put(HEADER + 20, base + 0x1000, 4);
	put(HEADER + 24, base + 0x3000, 4);
	put(HEADER + 28, base + 0x20, 4);
}

static int load(void)
{
	loader.vm.kernel_size = kernel_size;
	why = "";
	return mbload(&loader, &start, &why);
}

static void refused(const char *sentence)
{
	CHECK(load() == -ENOEXEC);
	CHECK_TEXT(why, sentence);
}

static void searching(void)
{
	static const u64 good[] = { 0, 4, 508, 512, 8192 - 12 }, bad[] = { 2, 8192 - 8, 8192 };

	for (u32 i = 0; i < ARRAY_SIZE(good); i++) {
		world(MiB(2), "");
		loader.vm.kernel_size = kernel_size = 16384;
		header(good[i], 0);
		CHECK(mbload_is(&loader));
		loader.vm.kernel_size = kernel_size = good[i] + 12;
		CHECK(mbload_is(&loader));
		loader.vm.kernel_size = kernel_size = good[i] + 11;
		CHECK(!mbload_is(&loader));
	}
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		world(MiB(2), "");
		loader.vm.kernel_size = kernel_size = 16384;
		header(bad[i], 0);
		CHECK(!mbload_is(&loader));
	}
	header(64, 0);
	put(64 + 8, 1, 4);			/* a wrong checksum; so a later one counts */
	CHECK(!mbload_is(&loader));
	header(128, 0);
	CHECK(mbload_is(&loader));
	kernel_size = 0;
	refused("it has no multiboot header");
}

static void addresses(void)
{
	flat(MiB(1));
	file[0][0x20] = 0x90;
	CHECK(load() == 0 && start.eip == MiB(1) + 0x20 && start.eax == 0x2badb002);
	CHECK(memory[MiB(1) + 0x20] == 0x90);

	flat(0x8000);				/* all of the file, but not what is before */
	put(HEADER + 12, 0x8000 + 0x10, 4);
	put(HEADER + 20, 0, 4);
	put(HEADER + 24, 0, 4);
	file[0][0xfff] = 0x55;
	CHECK(load() == 0 && memory[0x8000 + 0xfff - 0xf0] == 0x55 && start.eip == 0x8020);

	flat(MiB(1));				/* as tight as it may be */
	put(HEADER + 12, MiB(1), 4);
	put(HEADER + 24, MiB(1) + 0x1000, 4);
	put(HEADER + 28, MiB(1), 4);
	file[0][HEADER + 0xfff] = 0x66;
	kernel_size = HEADER + 0x1000;
	CHECK(load() == 0 && start.eip == MiB(1) && memory[MiB(1) + 0xfff] == 0x66);

	flat(MiB(1));				/* the header's last byte is the last of 8192 */
	memmove(file[0] + 8192 - 32, file[0] + HEADER, 32);
	put(HEADER, 0, 4);
	put(8192 - 20, MiB(1) + 8192 - 32, 4);
	kernel_size = 16384;
	CHECK(load() == 0 && start.eip == MiB(1) + 0x20);

	flat(MiB(1));				/* what lies behind the kernel in its file */
	put(HEADER + 20, 0, 4);
	put(HEADER + 24, MiB(1) + 0x800, 4);
	CHECK(load() == 0);
}

/* One field of the flat kernel is something else. */
static void wrong(u64 field, u32 value, const char *sentence)
{
	flat(MiB(1));
	put(HEADER + field, value, 4);
	refused(sentence);
}

static void lies(void)
{
	static const char room[] = "it does not fit into the VM's memory: give it more `memory`, "
				   "or load it elsewhere";

	wrong(12, 0, "its multiboot header has no address fields, though its flags say so");
	wrong(12, MiB(1) - 4, "its load_addr is above its header_addr");
	wrong(16, MiB(1) - 4, "its load_addr is so far below its header_addr that it would begin "
			      "before the file");
	wrong(12, 0xffffffff, "its load_addr is so far below its header_addr that it would begin "
			      "before the file");
	wrong(20, MiB(1) - 1, "its load_end_addr is below its load_addr");
	wrong(20, MiB(1) + 0x1001, "its load_end_addr is behind the end of the file");
	wrong(20, 0xffffffff, "its load_end_addr is behind the end of the file");
	wrong(24, MiB(1) + 0xfff, "its bss_end_addr is below what is loaded");
	wrong(24, 1, "its bss_end_addr is below what is loaded");
	wrong(24, MiB(2) + 1, room);
	wrong(24, 0xffffffff, room);
	wrong(28, MiB(1) - 1, "its entry_addr is outside of what is loaded");
	wrong(28, MiB(1) + 0x3000, "its entry_addr is outside of what is loaded");
	flat(0xfffff000);
	put(HEADER + 24, 0, 4);
	refused(room);
	flat(0x9f000);				/* the BIOS's data is in the way */
	refused(room);
	flat(MiB(1));
	header(HEADER, BIT(16) | BIT(3));
	refused("its multiboot header requires something that Multiboot 0.6.96 does not know: "
		"one of the flags 3 to 15 is set");
	flat(MiB(1));
	kernel_size = HEADER + 31;		/* the header's end is not there */
	refused("its multiboot header has no address fields, though its flags say so");
	flat(MiB(1));
	header(8192 - 12, BIT(16));
	put(HEADER, 0, 4);
	kernel_size = 16384;
	refused("its multiboot header has no address fields, though its flags say so");
}

/* An ELF file with one segment, all of the file: `vaddr` in virtual memory, at 1 MiB in fact. */
static void elf(int bits, u64 vaddr, u64 entry)
{
	int word = bits / 8;
	u64 ph = bits == 64 ? 64 : 52;

	world(MiB(2), "");
	kernel_size = 0x1000;
	memcpy(file[0], "\177ELF", 4);
	file[0][4] = bits == 64 ? 2 : 1;
	file[0][5] = 1;
	put(16, 2, 2);
	put(24, entry, word);
	put(24 + (u64)word, ph, word);
	put(bits == 64 ? 54 : 42, bits == 64 ? 56 : 32, 2);
	put(bits == 64 ? 56 : 44, 1, 2);
	put(ph, 1, 4);
	put(ph + (bits == 64 ? 16 : 8), vaddr, word);
	put(ph + (bits == 64 ? 24 : 12), MiB(1), word);
	put(ph + (bits == 64 ? 32 : 16), 0x1000, word);
	put(ph + (bits == 64 ? 40 : 20), 0x2000, word);
	header(HEADER, 7);			/* bit 2: it would like to know of the screen */
}

static void elves(void)
{
	static const char none[] = "its entry point is in none of its segments";

	elf(32, 0xc0000000, 0xc0000123);
	CHECK(load() == 0 && start.eip == MiB(1) + 0x123);
	CHECK(!memcmp(memory + MiB(1), file[0], kernel_size));
	elf(64, 0xffffffff80000000, 0xffffffff80001fff);
	CHECK(load() == 0 && start.eip == MiB(1) + 0x1fff);
	elf(64, 0xffffffff80000000, MiB(1) + 0x10);	/* a physical address already */
	CHECK(load() == 0 && start.eip == MiB(1) + 0x10);
	elf(64, 0xffffffff80000000, 0xffffffff80002000);
	refused(none);
	elf(64, 0xffffffff80000000, UINT64_MAX);
	refused(none);
	elf(32, MiB(1), MiB(1) - 1);
	refused(none);
	elf(64, MiB(1), MiB(1));
	put(64 + 24, MiB(2) - 1, 8);
	refused("a segment does not fit into the VM's memory or the file");
	elf(64, MiB(1), MiB(1));
	put(64 + 24, GiB(4), 8);
	loader.vm.memory = GiB(8);
	refused("a segment does not fit into the VM's memory or the file");
	elf(32, MiB(1), MiB(1));
	file[0][0] = 0;
	refused("it is not an ELF file (for a flat file, say where with `load`)");
}

/* Guest memory as numbers. */
static u32 get(u64 at)
{
	u32 v = 0;

	CHECK(at + 4 <= sizeof(memory));
	memcpy(&v, memory + at, 4);
	return v;
}

static void check_module(u32 i, u32 at, const char *text)
{
	u32 m = get(start.ebx + 24) + 16 * i;

	CHECK(get(m) == at && get(m + 4) == at + loader.vm.module[i].size && !get(m + 12));
	CHECK_TEXT((const char *)memory + get(m + 8), text);
	CHECK(!memcmp(memory + at, file[i + 1], loader.vm.module[i].size));
}

static void told(void)
{
	u32 info, mmap;

	flat(MiB(1));
	module(0, 0x1001, "first x=y");
	module(1, 0, "");
	module(2, 5, "third");
	CHECK(load() == 0);
	info = start.ebx;
	CHECK(info >= KiB(64) && info % 4 == 0 && start.esp >= KiB(64) + 1024);
	CHECK(get(info) == (BIT(0) | BIT(2) | BIT(3) | BIT(6) | BIT(9) | BIT(12)));
	CHECK(get(info + 4) == 639 && get(info + 8) == 1024);
	CHECK_TEXT((const char *)memory + get(info + 16), "a=b  c");
	CHECK(get(info + 20) == 3);
	check_module(0, MiB(1) + 0x3000, "first x=y");
	check_module(1, MiB(1) + 0x5000, "");
	check_module(2, MiB(1) + 0x6000, "third");
	CHECK(get(info + 44) == 4 * 24);
	mmap = get(info + 48);
	CHECK(get(mmap) == 20 && get(mmap + 4) == 0 && get(mmap + 12) == 0x9fc00 &&
	      get(mmap + 20) == 1);
	CHECK(get(mmap + 72 + 4) == MiB(1) && get(mmap + 72 + 12) == MiB(1));
	CHECK_TEXT((const char *)memory + get(info + 64), "Nestling");
	CHECK(get(info + 88) == 0xb8000 && get(info + 92) == 0 && get(info + 96) == 160);
	CHECK(get(info + 100) == 80 && get(info + 104) == 25 && get(info + 108) == 0x0210);
	CHECK(get(start.gdt + 16) == 0xffff && get(start.gdt + 20) == 0xcf9b00);
	CHECK(get(start.gdt + 24) == 0xffff && get(start.gdt + 28) == 0xcf9300);

	CHECK((get(0x400) & 0xffff) == 0x3f8 && get(0x413) == 639);
	CHECK((get(0x463) & 0xffff) == 0x3d4);
	CHECK((get(0x449) & 0xffffff) == (80 << 8 | 3) && (get(0x484) & 0xffff) == 0x1018);

	flat(MiB(1));
	CHECK(load() == 0 && !(get(start.ebx) & BIT(3)) && !get(start.ebx + 20));
}

/* Nothing lies on anything else, in a VM that is too small for the usual places. */
static void narrow(void)
{
	flat(0x8000);
	loader.vm.memory = KiB(64);
	module(0, 0x1000, "m");
	CHECK(load() == 0);
	CHECK(start.ebx < KiB(64) && start.ebx >= 0x1000);
	check_module(0, 0x1000, "m");
	CHECK(start.ebx < 0x8000 || start.ebx >= 0xb000);
	module(0, 0xc000, "m");
	refused("its modules do not fit into the VM's memory: give it more `memory`");
	flat(0x1000);
	loader.vm.memory = KiB(64);
	put(HEADER + 24, KiB(64) - 0x100, 4);
	refused("there is no room in the VM's memory for the multiboot information: give it "
		"more `memory`");
	flat(0x400 - HEADER);			/* the BIOS's data can't be there */
	CHECK(load() == 0 && get(0x400) == MAGIC);
	flat(KiB(64));				/* where the information likes to be */
	CHECK(load() == 0 && start.ebx >= KiB(64) + 0x3000 && start.ebx < KiB(640));
	loader.vm.memory = GiB(512);
	CHECK(load() == 0 && get(start.ebx + 8) == 0xfec00000 / 1024 - 1024);
}

/* Between 64 KiB and the kernel there is just the room that the information needs, or less. */
static void tight(void)
{
	u32 size = 1024 + 32 + 116 + 3 * 16 + 3 * 24 + sizeof("a=b  c") + sizeof("Nestling") +
		   sizeof("first x=y") + sizeof("second") + sizeof("");

	for (u32 less = 0; less < 2; less++) {
		flat((u32)KiB(64) + size - less);
		loader.vm.memory = MiB(1);
		module(0, 1, "first x=y");
		module(1, 1, "second");
		module(2, 1, "");
		CHECK(load() == 0);
		CHECK((start.gdt == KiB(64) + 1024) == !less);
	}
}

int main(void)
{
	searching();
	addresses();
	lies();
	elves();
	told();
	narrow();
	tight();
	return UNIT_END();
}
