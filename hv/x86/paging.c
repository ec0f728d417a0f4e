/* See paging.h. Entry format: SDM vol. 3, 4.5. */
#include "x86/paging.h"

#include "core/console.h"
#include "core/panic.h"
#include "mm/pmm.h"
#include "x86/apic.h"
#include "x86/insn.h"
#include "x86/nmi_tick.h"
#include "x86/regs.h"

/* From hv.ld */
extern const u8 image_start[], text_end[], rodata_end[], image_end[];

static u64 *root;

static u64 *new_table(void)
{
	u64 *table = page_alloc();

	if (!table) {
		printf("too little memory for the page tables; give this machine 64 MiB or more\n");
		machine_end(STATUS_FAILED);
	}
	return table;
}

/* The entry for `va` at `level` (1: 4 KiB, 2: 2 MiB), with the tables above it made on the way. */
static u64 *entry(u64 va, unsigned int level)
{
	u64 *table = root;

	for (unsigned int l = 4; l > level; l--) {
		u64 *e = &table[va >> (12 + 9 * (l - 1)) & 511];

		if (!(*e & PTE_P))
			*e = virt_to_phys(new_table()).v | PTE_P | PTE_W;
		table = phys_to_virt(hpa(*e & PTE_ADDR));
	}
	return &table[va >> (12 + 9 * (level - 1)) & 511];
}

static void map_image(const u8 *start, const u8 *end, u64 rights)
{
	for (const u8 *va = start; va < end; va += PAGE_SIZE)
		*entry((u64)va, 1) = image_to_phys(va).v | PTE_P | PTE_G | rights;
}

static void map_device(u64 start, u64 size)
{
	for (u64 pa = ROUND_DOWN(start, PAGE_SIZE_2M); pa < start + size; pa += PAGE_SIZE_2M)
		*entry(DIRECT_MAP + pa, 2) = pa | PTE_P | PTE_W | PTE_PS | PTE_PCD | PTE_NX;
}

void paging_init(u64 top)
{
	root = new_table();
	map_image(image_start, text_end, 0);
	map_image(text_end, rodata_end, PTE_NX);
	map_image(rodata_end, image_end, PTE_NX | PTE_W);

	for (u64 pa = 0; pa < ROUND_UP(top, PAGE_SIZE_2M); pa += PAGE_SIZE_2M)
		*entry(DIRECT_MAP + pa, 2) = pa | PTE_P | PTE_W | PTE_PS | PTE_G | PTE_NX;
	map_device(APIC_BASE, PAGE_SIZE);
	map_device(IOAPIC_BASE, PAGE_SIZE);
	write_cr3(virt_to_phys(root).v);
}

void paging_map_device(hpa_t start, u64 size)
{
	map_device(start.v, size);
	write_cr3(virt_to_phys(root).v);	/* forget what the TLB knows */
}
