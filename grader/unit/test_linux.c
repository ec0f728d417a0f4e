/* load/linux.c: kernels of several protocol versions, where they go, what they are told. */
#include "lib/errno.h"
#include "lib/string.h"
#include "load/linux.h"
#include "loader_world.h"
#include "unit.h"

#define SETUP	(3 * 512)		/* bytes of the setup part of the kernel here */

static void kernel(u32 version)
{
	world(MiB(2), "console=ttyS0");
	kernel_size = SETUP + 0x2000;
	put(0x1f1, 2, 1);
	put(0x1fe, 0xaa55, 2);
	put(0x200, 0x66eb, 2);
	put(0x202, 0x53726448, 4);
	put(0x206, version, 2);
	put(0x211, 1, 1);			/* LOADED_HIGH */
	put(0x214, MiB(1), 4);
	put(0x22c, 0x7fffffff, 4);
	put(0x238, 255, 4);
	file[0][SETUP] = 0x90;
}

/* One that can be moved. */
static void movable(u64 pref, u32 align, u8 min_align, u32 init_size)
{
	kernel(0x20f);
	put(0x230, align, 4);
	put(0x234, 1, 1);
	put(0x235, min_align, 1);
	put(0x258, pref, 8);
	put(0x260, init_size, 4);
}

static int load(void)
{
	loader.vm.kernel_size = kernel_size;
	why = "";
	return linux_load(&loader, &start, &why);
}

static void refused(const char *sentence)
{
	CHECK(load() == -ENOEXEC);
	CHECK_TEXT(why, sentence);
}

static void finding(void)
{
	kernel(0x20c);
	CHECK(linux_is(&loader));
	put(0x1fe, 0xaa54, 2);
	CHECK(!linux_is(&loader));
	kernel(0x20c);
	put(0x202, 0, 4);
	CHECK(!linux_is(&loader));
	refused("it is not in Linux's format");
	kernel(0x20c);
	put(0x201, 0x29, 1);			/* ends before initrd_addr_max */
	CHECK(!linux_is(&loader));
	put(0x201, 0x2a, 1);			/* ends right before it */
	CHECK(linux_is(&loader));
	put(0x201, 0xff, 1);			/* longer than any: cut off */
	CHECK(linux_is(&loader) && load() == 0);
	kernel(0x20c);
	kernel_size = 0x202 + 0x66 - 1;
	CHECK(!linux_is(&loader));
	kernel_size = 0;
	CHECK(!linux_is(&loader));
}

static u64 get(u64 at, int size)
{
	u64 v = 0;

	CHECK(at + 8 <= sizeof(memory));
	memcpy(&v, memory + at, (size_t)size);
	return v;
}

static void told(void)
{
	u64 p;

	kernel(0x20c);
	put(0x1ef, 0xff, 1);			/* what is before the header is not copied */
	put(0x1fa, 0x1234, 2);
	module(0, 0x1800, "unused");
	CHECK(load() == 0);
	p = start.esi;
	CHECK(start.eip == MiB(1) && !start.eax && !start.ebx && !start.esp);
	CHECK(memory[MiB(1)] == 0x90);
	CHECK(p >= KiB(64) && p % 4096 == 0);
	CHECK(get(p + 2, 2) == 1024 && get(p + 6, 1) == 3 && get(p + 7, 1) == 80);
	CHECK(get(p + 0xe, 1) == 25 && get(p + 0xf, 1) == 1 && get(p + 0x10, 2) == 16);
	CHECK(get(p + 0x1e0, 4) == 1024 && get(p + 0x1ef, 1) == 0);
	CHECK(get(p + 0x1e8, 1) == 4 && get(p + 0x1fa, 2) == 0x1234);
	CHECK(get(p + 0x2d0 + 3 * 20, 8) == MiB(1) && get(p + 0x2d0 + 3 * 20 + 8, 8) == MiB(1) &&
	      get(p + 0x2d0 + 3 * 20 + 16, 4) == 1);
	CHECK(get(p + 0x202, 4) == 0x53726448 && get(p + 0x210, 1) == 0xff);
	CHECK(get(p + 0x214, 4) == MiB(1));
	CHECK(get(p + 0x218, 4) == MiB(2) - 0x2000 && get(p + 0x21c, 4) == 0x1800);
	CHECK(memory[MiB(2) - 0x2000] == 1 && memory[MiB(2) - 0x801] == 1);
	CHECK_TEXT((const char *)memory + get(p + 0x228, 4), "console=ttyS0");
	CHECK(start.gdt >= p + 4096 && get(p + 0x228, 4) >= start.gdt + 32);
	CHECK(loader.places.taken[loader.places.count - 1].end ==
	      get(p + 0x228, 4) + sizeof("console=ttyS0"));	/* and no more is in use */
	CHECK(get(start.gdt + 16, 8) == 0x00cf9b000000ffff);
	CHECK(get(start.gdt + 24, 8) == 0x00cf93000000ffff);

	kernel(0x20c);
	put(0x218, 0x12345678, 8);
	loader.vm.memory = GiB(512);
	CHECK(load() == 0 && get(start.esi + 0x218, 8) == 0);
	CHECK(get(start.esi + 2, 2) == 0xffff);
	CHECK(get(start.esi + 0x1e0, 4) == 0xfec00000 / 1024 - 1024);
	CHECK(get(start.esi + 0x1e8, 1) == 6);
}

