/**
 * @file vpic.h
 * The two virtual 8259A interrupt controllers of a PC: 16 lines in, INTR and a vector out. Pure.
 * The slave's INT output is the master's IRQ 2.
 *
 * Left out: the special fully nested mode, the vectors of an 8080 (a chip without ICW4, or with
 * its bit uPM clear, behaves as in an 8086 system) and the buffered mode, which no guest can see.
 */
#ifndef DEV_VPIC_H
#define DEV_VPIC_H

#include "lib/types.h"

#define VPIC_MASTER	0x20
#define VPIC_SLAVE	0xa0
#define VPIC_ELCR	0x4d0	/* edge or level, a bit for each line: the master's, the slave's */
#define VPIC_PORTS	2	/* at each of them */

/** One 8259A. All zero, it waits for its first ICW1 and asks for nothing. */
struct vpic_chip {
	u8 irr;			/**< rises that wait; of an edge-triggered line, that's a request */
	u8 isr;
	u8 imr;
	u8 lines;		/**< the inputs, as they are now */
	u8 elcr;		/**< which are level-triggered; all are if ICW1.LTIM is set */
	u8 icw1;
	u8 base;		/**< vector of line 0; a multiple of 8 */
	u8 icw3;		/**< master: lines with a slave; slave: its number */
	u8 step;		/**< what the data port takes next: vpic.c's STEP_ values */
	u8 top;			/**< the line of highest priority, 0 to 7 */
	bool auto_eoi;
	bool rotate;		/**< in automatic EOI mode */
	bool special_mask;
	bool read_isr;		/**< the command port reads as ISR, else as IRR */
	bool poll;		/**< the next read is a poll */
};

/** Any contents are safe that come from vpic_reset() and the functions below. */
struct vpic {
	struct vpic_chip chip[2];	/**< master, slave */
};

/** Power on: all lines down and edge-triggered; no INTR before a guest's ICW1 to ICW4. */
void vpic_reset(struct vpic *p);

/**
 * bus_handlers for the ports at VPIC_MASTER, VPIC_SLAVE and VPIC_ELCR; `dev` is a struct vpic. A
 * wide access is one to each port in turn; beyond the second there is nothing.
 * INTR may be another afterwards, even after a read: that can be a poll.
 */
void vpic_master_access(void *dev, u16 offset, u8 size, bool in, u32 *value);
void vpic_slave_access(void *dev, u16 offset, u8 size, bool in, u32 *value);
void vpic_elcr_access(void *dev, u16 offset, u8 size, bool in, u32 *value);

/**
 * A device drives its line. A rise is kept until it's acknowledged, even if the line falls before:
 * up and down at once is one request. A level-triggered line asks while it's up.
 * @param irq  0 to 15; 2 is the slave's and others are nobody's: ignored
 */
void vpic_line(struct vpic *p, u8 irq, bool up);

/** Quick: does no line ask for anything? Then vpic_wants() says no. */
static inline bool vpic_idle(const struct vpic *p)
{
	return !(p->chip[0].irr | p->chip[0].lines);
}

/** INTR: something waits that isn't masked, and has a higher priority than all in service. */
bool vpic_wants(const struct vpic *p);

/**
 * Would a request of this line get through, if nothing were in service? Not while it is masked, or
 * a chip waits for its first ICW1.
 */
bool vpic_open(const struct vpic *p, u8 irq);

/**
 * The CPU's INTA cycle: the request of highest priority goes into service. If there is none any
 * more, it's a spurious IRQ 7, or IRQ 15 if the slave has asked and has none; 0xff if the guest
 * has told the master of a slave that isn't there.
 * @return the vector, which a guest chooses: 0 to 255, those of exceptions too
 */
u8 vpic_acknowledge(struct vpic *p);

#endif
