/* dev/vpic.c: what a guest and a CPU see of the two interrupt controllers. */
#include "unit.h"
#include "vpic_ports.h"

static void init_chip(u16 port, u8 icw1, u8 base, u8 icw3, u8 icw4)
{
	out(port, icw1);
	out(port + 1, base);
	if (!(icw1 & 0x02))
		out(port + 1, icw3);
	if (icw1 & 0x01)
		out(port + 1, icw4);
}

/* As a PC does: vectors 0x20 to 0x2f, nothing masked. */
static void start(void)
{
	vpic_reset(&pic);
	init_chip(VPIC_MASTER, 0x11, 0x20, 0x04, 0x01);
	init_chip(VPIC_SLAVE, 0x11, 0x28, 0x02, 0x01);
}

static void pulse(u8 irq)
{
	vpic_line(&pic, irq, true);
	vpic_line(&pic, irq, false);
}

/* The CPU takes an interrupt if there is one. @return the vector, or -1 */
static int interrupt(void)
{
	return vpic_wants(&pic) ? vpic_acknowledge(&pic) : -1;
}

static void initialisation(void)
{
	vpic_reset(&pic);
	for (u8 irq = 0; irq < 16; irq++)
		pulse(irq);
	CHECK(interrupt() == -1);		/* there was no ICW1 yet */
	out(0x21, 0x5a);
	CHECK(in(0x21) == 0x5a);		/* nor is this ICW2 */

	out(0x20, 0x11);
	CHECK(in(0x21) == 0 && in(0x20) == 0);	/* mask and requests are gone */
	pulse(3);
	out(0x21, 0x47);			/* ICW2: bits 0 to 2 don't count */
	out(0x21, 0x04);
	CHECK(interrupt() == -1);
	out(0x21, 0x01);
	CHECK(interrupt() == 0x43 && in(0x21) == 0);
	out(0x21, 0xff);
	CHECK(in(0x21) == 0xff);

	init_chip(VPIC_MASTER, 0x10, 0x50, 0x04, 0);	/* no ICW4 */
	out(0x21, 0x02);				/* so this is the mask, not AEOI */
	CHECK(in(0x21) == 0x02 && look(VPIC_MASTER, READ_ISR) == 0);
	pulse(0);
	CHECK(interrupt() == 0x50 && look(VPIC_MASTER, READ_ISR) == 0x01);

	init_chip(VPIC_MASTER, 0x13, 0x60, 0, 0x03);	/* single: no ICW3 */
	out(0x21, 0x80);
	CHECK(in(0x21) == 0x80);
	pulse(6);
	CHECK(interrupt() == 0x66 && look(VPIC_MASTER, READ_ISR) == 0);	/* AEOI */
	init_chip(VPIC_MASTER, 0x12, 0x70, 0, 0);	/* and neither ICW3 nor ICW4 */
	pulse(6);
	CHECK(interrupt() == 0x76 && look(VPIC_MASTER, READ_ISR) == 0x40);
}

/* What ICW1 resets: a. to f. in the data sheet. */
static void initialisation_again(void)
{
	start();
	out(0x21, 0x10);
	out(0x20, SET_PRIORITY | 3);
	out(0x20, SMM_ON);
	out(0x20, READ_ISR);
	out(0x20, ROTATE_AEOI_ON);
	pulse(5);
	CHECK(interrupt() == 0x25 && in(0x20) == 0x20);
	vpic_line(&pic, 1, true);
	init_chip(VPIC_MASTER, 0x11, 0x20, 0x04, 0x03);
	CHECK(in(0x20) == 0 && look(VPIC_MASTER, READ_ISR) == 0 && in(0x21) == 0);
	CHECK(interrupt() == -1);		/* IRQ 1 is up, but it must rise */
	vpic_line(&pic, 1, false);
	vpic_line(&pic, 1, true);
	pulse(0);
	CHECK(interrupt() == 0x20);		/* IRQ 0 is first again */
	pulse(0);
	CHECK(interrupt() == 0x20 && interrupt() == 0x21);	/* and nothing rotates */
	out(0x20, POLL);
	out(0x20, 0x11);
	CHECK(in(0x20) == 0);			/* no poll any more */
}

