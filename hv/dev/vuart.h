/**
 * @file vuart.h
 * A virtual 16550A serial port: what it sends comes out on the VM's console channel. Pure.
 * It sends and receives at once, whatever the divisor says; there are no errors but an overrun.
 */
#ifndef DEV_VUART_H
#define DEV_VUART_H

#include "lib/types.h"

#define VUART_PORT	0x3f8
#define VUART_PORTS	8
#define VUART_FIFO	16	/* bytes */

/** All zero but for `send` and `ctx`, it's as after a reset. */
struct vuart {
	u8 ier, lcr, mcr, scr;
	u8 dll, dlm;			/**< divisor, behind LCR.DLAB */
	u8 fcr;				/**< 0: no FIFOs, as in an 8250 */
	u8 errors;			/**< in LSR, until it's read */
	u8 deltas;			/**< in MSR, until it's read */
	bool awake;			/**< perhaps there is more to it than to send */
	bool thr_empty;			/**< the interrupt waits that says so */
	bool fell;			/**< see vuart_irq_fell() */
	u8 fifo[VUART_FIFO];		/**< received, the oldest at `first` */
	u8 first, count;
	void (*send)(void *ctx, char c);
	void *ctx;
};

/** bus_handler for the eight registers. */
void vuart_access(void *dev, u16 offset, u8 size, bool in, u32 *value);

/** A character comes in. @return false: it's lost, since there is no room or nobody listens */
bool vuart_receive(struct vuart *u, u8 c);

/** Would a character that comes in be kept? */
static inline bool vuart_room(const struct vuart *u)
{
	return u->count < (u->fcr ? VUART_FIFO : 1);
}

/** Not for the VMM: vuart_irq() of a UART that is awake. */
bool vuart_awake_irq(const struct vuart *u);

/** The level of IRQ 4. It changes with the two functions above. Quick while only sending. */
static inline bool vuart_irq(const struct vuart *u)
{
	return u->awake && vuart_awake_irq(u);
}

/**
 * Has IRQ 4 been low for an instant since the last call, whatever it is now? An edge-triggered
 * interrupt controller must see that.
 */
static inline bool vuart_irq_fell(struct vuart *u)
{
	bool fell = u->fell;

	u->fell = false;
	return fell;
}

#endif