static void ramdisks(void)
{
	static const char room[] = "there is no room for its initial RAM disk in the VM's memory, "
				   "or not where it wants it: give it more `memory`";

	kernel(0x20c);
	put(0x22c, MiB(1) + 0x8fff, 4);
	module(0, 0x1800, "");
	CHECK(load() == 0 && get(start.esi + 0x218, 4) == MiB(1) + 0x7000);
	put(0x22c, MiB(1) + 0x2000, 4);
	refused(room);
	put(0x22c, 0, 4);
	refused(room);
	kernel(0x202);				/* knows no limit, and has 0x37ffffff */
	put(0x22c, 0, 4);
	module(0, 0x1800, "");
	CHECK(load() == 0 && get(start.esi + 0x218, 4) == MiB(2) - 0x2000);
	module(1, 1, "");
	refused("it is in Linux's format and takes one `module`, its initial RAM disk");
	kernel(0x20c);
	put(0x260, MiB(1) - 0x1000, 4);		/* the kernel will want what is there */
	put(0x258, MiB(1), 8);
	module(0, 0x1800, "");
	refused(room);
	module(0, 0x1000, "");
	CHECK(load() == 0 && get(start.esi + 0x218, 4) == MiB(2) - 0x1000);
}

static void placing(void)
{
	static const char room[] = "there is no room for it in the VM's memory: give it more "
				   "`memory`";

	movable(0x180000, 0x40000, 0, 0x10000);
	CHECK(load() == 0 && start.eip == 0x180000 && get(start.esi + 0x214, 4) == 0x180000);
	movable(0x180000, 0x40000, 0, 0xc0000);	/* reaches too far from there */
	CHECK(load() == 0 && start.eip == MiB(1));
	movable(0, 0x40000, 0, 0xc0000);
	CHECK(load() == 0 && start.eip == MiB(1));
	movable(GiB(1), 0x200000, 12, 0x10000);
	CHECK(load() == 0 && start.eip == MiB(1) && get(start.esi + 0x230, 4) == 0x1000);
	movable(GiB(1), 0x200000, 0, 0x10000);
	refused(room);
	movable(GiB(1), 0x200000, 40, 0x10000);
	refused(room);
	movable(GiB(1), 0, 12, 0x10000);
	refused(room);
	movable(GiB(1), 0x30000, 12, 0x10000);
	refused(room);
	movable(UINT64_MAX - 1, 0x1000, 0, 0xffffffff);
	refused(room);
	movable(GiB(4), 0x40000, 0, 0x10000);	/* out of reach for a 32-bit entry */
	loader.vm.memory = GiB(8);
	CHECK(load() == 0 && start.eip == MiB(1));

	kernel(0x20c);				/* can't be moved, and runs elsewhere */
	put(0x258, 0x180000, 8);
	put(0x260, 0x80000, 4);
	CHECK(load() == 0 && start.eip == MiB(1));
	put(0x260, 0x80001, 4);
	refused(room);
	kernel(0x209);				/* too old to say such things */
	put(0x258, 0x180000, 8);
	put(0x260, 0x80001, 4);
	CHECK(load() == 0 && start.eip == MiB(1));
}

static void lies(void)
{
	kernel(0x201);
	refused("it is a Linux kernel with a boot protocol older than 2.02");
	kernel(0x20c);
	put(0x211, 0, 1);
	refused("it is a Linux kernel for low memory (zImage); only a bzImage can be loaded");
	kernel(0x20c);
	put(0x214, 0, 4);
	refused("it is in Linux's format, but has no 32-bit entry (code32_start is 0): it wants "
		"to be started through a BIOS");
	put(0x214, MiB(1) + 0x2000, 4);
	refused("its entry point (code32_start) is outside of it");
	put(0x214, MiB(1) - 1, 4);
	refused("its entry point (code32_start) is outside of it");
	put(0x214, MiB(1) + 0x1fff, 4);
	CHECK(load() == 0 && start.eip == MiB(1) + 0x1fff);
	kernel(0x20c);
	put(0x238, 12, 4);
	refused("it does not take a `cmdline` of that length");
	put(0x238, 13, 4);
	CHECK(load() == 0);
	kernel(0x205);				/* before it could say so: 255 */
	put(0x238, 12, 4);
	CHECK(load() == 0);
	kernel(0x20c);
	put(0x1f1, 0, 1);			/* which means 4 */
	file[0][5 * 512] = 0x91;
	CHECK(load() == 0 && memory[MiB(1)] == 0x91);
	kernel_size = 5 * 512;
	refused("it ends before its 32-bit part begins");
	put(0x1f1, 255, 1);
	refused("it ends before its 32-bit part begins");
	kernel(0x20c);
	loader.vm.memory = MiB(1);
	refused("there is no room for it in the VM's memory: give it more `memory`");
}

/* The first version that has a field, and the last that has not. */
static void versions(void)
{
	for (u32 has = 0; has < 2; has++) {
		kernel(0x202 + has);
		put(0x22c, MiB(1) + 0x8fff, 4);
		module(0, 0x1000, "");
		CHECK(load() == 0);
		CHECK((get(start.esi + 0x218, 4) == MiB(1) + 0x8000) == has);

		kernel(0x205 + has);
		put(0x238, 12, 4);
		CHECK((load() == -ENOEXEC) == has);

		movable(0x180000, 0x40000, 0, 0x10000);
		put(0x206, 0x209 + has, 2);
		CHECK(load() == 0 && start.eip == (has ? 0x180000 : MiB(1)));
	}
	movable(0x180000, 0x40000, 0, 0x10000);	/* too old to be moved at all */
	put(0x206, 0x204, 2);
	put(0x230, 3, 4);
	CHECK(load() == 0 && start.eip == MiB(1));
	put(0x206, 0x205, 2);
	CHECK(load() == -ENOEXEC);
}

int main(void)
{
	finding();
	told();
	ramdisks();
	placing();
	lies();
	versions();
	return UNIT_END();
}
