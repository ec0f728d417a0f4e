/*
 * Executes instructions that exit, with prefixes that mean nothing to them, all at one address: the
 * code there is written anew each time. Who goes past such an instruction must count its prefixes,
 * or the guest goes on in the middle of what comes next. Tells how often each came out right.
 */
#include "guest.h"

#define HYPERVISOR_LEAF	0x40000000u
#define NESTLING	0x7473654eu	/* "Nest" */
#define MISC_ENABLE	0x1a0u		/* an MSR that reads as 1 here */

static const struct {
	u8 length, bytes[4];
} prefixes[] = {
	{ 0, { 0 } }, { 1, { 0x66 } }, { 1, { 0xf2 } }, { 0, { 0 } }, { 1, { 0xf3 } },
	{ 2, { 0x2e, 0x48 } }, { 1, { 0x41 } }, { 4, { 0x66, 0xf3, 0x65, 0x4f } },
	{ 3, { 0x67, 0x67, 0x66 } }, { 0, { 0 } },
};
#define PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

static volatile u8 code[16];

/* Prefixes, an opcode behind 0F, and RET. */
static void write_code(unsigned long which, u8 opcode)
{
	unsigned int n = 0;

	while (n < prefixes[which].length) {
		code[n] = prefixes[which].bytes[n];
		n++;
	}
	code[n++] = 0x0f;
	code[n++] = opcode;
	code[n] = 0xc3;
}

int main(void);
int main(void)
{
	u64 cpuids = 0, rdmsrs = 0;

	for (unsigned long i = 0; i < PREFIXES; i++) {
		u32 eax = HYPERVISOR_LEAF, ebx = 0, ecx = 0, edx;

		write_code(i, 0xa2);
		asm volatile("call *%4" : "+a"(eax), "+b"(ebx), "+c"(ecx), "=d"(edx)
			     : "r"(code) : "memory");
		cpuids += ebx == NESTLING;
		write_code(i, 0x32);
		ecx = MISC_ENABLE;
		asm volatile("call *%3" : "=a"(eax), "=d"(edx) : "c"(ecx), "r"(code) : "memory");
		rdmsrs += eax == 1 && edx == 0;
	}
	observe("tried", PREFIXES);
	observe("cpuid", cpuids);
	observe("rdmsr", rdmsrs);
	return 0;
}
