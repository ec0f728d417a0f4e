/**
 * @file desc.h
 * The host's descriptor tables: a GDT and a TSS for each CPU, one IDT for all.
 */
#ifndef X86_DESC_H
#define X86_DESC_H

/* Selectors. 64-bit code and data for us; a TSS takes two slots. */
#define SEL_CODE	0x08
#define SEL_DATA	0x10
#define SEL_TSS		0x18

#ifndef __ASSEMBLER__

#include "lib/types.h"
#include "x86/insn.h"

#define IDT_VECTORS	256
#define VECTOR_TIMER	0x30
#define VECTOR_SPURIOUS	0xff

/** 64-bit task-state segment (SDM vol. 3, 7.7). */
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];		/**< stacks that a gate can ask for: [0] double fault, [1] NMI */
	u64 reserved2;
	u16 reserved3;
	u16 io_map_base;
} __packed;
static_assert(sizeof(struct tss) == 104, "SDM vol. 3, figure 7-11");

struct descriptors {
	u64 gdt[5];
	struct tss tss;
	u8 ist_stack[2][4096] __aligned(16);
};

/** Build and load this CPU's GDT, TSS and IDT. */
void descriptors_load(struct descriptors *d);

/** The table that descriptors_load() loaded; VMX wants these for its host state. */
struct table_register idt_register(void);

#endif
#endif
