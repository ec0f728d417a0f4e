/*
 * fuzz: Uses the ports of the UART, and receives. Its state stays in range; what is sent comes out,
 *       byte for byte; and one that is asleep answers as if it were awake.
 * covers: dev/vuart.c
 * size: 512
 */
#include "dev/vuart.h"
#include "fuzz.h"

#define LCR_DLAB	0x80
#define MCR_LOOP	0x10

static u32 sent;

static void send(void *ctx, char c)
{
	sent++;
}

static void check(const struct vuart *u)
{
	MUST(u->ier <= 0x0f && u->mcr <= 0x1f);
	MUST(u->first < VUART_FIFO && u->count <= (u->fcr ? VUART_FIFO : 1));
	MUST(u->awake || !vuart_awake_irq(u));
	MUST(!vuart_irq(u) || u->mcr & 0x08);
}

static void read_port(struct vuart *u, u16 reg, u8 bytes)
{
	struct vuart other = *u;
	u32 value = 0xdeadbeef, same = 0;

	other.awake = true;
	vuart_access(u, reg, bytes, true, &value);
	vuart_access(&other, reg, bytes, true, &same);
	MUST(value == same);
	for (u32 i = VUART_PORTS - reg; i < bytes; i++)		/* nothing is there */
		MUST((value >> 8 * i & 0xff) == 0xff);
}

static void write_port(struct vuart *u, u16 reg, u8 bytes, u32 value)
{
	bool sends = !reg && !(u->lcr & LCR_DLAB) && !(u->mcr & MCR_LOOP);

	sent = 0;
	vuart_access(u, reg, bytes, false, &value);
	MUST(sent == sends);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct vuart uart = { .send = send };

	while (input_left(&in)) {
		u32 how = input_below(&in, 7);
		u16 reg = (u16)input_below(&in, VUART_PORTS);
		u8 bytes = (u8)(1 << how % 3), count = uart.count;

		if (how < 3) {
			read_port(&uart, reg, bytes);
		} else if (how < 6) {
			write_port(&uart, reg, bytes, (u32)input_take(&in, bytes));
		} else if (vuart_receive(&uart, (u8)reg)) {
			MUST(uart.count == (uart.fcr ? count + 1 : 1));
		}
		check(&uart);
	}
	return 0;
}
