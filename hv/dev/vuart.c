/*
 * See vuart.h. Registers: National Semiconductor PC16550D data sheet, section 8.
 *
 * Most guests only send, so that comes first; what a 16550A has besides is laid around it, and
 * takes no time while it's asleep.
 */
#include "dev/vuart.h"

#include "lib/lab.h"

#define THR	0	/* write: transmit; DLL while DLAB is set */
#define RBR	0	/* read: receive */
#define IER	1	/* DLM while DLAB is set */
#define IIR	2
#define FCR	2	/* write */
#define LCR	3
#define MCR	4
#define LSR	5
#define MSR	6
#define SCR	7

#define IIR_NONE	0x01	/* no interrupt waits */
#define LCR_DLAB	0x80
#define LSR_IDLE	0x60	/* THR and the shift register are empty: we send at once */
#define MSR_PRESENT	0xb0	/* carrier, data set ready, clear to send */

#define IER_RDA		0x01
#define IER_THRE	0x02
#define IER_LINE	0x04
#define IER_MODEM	0x08
/* What IIR says, from the highest priority to the lowest. */
#define IIR_LINE	0x06
#define IIR_RDA		0x04
#define IIR_TIMEOUT	0x0c
#define IIR_THRE	0x02
#define IIR_MODEM	0x00
#define IIR_FIFOS	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR	0x02	/* the receiver's */
#define FCR_TRIGGER	0xc0
#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08	/* a PC has a gate for the interrupt there */
#define MCR_LOOP	0x10
#define LSR_DR		0x01
#define LSR_OE		0x02
#define MSR_CTS		0x10	/* below are four bits that say which of these have changed */
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

/* Divisor latch access: the first two registers are the divisor. */
__maybe_unused static bool dlab(const struct vuart *u)
{
	return u->lcr & LCR_DLAB;
}

/**
 * What the guest reads from register `reg`, 0 to 7, of a UART that only sends. While LCR.DLAB is
 * set, registers 0 and 1 are the divisor. RBR is 0, as nothing came in; IIR says that no interrupt
 * waits; LSR that THR and the shift register are empty, since we send at once; MSR that somebody is
 * there. The others hold what was written.
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
 * divisor; otherwise THR sends `v`. IER has only its low four bits, MCR its low five. FCR has no
 * effect on what is sent; LSR and MSR are read-only.
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

/* ---- A UART that is awake ------------------------------------------------------------------- */

static bool fifos(const struct vuart *u)
{
	return u->fcr & FCR_ENABLE;
}

/* The receiver has enough for an interrupt; with less, the guest is told of a timeout. */
static bool triggered(const struct vuart *u)
{
	static const u8 trigger[] = { 1, 4, 8, 14 };

	return u->count >= (fifos(u) ? trigger[u->fcr >> 6] : 1);
}

