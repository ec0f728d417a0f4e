/* See console.h. */
#include "core/console.h"

#include "core/screen.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "x86/insn.h"

/* 16550 UART at the first PC serial port. */
#define COM1		0x3f8
#define UART_RBR	0	/* receive */
#define UART_THR	0	/* transmit; divisor low while DLAB is set */
#define UART_IER	1	/* interrupt enable; divisor high */
#define UART_FCR	2
#define UART_LCR	3
#define LCR_8N1		0x03
#define LCR_DLAB	0x80
#define UART_LSR	5
#define LSR_DR		0x01	/* a byte has come in */
#define LSR_THRE	0x20	/* ready for a byte */
#define LSR_TEMT	0x40	/* all bytes are out */
#define UART_SCR	7	/* scratch: keeps what is written */

/* One that is not ready after so many looks, about a second, is broken. */
#define MAX_POLLS	1000000

#define RS 0x1e

static u32 current_channel;
static bool uart_works;

static bool scratch_keeps(u8 value)
{
	outb(COM1 + UART_SCR, value);
	return inb(COM1 + UART_SCR) == value;
}

void console_init(void)
{
	uart_works = scratch_keeps(0x55) && scratch_keeps(0xaa);
	if (!uart_works)
		return;
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, LCR_DLAB);
	outb(COM1 + UART_THR, 1);		/* 115200 baud */
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, LCR_8N1);
	outb(COM1 + UART_FCR, 0x07);		/* FIFOs on and empty */
}

static void wait_for(u8 status)
{
	for (u32 polls = 0; !(inb(COM1 + UART_LSR) & status); polls++) {
		if (polls == MAX_POLLS) {
			uart_works = false;
			return;
		}
		pause();
	}
}

static void put_byte(u8 byte)
{
	wait_for(LSR_THRE);
	outb(COM1 + UART_THR, byte);
}

static void select_channel(u32 channel)
{
	if (channel == current_channel)
		return;
	put_byte(RS);
	put_byte((u8)('@' + channel));
	current_channel = channel;
}

void console_write(u32 channel, const char *text, size_t size)
{
	if (screen_on)
		screen_write(channel, text, size);
	for (size_t i = 0; i < size && uart_works; i++) {
		if (text[i] == RS)
			continue;
		select_channel(channel);
		put_byte((u8)text[i]);
	}
}

static bool listening;

void console_listen(void)
{
	listening = true;
}

int console_read(char *text, u32 size)
{
	u32 n = 0;

	if (!listening || !uart_works)
		return -ENODEV;
	while (n < size && inb(COM1 + UART_LSR) & LSR_DR)
		text[n++] = (char)inb(COM1 + UART_RBR);
	return (int)n;
}

void console_flush(void)
{
	if (uart_works)
		wait_for(LSR_TEMT);
}

static void put_host(void *ctx, char c)
{
	console_write(0, &c, 1);
}

void printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vformat(put_host, NULL, fmt, ap);
	va_end(ap);
}
