/*
 * Does one thing that makes an exit, at a place that has a name. Arguments: which, and a value: the
 * leaf, the MSR, the number of a hypercall, the address. Nothing exits before.
 */
#include "guest.h"

enum kind {
	CPUID, RDMSR, WRMSR, VMMCALL, VMCALL, HLT, READ, WRITE, FETCH, SHUTDOWN, WBINVD, INVD,
	VMLOAD, VMXOFF, RDPMC, CR8_WRITE, CR8_READ, IN_BYTE, IN_LONG, OUT_BYTE, OUT_WORD, REP_OUTS,
	DEBUG
};

#define AT(name, insn, ...) \
	asm volatile(".globl at_" #name "\nat_" #name ": " insn : : __VA_ARGS__)

int main(u64 kind, u64 value);
int main(u64 kind, u64 value)
{
	static const struct { u16 limit; u64 base; } __attribute__((packed)) no_idt;

	switch ((enum kind)kind) {
	case CPUID:	AT(cpuid, "cpuid", "a"(value), "c"(0)); break;
	case RDMSR:	AT(rdmsr, "rdmsr", "c"(value)); break;
	case WRMSR:	AT(wrmsr, "wrmsr", "c"(value), "a"(0), "d"(0)); break;
	case VMMCALL:	AT(vmmcall, "vmmcall", "a"(value)); break;
	case VMCALL:	AT(vmcall, "vmcall", "a"(value)); break;
	case HLT:	AT(hlt, "hlt"); break;
	case READ:	AT(read, "movb (%0), %%al", "b"(value)); break;
	case WRITE:	AT(write, "movb %%al, (%0)", "b"(value)); break;
	case FETCH:	AT(fetch, "jmp *%0", "b"(value)); break;
	case WBINVD:	AT(wbinvd, "wbinvd"); break;
	case INVD:	AT(invd, "invd"); break;
	case VMLOAD:	AT(vmload, "vmload %%rax", "a"(value)); break;
	case VMXOFF:	AT(vmxoff, "vmxoff"); break;
	case RDPMC:	AT(rdpmc, "rdpmc", "c"(value)); break;
	case CR8_WRITE:	AT(cr8_write, "mov %0, %%cr8", "b"(value)); break;
	case CR8_READ:	AT(cr8_read, "mov %%cr8, %%rbx", "b"(value)); break;
	case IN_BYTE:	AT(in_byte, "inb %%dx, %%al", "d"(value), "a"(0)); break;
	case IN_LONG:	AT(in_long, "inl %%dx, %%eax", "d"(value), "a"(0)); break;
	case OUT_BYTE:	AT(out_byte, "outb %%al, %%dx", "d"(value), "a"(value)); break;
	case OUT_WORD:	AT(out_word, "outw %%ax, %%dx", "d"(value), "a"(value)); break;
	case REP_OUTS:	AT(rep_outs, "rep outsb", "d"(value), "S"(0x8000), "c"(5)); break;
	case DEBUG:	AT(debug, "int $1"); break;
	case SHUTDOWN:
		asm volatile("lidt %0" : : "m"(no_idt));
		AT(shutdown, "ud2");
		break;
	}
	return 0;
}
