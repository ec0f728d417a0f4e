/* dev/vuart.c: what a driver sees that listens and wants interrupts. Sending is in test_dev.c. */
#include "dev/vuart.h"
#include "lib/string.h"
#include "random.h"
#include "unit.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR };	/* THR is where RBR is, FCR where IIR is */

#define OUT2	0x08
#define LOOP	0x10

static char sent[64];
static int sent_count;

static void send(void *ctx, char c)
{
	if (sent_count < 63)
		sent[sent_count++] = c;
	sent[sent_count] = '\0';
}

static struct vuart uart;

static void start(void)
{
	uart = (struct vuart){ .send = send };
	sent_count = 0;
}

static u8 in(u16 reg)
{
	u32 v = 0xdeadbeef;

	vuart_access(&uart, reg, 1, true, &v);
	return (u8)v;
}

static void out(u16 reg, u32 v)
{
	vuart_access(&uart, reg, 1, false, &v);
}

static void receive(const char *text)
{
	for (; *text; text++)
		vuart_receive(&uart, *text);
}

static void receiver(void)
{
	start();
	CHECK(vuart_receive(&uart, 'a') && in(LSR) == 0x61 && in(IIR) == 0x01);
	CHECK(in(RBR) == 'a' && in(LSR) == 0x60 && in(RBR) == 0);
	CHECK(!uart.awake);
	receive("bc");				/* no FIFO: c takes b's place */
	CHECK(in(LSR) == 0x63 && in(LSR) == 0x61 && in(RBR) == 'c' && in(LSR) == 0x60);

	out(IIR, 0x01);
	CHECK(in(IIR) == 0xc1);
	receive("0123456789abcdef");
	CHECK(!vuart_receive(&uart, 'g'));	/* the FIFO keeps what it has */
	CHECK(in(LSR) == 0x63 && in(LSR) == 0x61);
	for (int i = 0; i < 16; i++)
		CHECK(in(RBR) == "0123456789abcdef"[i]);
	CHECK(in(LSR) == 0x60);
	receive("xy");
	out(LCR, 0x80);
	CHECK(in(RBR) == 0);			/* the divisor */
	out(LCR, 0x03);
	CHECK(in(RBR) == 'x');
	out(IIR, 0x03);				/* cleared */
	CHECK(in(LSR) == 0x60);
	receive("z");
	out(IIR, 0x06);				/* cleared, since there is no FIFO any more */
	CHECK(in(LSR) == 0x60 && in(IIR) == 0x01);
	receive("z");
	out(IIR, 0x02);				/* this one is ignored */
	CHECK(in(RBR) == 'z');
}

static void triggers(void)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	for (int i = 0; i < 4; i++) {
		start();
		out(IER, 0x01);
		out(MCR, OUT2);
		out(IIR, i << 6 | 0x07);
		CHECK(!vuart_irq(&uart) && in(IIR) == 0xc1);
		for (int n = 1; n <= 16; n++) {
			receive("x");
			CHECK(vuart_irq(&uart));
			CHECK(in(IIR) == (n < level[i] ? 0xcc : 0xc4));
		}
		for (int n = 15; n >= 0; n--) {
			in(RBR);
			CHECK(in(IIR) == (!n ? 0xc1 : n < level[i] ? 0xcc : 0xc4));
		}
		CHECK(!vuart_irq(&uart));
	}
}

/* Everything at once; each goes by what the data sheet's table says, the next one shows. */
static void priorities(void)
{
	start();
	out(MCR, LOOP | 0x03);
	out(MCR, OUT2);
	out(IER, 0x0f);
	receive("pq");
	CHECK(vuart_irq(&uart));
	CHECK(in(IIR) == 0x06 && in(IIR) == 0x06);
	CHECK(in(LSR) == 0x63);
	CHECK(in(IIR) == 0x04 && in(RBR) == 'q');
	CHECK(in(IIR) == 0x02);			/* this read is what ends it */
	CHECK(vuart_irq(&uart) && in(IIR) == 0x00 && in(IIR) == 0x00);
	CHECK(in(MSR) == 0xb8 && in(MSR) == 0xb0);	/* carrier came with the end of loopback */
	CHECK(!vuart_irq(&uart) && in(IIR) == 0x01);
}

