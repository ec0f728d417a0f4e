/* Instructions on a device in memory: see lib/mmio.h. The first argument is the probe's
 * seed; with a second one, each is done in one place only. */
#include <stdbool.h>

#include "mmio.h"

#define MSR_FS_BASE	0xc0000100u
#define MSR_GS_BASE	0xc0000101u

static void set_base(u32 msr, u32 base)
{
	asm volatile("wrmsr" : : "c"(msr), "a"(base), "d"(0));
}

int main(u64 use, u64 choose);
int main(u64 use, u64 choose)
{
	set_base(MSR_FS_BASE, 0x1000);
	set_base(MSR_GS_BASE, 0x2000);
	mmio((u32)use, (u32)choose);
	return 0;
}
