/*
 * fuzz: Uses the ports of the UART. Registers have no bits but those that they should, and what is
 *       sent comes out, byte for byte.
 * covers: dev/vuart.c
 * size: 512
 */
#include "dev/vuart.h"
#include "fuzz.h"

static u32 sent;

static void send(void *ctx, char c)
{
	sent++;
}

static void check(const struct vuart *u)
{
	MUST(u->ier <= 0x0f);
	MUST(u->mcr <= 0x1f);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct vuart uart = { .send = send };

	while (input_left(&in)) {
		u32 how = input_below(&in, 6), reg = input_below(&in, VUART_PORTS);
		u8 bytes = (u8)(1 << how % 3);
		bool is_in = how >= 3, sends = !is_in && !reg && !(uart.lcr & 0x80);
		u32 value = is_in ? 0xdeadbeef : (u32)input_take(&in, bytes);

		sent = 0;
		vuart_access(&uart, (u16)reg, bytes, is_in, &value);
		MUST(sent == sends);
		check(&uart);
		if (is_in)
			for (u32 i = VUART_PORTS - reg; i < bytes; i++)
				MUST((value >> 8 * i & 0xff) == 0xff);
	}
	return 0;
}
