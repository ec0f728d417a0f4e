/*
 * mutant: no-lsr
 * exercise: 2.4
 * track: common
 * hint: lsr
 * why: LSR reads as one of the registers that remember.
 */
static u8 vuart_read(const struct vuart *u, u16 reg)
{
	const u8 plain[] = { 0, u->ier, IIR_NONE, u->lcr, u->mcr, u->scr, MSR_PRESENT, u->scr };

	if (dlab(u) && reg < 2)
		return reg ? u->dlm : u->dll;
	return plain[reg];
}