static void priorities(void)
{
	start();
	vpic_line(&pic, 4, true);
	vpic_line(&pic, 1, true);
	vpic_line(&pic, 6, true);
	CHECK(in(0x20) == 0x52);
	CHECK(interrupt() == 0x21);
	CHECK(in(0x20) == 0x50 && look(VPIC_MASTER, READ_ISR) == 0x02);
	CHECK(interrupt() == -1);		/* 4 comes after 1 */
	pulse(0);
	CHECK(interrupt() == 0x20);		/* 0 before it */
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x03);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x02 && interrupt() == -1);
	vpic_line(&pic, 1, false);
	vpic_line(&pic, 1, true);
	CHECK(interrupt() == -1);		/* nor does a line interrupt itself */
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x21);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x24);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x26);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == -1 && in(0x20) == 0);	/* the lines are up, without a rise */
	vpic_line(&pic, 2, true);			/* nobody's */
	vpic_line(&pic, 16, true);
	vpic_line(&pic, 255, true);
	CHECK(interrupt() == -1 && in(0x20) == 0 && in(0xa0) == 0);
}

static void masks(void)
{
	start();
	out(0x21, 0x01);
	out(0xa1, 0x80);
	pulse(0);
	pulse(15);
	CHECK(in(0x20) == 0x01 && in(0xa0) == 0x80 && interrupt() == -1);
	CHECK(in(0x21) == 0x01 && in(0xa1) == 0x80);
	pulse(7);
	CHECK(interrupt() == 0x27);
	out(0x21, 0x00);
	CHECK(interrupt() == 0x20);		/* the request has waited */
	out(0x20, SPECIFIC_EOI | 0);
	out(0x20, SPECIFIC_EOI | 7);
	out(0x21, 0x04);			/* the slave's line */
	out(0xa1, 0x00);
	CHECK(in(0x20) == 0x04 && interrupt() == -1);
	out(0xa1, 0x80);
	CHECK(in(0x20) == 0x00);		/* the slave wants nothing any more */
	out(0xa1, 0x00);
	out(0x21, 0x00);
	CHECK(interrupt() == 0x2f);
}

static void ends(void)
{
	start();
	pulse(5);
	interrupt();
	pulse(3);
	interrupt();
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x28);
	out(0x20, SPECIFIC_EOI | 5);
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x08);
	out(0x20, SPECIFIC_EOI | 5);
	out(0x20, 0x43);			/* no operation */
	out(0x20, 0x20 | 4);			/* without SL, the level doesn't count */
	CHECK(look(VPIC_MASTER, READ_ISR) == 0);
	out(0x20, ROTATE_EOI);			/* none in service: nothing happens */
	out(0x20, NONSPECIFIC_EOI);
	pulse(1);
	pulse(0);
	CHECK(interrupt() == 0x20);
}

static void rotation(void)
{
	start();
	pulse(4);
	pulse(6);
	CHECK(interrupt() == 0x24);
	out(0x20, ROTATE_EOI);			/* the data sheet's example: 4 becomes the lowest */
	CHECK(look(VPIC_MASTER, READ_ISR) == 0);
	pulse(4);
	pulse(5);
	pulse(0);
	CHECK(interrupt() == 0x25);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x26);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x20);
	pulse(7);
	CHECK(interrupt() == 0x27);		/* 7 comes before 0 now */
	out(0x20, NONSPECIFIC_EOI);
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x01);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x24);

	start();
	out(0x20, SET_PRIORITY | 5);		/* 6, 7, 0, ... 5 */
	pulse(5);
	pulse(0);
	pulse(6);
	CHECK(interrupt() == 0x26);
	out(0x20, ROTATE_SPECIFIC | 6);		/* 7, 0, ... 6 */
	CHECK(look(VPIC_MASTER, READ_ISR) == 0);
	pulse(6);
	CHECK(interrupt() == 0x20);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x25);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x26);
}

static void automatic_eoi(void)
{
	start();
	init_chip(VPIC_MASTER, 0x11, 0x20, 0x04, 0x03);
	pulse(6);
	pulse(2);
	pulse(5);
	CHECK(interrupt() == 0x25 && look(VPIC_MASTER, READ_ISR) == 0);
	CHECK(interrupt() == 0x26 && interrupt() == -1);
	out(0x20, ROTATE_AEOI_ON);
	pulse(0);
	CHECK(interrupt() == 0x20);
	pulse(0);
	pulse(7);
	CHECK(interrupt() == 0x27);		/* 0 was served, so 1 is first and 0 the last */
	pulse(6);
	CHECK(interrupt() == 0x20);		/* then 0 is, up to 7 */
	pulse(0);
	out(0x20, ROTATE_AEOI_OFF);
	CHECK(interrupt() == 0x26);		/* 0 has just been served again */
	pulse(6);
	CHECK(interrupt() == 0x26 && interrupt() == 0x20);	/* 6 is where it was */

	init_chip(VPIC_SLAVE, 0x11, 0x28, 0x02, 0x03);
	pulse(9);
	pulse(8);
	CHECK(interrupt() == 0x28 && interrupt() == 0x29 && interrupt() == -1);
	CHECK(look(VPIC_SLAVE, READ_ISR) == 0);
}

