/**
 * @file vuart.h
 * A virtual 16550 serial port: what it sends comes out on the VM's console channel. Pure.
 */
#ifndef DEV_VUART_H
#define DEV_VUART_H

#include "lib/types.h"

#define VUART_PORT	0x3f8
#define VUART_PORTS	8

struct vuart {
	u8 ier, lcr, mcr, scr;
	u8 dll, dlm;			/**< divisor, behind LCR.DLAB */
	void (*send)(void *ctx, char c);
	void *ctx;
};

/** bus_handler for the eight registers. */
void vuart_access(void *dev, u16 offset, u8 size, bool in, u32 *value);

#endif
