/* See vuart.h. Registers: National Semiconductor PC16550D data sheet, section 8. */
#include "dev/vuart.h"

#include "lib/lab.h"

#define THR	0	/* write: transmit; DLL while DLAB is set */
#define RBR	0	/* read: receive */
#define IER	1	/* DLM while DLAB is set */
#define IIR	2
#define LCR	3
#define MCR	4
#define LSR	5
#define MSR	6
#define SCR	7

#define IIR_NONE	0x01	/* no interrupt waits */
#define LCR_DLAB	0x80
#define LSR_IDLE	0x60	/* THR and the shift register are empty: we send at once */
#define MSR_PRESENT	0xb0	/* carrier, data set ready, clear to send */

/* Divisor latch access: the first two registers are the divisor. */
__maybe_unused static bool dlab(const struct vuart *u)
{
	return u->lcr & LCR_DLAB;
}

/**
 * What the guest reads from register `reg`, 0 to 7. While LCR.DLAB is set, registers 0 and 1 are
 * the divisor. RBR is 0, as nobody types; IIR says that no interrupt waits; LSR that THR and the
 * shift register are empty, since we send at once; MSR that somebody is there. The others hold what
 * was written.
 */
static u8 vuart_read(const struct vuart *u, u16 reg)
{
	switch (reg) {
	case RBR: return dlab(u) ? u->dll : 0;
	case IER: return dlab(u) ? u->dlm : u->ier;
	case IIR: return IIR_NONE;
	case LCR: return u->lcr;
	case MCR: return u->mcr;
	case LSR: return LSR_IDLE;
	case MSR: return MSR_PRESENT;
	default: return u->scr;
	}
}

/**
 * The guest writes `v` to register `reg`, 0 to 7. While LCR.DLAB is set, registers 0 and 1 are the
 * divisor; otherwise THR sends `v`. IER has only its low four bits, MCR its low five. There is no
 * FIFO, so FCR has no effect; LSR and MSR are read-only.
 */
static void vuart_write(struct vuart *u, u16 reg, u8 v)
{
	switch (reg) {
	case THR:
		if (dlab(u))
			u->dll = v;
		else
			u->send(u->ctx, (char)v);
		break;
	case IER:
		if (dlab(u))
			u->dlm = v;
		else
			u->ier = v & 0x0f;
		break;
	case LCR: u->lcr = v; break;
	case MCR: u->mcr = v & 0x1f; break;
	case SCR: u->scr = v; break;
	default: break;
	}
}

/* A wide access is one to each register in turn; beyond the last there is nothing. */
static u32 read_registers(const struct vuart *u, u16 offset, u8 size)
{
	u32 v = 0;

	for (u16 reg = offset + size; reg-- > offset;)
		v = v << 8 | (reg < VUART_PORTS ? vuart_read(u, reg) : 0xff);
	return v;
}

static __noinline void write_registers(struct vuart *u, u16 offset, u8 size, u32 v)
{
	for (u16 reg = offset; reg < offset + size && reg < VUART_PORTS; reg++, v >>= 8)
		vuart_write(u, reg, (u8)v);
}

void vuart_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	if (in)
		*value = read_registers(dev, offset, size);
	else
		write_registers(dev, offset, size, *value);
}