/* MSR's upper half: what the other side says, in loopback we are that. */
static u8 modem_lines(u8 mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_PRESENT;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
	       (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

/* The interrupt of highest priority that is enabled and waits: "Interrupt Identification". */
static u8 interrupt_id(const struct vuart *u)
{
	if (u->ier & IER_LINE && u->errors)
		return IIR_LINE;
	if (u->ier & IER_RDA && triggered(u))
		return IIR_RDA;
	if (u->ier & IER_RDA && u->count)
		return IIR_TIMEOUT;
	if (u->ier & IER_THRE && u->thr_empty)
		return IIR_THRE;
	return u->ier & IER_MODEM && u->deltas ? IIR_MODEM : IIR_NONE;
}

/* In loopback OUT2 is off outside. */
bool vuart_awake_irq(const struct vuart *u)
{
	return (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && interrupt_id(u) != IIR_NONE;
}

/* If the last was not read in time: without FIFOs a new one takes its place, else it's lost. */
static bool put(struct vuart *u, u8 c)
{
	u8 room = fifos(u) ? VUART_FIFO : 1;
	bool overrun = u->count >= room;

	u->awake = true;
	if (overrun)
		u->errors |= LSR_OE;
	if (overrun && fifos(u))
		return false;
	if (overrun)
		u->count = 0;
	u->fifo[(u->first + u->count++) % VUART_FIFO] = c;
	return true;
}

static u8 take(struct vuart *u)
{
	u8 c = u->fifo[u->first];

	if (!u->count)
		return 0;
	u->first = (u->first + 1) % VUART_FIFO;
	u->count--;
	return c;
}

/* `none`: what a UART says without interrupts. */
static u8 read_iir(struct vuart *u, u8 none)
{
	u8 id = interrupt_id(u);

	if (id == IIR_THRE) {
		u->thr_empty = false;
		u->fell = true;
	}
	return (id == IIR_NONE ? none : id) | (fifos(u) ? IIR_FIFOS : 0);
}

/* What the guest reads, if a UART that only sends would say `v`. */
static u8 read_more(struct vuart *u, u16 reg, u8 v)
{
	switch (reg) {
	case RBR:
		v = dlab(u) ? v : take(u);
		break;
	case IIR:
		v = read_iir(u, v);
		break;
	case LSR:
		v |= u->errors | (u->count ? LSR_DR : 0);
		u->errors = 0;
		break;
	case MSR:
		v = (u->mcr & MCR_LOOP ? modem_lines(u->mcr) : v) | u->deltas;
		u->deltas = 0;
		break;
	default:
		break;
	}
	return v;
}

static __noinline u32 read_awake(struct vuart *u, u16 offset, u8 size, u32 v)
{
	u32 seen = 0;

	for (u16 i = 0; i < size; i++, v >>= 8) {
		u16 reg = offset + i;

		seen |= (u32)(reg < VUART_PORTS ? read_more(u, reg, (u8)v) : 0xff) << 8 * i;
	}
	u->fell |= !vuart_awake_irq(u);
	u->awake = u->ier || u->fcr || u->count || u->errors || u->deltas || u->mcr & MCR_LOOP;
	return seen;
}

/* Unless bit 0 is set, the others don't count. */
static void write_fcr(struct vuart *u, u8 v)
{
	u8 fcr = v & FCR_ENABLE ? v & (FCR_ENABLE | FCR_TRIGGER) : 0;

	if ((u->fcr ^ fcr) & FCR_ENABLE || (fcr && v & FCR_CLEAR))
		u->count = 0;
	u->fcr = fcr;
}

/* RI has changed only when it goes: "Modem Status Register". */
static void write_mcr(struct vuart *u, u8 v)
{
	u8 before = modem_lines(u->mcr), after = modem_lines(v);

	u->deltas |= ((before ^ after) & ~(after & MSR_RI)) >> 4;
}

/*
 * What a write does besides sending and being kept.
 * @return whether that is all
 */
static __noinline bool write_awake(struct vuart *u, u16 reg, u8 v)
{
	bool sends = reg == THR && !dlab(u);

	u->awake = true;
	if (reg == FCR)
		write_fcr(u, v);
	if (reg == MCR)
		write_mcr(u, v);
	if (reg == IER && !dlab(u) && v & ~u->ier & IER_THRE)
		u->thr_empty = true;	/* it is, and that's news for the guest */
	if (sends) {
		u->thr_empty = true;	/* again: it was full for an instant */
		u->fell = true;
	}
	if (sends && u->mcr & MCR_LOOP) {
		put(u, v);
		return true;
	}
	return false;
}

/* ---- Its ports ------------------------------------------------------------------------------ */

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
	for (u16 reg = offset; reg < offset + size && reg < VUART_PORTS; reg++, v >>= 8) {
		if ((reg != THR || u->awake) && write_awake(u, reg, (u8)v))
			continue;
		vuart_write(u, reg, (u8)v);
	}
}

void vuart_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	struct vuart *u = dev;

	if (!in)
		write_registers(u, offset, size, *value);
	else
		*value = read_registers(u, offset, size);
	if (in && u->awake)
		*value = read_awake(u, offset, size, *value);
}

bool vuart_receive(struct vuart *u, u8 c)
{
	return !(u->mcr & MCR_LOOP) && put(u, c);
}