static void transmitter(void)
{
	start();
	out(MCR, OUT2);
	out(IER, 0x02);
	CHECK(vuart_irq(&uart) && in(IIR) == 0x02 && !vuart_irq(&uart));
	vuart_irq_fell(&uart);
	out(RBR, 'a');
	CHECK(vuart_irq(&uart) && vuart_irq_fell(&uart) && !vuart_irq_fell(&uart));
	out(RBR, 'b');			/* without a look at IIR: another interrupt all the same */
	CHECK(vuart_irq(&uart) && vuart_irq_fell(&uart));
	CHECK(in(LSR) == 0x60 && vuart_irq(&uart) && !vuart_irq_fell(&uart));
	out(IER, 0x02);				/* it was enabled before: no news */
	CHECK(in(IIR) == 0x02);
	out(IER, 0x02);
	CHECK(in(IIR) == 0x01);
	out(IER, 0x00);
	out(IER, 0x02);
	CHECK(vuart_irq(&uart));
	out(MCR, 0);				/* the gate of a PC */
	CHECK(!vuart_irq(&uart) && in(IIR) == 0x02);
	CHECK_TEXT(sent, "ab");
	out(LCR, 0x83);
	out(RBR, 12);				/* the divisor does not go anywhere */
	CHECK(in(IIR) == 0x01 && sent_count == 2);
}

/* The line falls when the last byte has been read, which an edge-triggered controller must see. */
static void one_by_one(void)
{
	start();
	out(MCR, OUT2);
	out(IER, 0x01);
	receive("a");
	vuart_irq_fell(&uart);
	CHECK(vuart_irq(&uart) && !vuart_irq_fell(&uart));
	in(RBR);
	CHECK(!vuart_irq(&uart) && vuart_irq_fell(&uart));
	receive("b");
	CHECK(vuart_irq(&uart));
}

/* As Linux looks for a UART and the size of its FIFO. */
static void loopback(void)
{
	start();
	out(MCR, LOOP | 0x0a);
	CHECK((in(MSR) & 0xf0) == 0x90);
	out(MCR, LOOP | 0x04);
	in(MSR);
	CHECK(in(MSR) == 0x40);
	out(MCR, LOOP);
	CHECK(in(MSR) == 0x04 && in(MSR) == 0x00);	/* RI has gone */
	out(MCR, LOOP | 0x04);
	CHECK(in(MSR) == 0x40);				/* that it comes isn't said */
	out(IIR, 0x07);
	CHECK(!vuart_receive(&uart, 'x') && in(LSR) == 0x60);
	for (int i = 0; i < 256; i++)
		out(RBR, i);
	int count = 0;

	for (; in(LSR) & 1; count++)
		CHECK(in(RBR) == count);
	CHECK(count == 16 && sent_count == 0);
	out(IER, 0x01);
	out(MCR, LOOP | OUT2);
	out(RBR, 'a');
	CHECK(in(IIR) == 0xc4 && !vuart_irq(&uart));	/* OUT2 is cut off as well */
	out(MCR, OUT2);
	CHECK(vuart_irq(&uart));
}

/* With nothing but output it falls asleep again, whatever was set up. */
static void sleeps(void)
{
	start();
	out(LCR, 0x03);
	out(MCR, 0x0b);
	out(IER, 0x00);
	CHECK(in(LSR) == 0x60 && !uart.awake);
	out(RBR, 'a');
	CHECK(!uart.awake && !vuart_irq(&uart));
	out(IIR, 0xc7);
	CHECK(in(IIR) == 0xc1);
}

static void noise(void)
{
	start();
	random_state = 1;
	for (int i = 0; i < 200000; i++) {
		u32 v = below(1 << 24) << 8 | below(256);

		vuart_access(&uart, below(8), 1 << below(3), below(2), &v);
		if (!below(4))
			vuart_receive(&uart, below(256));
		CHECK(uart.count <= VUART_FIFO && uart.first < VUART_FIFO);
		CHECK(!vuart_irq(&uart) || uart.ier);
	}
}

int main(void)
{
	receiver();
	triggers();
	priorities();
	transmitter();
	one_by_one();
	loopback();
	sleeps();
	noise();
	return UNIT_END();
}
