/*
 * Tries every register of the serial port, then prints what it read. Arguments: two 32-bit numbers
 * to write.
 */
#include "guest.h"

enum { THR, IER, FCR, LCR, MCR, LSR, MSR, SCR };	/* IIR is where FCR is */

#define DLAB	0x80
#define LCR_8N1	0x03

static u8 get(u16 reg) { return inb(COM1 + reg); }
static void put(u16 reg, u64 v) { outb(COM1 + reg, (u8)v); }

int main(u64 nonce, u64 seed);
int main(u64 nonce, u64 seed)
{
	u8 before[8], after[8], low, high, lcr, mcr;

	for (u16 reg = 0; reg < 8; reg++)
		before[reg] = get(reg);
	put(LCR, LCR_8N1);
	put(SCR, nonce >> 8);
	put(MSR, seed >> 8);		/* these two can't be written */
	put(LSR, seed >> 8);
	put(MCR, seed);
	mcr = get(MCR);
	put(MCR, 0);			/* its bit 4 is loopback: nothing is sent */
	get(MSR);			/* the next one says no more that something has changed */
	put(FCR, 0xc6);			/* without bit 0, the others don't count */
	put(IER, nonce);
	put(LCR, LCR_8N1 | DLAB);
	put(IER, nonce >> 24);		/* the divisor */
	put(THR, nonce >> 16);
	low = get(THR);
	high = get(IER);
	lcr = get(LCR);
	put(LCR, LCR_8N1);
	for (u16 reg = 0; reg < 8; reg++)
		after[reg] = get(reg);

	observe("ier", after[IER]);
	observe("rbr", after[THR]);
	observe("iir", after[FCR]);
	observe("lcr", after[LCR]);
	observe("mcr", mcr);
	observe("mcr.after", after[MCR]);
	observe("lsr", after[LSR]);
	observe("msr", after[MSR]);
	observe("scr", after[SCR]);
	observe("divisor", (u64)high << 8 | low);
	observe("lcr.dlab", lcr);
	observe("reset", (u64)before[IER] | before[LCR] | before[MCR] | before[SCR]);
	return 0;
}