static void cascade(void)
{
	start();
	pulse(12);
	CHECK(in(0xa0) == 0x10 && in(0x20) == 0x04);
	pulse(3);
	CHECK(interrupt() == 0x2c);		/* IRQ 8 to 15 come before IRQ 3 */
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x04 && look(VPIC_SLAVE, READ_ISR) == 0x10);
	CHECK(in(0xa0) == 0 && in(0x20) == 0x08);
	pulse(8);
	CHECK(in(0x20) == 0x0c && interrupt() == -1);	/* not the special fully nested mode */
	pulse(1);
	CHECK(interrupt() == 0x21);
	out(0x20, NONSPECIFIC_EOI);
	out(0x20, NONSPECIFIC_EOI);		/* of IRQ 2 */
	CHECK(interrupt() == 0x28);
	out(0xa0, NONSPECIFIC_EOI);
	CHECK(look(VPIC_SLAVE, READ_ISR) == 0x10);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x23);
	pulse(13);
	CHECK(!vpic_wants(&pic) && in(0x20) == 0);	/* 12 is still in service */
	out(0xa0, NONSPECIFIC_EOI);
	CHECK(in(0x20) == 0x04 && interrupt() == 0x2d);
}

/* A guest may program the cascade wrongly. */
static void cascade_undone(void)
{
	start();
	init_chip(VPIC_MASTER, 0x11, 0x20, 0x00, 0x01);	/* no slave: a line like others */
	pulse(9);
	CHECK(interrupt() == 0x22 && look(VPIC_SLAVE, READ_ISR) == 0);
	init_chip(VPIC_MASTER, 0x13, 0x20, 0, 0x01);
	out(0xa1, 0x00);
	CHECK(interrupt() == 0x22 && look(VPIC_SLAVE, READ_ISR) == 0);
	init_chip(VPIC_MASTER, 0x11, 0x20, 0x0c, 0x01);	/* one at IRQ 3 */
	pulse(3);
	out(0xa1, 0x00);
	CHECK(interrupt() == 0x29);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0xff && look(VPIC_MASTER, READ_ISR) == 0x08);
	start();
	init_chip(VPIC_SLAVE, 0x11, 0x28, 0x03, 0x01);	/* the slave has another number */
	pulse(9);
	CHECK(interrupt() == 0xff && look(VPIC_SLAVE, READ_ISR) == 0);
	start();
	init_chip(VPIC_SLAVE, 0x13, 0x28, 0, 0x01);	/* or believes that it's alone */
	pulse(9);
	CHECK(interrupt() == 0xff);
}

static void spurious(void)
{
	start();
	CHECK(vpic_acknowledge(&pic) == 0x27 && look(VPIC_MASTER, READ_ISR) == 0);
	pulse(4);
	out(0x21, 0x10);
	CHECK(vpic_acknowledge(&pic) == 0x27);
	out(0x21, 0x00);
	CHECK(interrupt() == 0x24);
	pulse(5);
	CHECK(vpic_acknowledge(&pic) == 0x27 && in(0x20) == 0x20);	/* 4 is in service */

	start();
	out(0x4d1, 0x02);
	vpic_line(&pic, 9, true);
	vpic_line(&pic, 9, false);		/* the master has latched the slave's INT */
	CHECK(in(0x20) == 0x04 && interrupt() == 0x2f);
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x04 && look(VPIC_SLAVE, READ_ISR) == 0);
	vpic_reset(&pic);
	CHECK(vpic_acknowledge(&pic) == 0x07);
}

