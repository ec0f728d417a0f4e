/* See desc.h. Descriptor formats: SDM vol. 3, 3.4.5, 7.2.3 and 6.14.1. */
#include "x86/desc.h"

#include "lib/string.h"

/** A gate of the IDT in 64-bit mode. */
struct gate {
	u16 offset_low;
	u16 selector;
	u8 ist;			/* which stack: 0 is the current one, 1 is tss.ist[0] */
	u8 type;
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
} __packed;
static_assert(sizeof(struct gate) == 16, "SDM vol. 3, figure 6-8");

#define GATE_INTERRUPT	0x8e	/* present, DPL 0, clears IF */
#define IST_DF		1
#define IST_NMI		2

#define STUB_SIZE	16
extern const u8 trap_stubs[];	/* trap.S: one for each vector, STUB_SIZE apart */

static struct gate idt[IDT_VECTORS];

static void idt_fill(void)
{
	for (u64 i = 0; i < IDT_VECTORS; i++) {
		u64 stub = (u64)trap_stubs + i * STUB_SIZE;

		idt[i] = (struct gate){
			.offset_low = (u16)stub, .offset_mid = (u16)(stub >> 16),
			.offset_high = (u32)(stub >> 32), .selector = SEL_CODE,
			.type = GATE_INTERRUPT, .ist = i == 8 ? IST_DF : i == 2 ? IST_NMI : 0,
		};
	}
}

struct table_register idt_register(void)
{
	return (struct table_register){ .limit = sizeof(idt) - 1, .base = (u64)idt };
}

void descriptors_load(struct descriptors *d)
{
	struct table_register gdtr = { .limit = sizeof(d->gdt) - 1, .base = (u64)d->gdt };
	struct table_register idtr = idt_register();
	u64 tss = (u64)&d->tss;

	d->tss.ist[IST_DF - 1] = (u64)d->ist_stack[0] + sizeof(d->ist_stack[0]);
	d->tss.ist[IST_NMI - 1] = (u64)d->ist_stack[1] + sizeof(d->ist_stack[1]);
	d->tss.io_map_base = sizeof(d->tss);

	d->gdt[SEL_CODE / 8] = 0x00af9b000000ffff;
	d->gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	d->gdt[SEL_TSS / 8] = (sizeof(d->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
			      (tss >> 24 & 0xff) << 56;
	d->gdt[SEL_TSS / 8 + 1] = tss >> 32;

	if (!idt[0].type)
		idt_fill();
	lgdt(&gdtr);
	lidt(&idtr);
	ltr(SEL_TSS);
}
