/*
 * mutant: sends-what-it-was-sent
 * exercise: 2.4
 * track: common
 * hint: silence
 * why: The byte is kept, as if THR were a register like the others.
 */
static void vuart_write(struct vuart *u, u16 reg, u8 v)
{
	u8 *where = NULL;

	if (dlab(u) && reg < 2)
		where = reg ? &u->dlm : &u->dll;
	else if (reg == IER)
		where = &u->ier, v &= 0xf;
	else if (reg == LCR)
		where = &u->lcr;
	else if (reg == MCR)
		where = &u->mcr, v &= 0x1f;
	else if (reg == SCR)
		where = &u->scr;
	if (where)
		*where = v;
}