static void levels(void)
{
	start();
	out_wide(0x4d0, 2, 0xffff);
	CHECK(in(0x4d0) == 0xf8 && in(0x4d1) == 0xde && in_wide(0x4d0, 2) == 0xdef8);
	vpic_line(&pic, 5, true);
	vpic_line(&pic, 5, false);
	CHECK(interrupt() == -1);		/* it asks only while it's up */
	vpic_line(&pic, 5, true);
	CHECK(interrupt() == 0x25 && in(0x20) == 0x20);
	CHECK(interrupt() == -1);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x25);
	vpic_line(&pic, 5, false);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == -1);
	vpic_line(&pic, 10, true);
	CHECK(interrupt() == 0x2a);
	out(0xa0, NONSPECIFIC_EOI);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x2a);
	init_chip(VPIC_MASTER, 0x11, 0x20, 0x04, 0x01);
	init_chip(VPIC_SLAVE, 0x11, 0x28, 0x02, 0x01);
	CHECK(in(0x4d0) == 0xf8 && interrupt() == 0x2a);	/* ICW1 leaves ELCR and a level */
	out(0x4d1, 0);
	CHECK(in(0xa0) == 0);			/* to become a request, an edge must come now */

	start();
	init_chip(VPIC_MASTER, 0x19, 0x20, 0x04, 0x01);		/* LTIM: all lines */
	vpic_line(&pic, 0, true);
	CHECK(interrupt() == 0x20);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x20);
	vpic_line(&pic, 0, false);
	out(0x20, NONSPECIFIC_EOI);
	pulse(14);
	CHECK(interrupt() == 0x2e && in(0x20) == 0);
}

static void special_mask(void)
{
	start();
	pulse(1);
	CHECK(interrupt() == 0x21);
	pulse(6);
	out(0x21, 0x02);
	CHECK(interrupt() == -1);
	out(0x20, SMM_ON);
	CHECK(interrupt() == 0x26);		/* 1 is masked, so it holds nothing up */
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x42);
	pulse(1);
	CHECK(interrupt() == -1);
	out(0x20, 0x08);			/* without ESMM, SMM doesn't count */
	out(0x20, NONSPECIFIC_EOI);		/* a masked bit stays */
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x02);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(look(VPIC_MASTER, READ_ISR) == 0x02);
	out(0x20, 0x28);
	pulse(6);
	CHECK(interrupt() == 0x26);
	out(0x20, NONSPECIFIC_EOI);
	out(0x20, SMM_OFF);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(look(VPIC_MASTER, READ_ISR) == 0);
}

static void polls(void)
{
	start();
	out(0x20, POLL);
	CHECK((in(0x20) & 0x80) == 0);
	CHECK(in(0x20) == 0);			/* only the next read is one */
	pulse(5);
	out(0x20, POLL);
	CHECK(in(0x21) == 0x85);		/* from either port */
	CHECK(in(0x21) == 0 && look(VPIC_MASTER, READ_ISR) == 0x20 && interrupt() == -1);
	out(0x20, POLL | READ_ISR);		/* a poll comes before a read of the status */
	CHECK((in(0x20) & 0x80) == 0 && in(0x20) == 0x20);
	out(0x20, NONSPECIFIC_EOI);
	out(0x20, POLL);
	out(0x20, READ_IRR);			/* changed its mind */
	CHECK(in(0x20) == 0);

	pulse(11);
	pulse(12);
	out(0x20, POLL);
	CHECK(in(0x20) == 0x82);
	out(0xa0, POLL);
	CHECK(in(0xa0) == 0x83 && look(VPIC_SLAVE, READ_ISR) == 0x08);
	CHECK(in(0x20) == 0);			/* 12 waits for 11's EOI */
	out(0xa0, NONSPECIFIC_EOI);
	out(0x20, NONSPECIFIC_EOI);
	CHECK(interrupt() == 0x2c);
}

static void wide(void)
{
	start();
	out_wide(0x20, 2, 0xfe00 | READ_ISR);
	CHECK(in(0x21) == 0xfe);
	pulse(0);
	out(0x21, 0);
	interrupt();
	CHECK(in_wide(0x20, 2) == 0x0001);
	out(0x21, 0x5a);
	CHECK(in_wide(0x20, 4) == 0xffff5a01);
	CHECK(in_wide(0x21, 1) == 0x5a && in_wide(0x21, 2) == 0xff5a);
	out_wide(0x21, 4, 0xffffffa5);		/* only the first byte is for us */
	CHECK(in(0x21) == 0xa5 && look(VPIC_MASTER, READ_ISR) == 0x01);
	out_wide(0xa0, 4, 0x11223300 | READ_IRR);
	CHECK(in(0xa1) == 0x33);
	out_wide(0x4d1, 2, 0xff40);
	CHECK(in_wide(0x4d0, 4) == 0xffff4000);
	out_wide(0x4d0, 4, 0x0810);
	CHECK(in(0x4d0) == 0x10 && in(0x4d1) == 0x08);
}

int main(void)
{
	initialisation();
	initialisation_again();
	priorities();
	masks();
	ends();
	rotation();
	automatic_eoi();
	cascade();
	cascade_undone();
	spurious();
	levels();
	special_mask();
	polls();
	wide();
	return UNIT_END();
}
