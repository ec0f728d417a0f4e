/*
 * See vpic.h. Intel 8259A data sheet, 231468: the names of its sections are in quotes here. ELCR:
 * Intel 82371AB (PIIX4) data sheet, 290562.
 */
#include "dev/vpic.h"

#define CASCADE	2		/* the slave's line at the master, and its number */
#define SPURIOUS 7

/* The command port takes these: ICW1 has bit 4, OCW3 bit 3, OCW2 none of them. */
#define ICW1		0x10
#define ICW1_IC4	0x01	/* there will be an ICW4 */
#define ICW1_SNGL	0x02	/* no other chip, no ICW3 */
#define ICW1_LTIM	0x08
#define ICW2_BASE	0xf8
#define ICW3_ID		0x07
#define ICW4_AEOI	0x02
#define OCW2_LEVEL	0x07
#define OCW2_EOI	0x20
#define OCW2_SL		0x40	/* "specific": OCW2_LEVEL counts */
#define OCW2_R		0x80
#define OCW3		0x08
#define OCW3_RIS	0x01
#define OCW3_RR		0x02
#define OCW3_P		0x04
#define OCW3_SMM	0x20
#define OCW3_ESMM	0x40
#define POLL_I		0x80

/* What the data port takes next. */
enum { STEP_NONE, STEP_ICW2, STEP_ICW3, STEP_ICW4, STEP_READY };

/* Three devices on the bus. The first two are numbers of chips, too. */
enum block { MASTER, SLAVE, ELCR };

/* ---- One chip ------------------------------------------------------------------------------- */

static u8 bit(u8 line)
{
	return (u8)(1u << line);
}

/* "Edge and Level Triggered Modes". */
static u8 requests(const struct vpic_chip *c)
{
	u8 level = c->icw1 & ICW1_LTIM ? 0xff : c->elcr;

	return (c->irr & ~level) | (c->lines & level);
}

/* What counts as in service: "Special Mask Mode"; "End of Interrupt" has it for the EOI. */
static u8 in_service(const struct vpic_chip *c)
{
	return c->special_mask ? c->isr & ~c->imr : c->isr;
}

/* A bit for each line, the line of highest priority in bit 0. */
static u32 by_priority(const struct vpic_chip *c, u8 lines)
{
	return (lines >> c->top | lines << (8 - c->top)) & 0xff;
}

/* The first of these, which are by priority; not none. */
static u8 first_line(const struct vpic_chip *c, u32 sorted)
{
	return (u8)(c->top + __builtin_ctz(sorted)) & 7;
}

/* "Fully Nested Mode": the requests, by priority, that come before the first line in service. */
static u32 wanted(const struct vpic_chip *c)
{
	u32 served = by_priority(c, in_service(c));
	u32 before = (served & -served) - 1;

	return c->step == STEP_READY ? by_priority(c, requests(c) & ~c->imr) & before : 0;
}

static void make_lowest(struct vpic_chip *c, u8 line)
{
	c->top = (line + 1) & 7;
}

/* "Interrupt Sequence". @return the line, or SPURIOUS */
static u8 take(struct vpic_chip *c)
{
	u32 sorted = wanted(c);

	if (!sorted)
		return SPURIOUS;
	u8 line = first_line(c, sorted);

	c->irr &= ~bit(line);
	if (!c->auto_eoi)
		c->isr |= bit(line);
	else if (c->rotate)
		make_lowest(c, line);
	return line;
}

static void drive(struct vpic_chip *c, u8 line, bool up)
{
	c->irr |= up ? bit(line) & ~c->lines : 0;
	c->lines = (c->lines & ~bit(line)) | (up ? bit(line) : 0);
}

/* ---- Its ports ------------------------------------------------------------------------------ */

/* A chip in use forgets all but its wires: "Initialization Command Words 1 and 2", a. to f. */
static void write_icw1(struct vpic_chip *c, u8 v)
{
	*c = (struct vpic_chip){ .lines = c->lines, .elcr = c->elcr, .icw1 = v,
				 .step = STEP_ICW2 };
}

/* "End of Interrupt", "Automatic Rotation", "Specific Rotation". */
static void write_ocw2(struct vpic_chip *c, u8 v)
{
	u8 served = in_service(c);
	u8 line = v & OCW2_LEVEL;

	if (!(v & (OCW2_SL | OCW2_EOI))) {
		c->rotate = v & OCW2_R;
		return;
	}
	if (!(v & OCW2_SL)) {
		if (!served)
			return;
		line = first_line(c, by_priority(c, served));
	}
	if (v & OCW2_EOI)
		c->isr &= ~bit(line);
	if (v & OCW2_R)
		make_lowest(c, line);
}

/* "Special Mask Mode", "Poll Command", "Reading the 8259A Status". */
static void write_ocw3(struct vpic_chip *c, u8 v)
{
	if (v & OCW3_ESMM)
		c->special_mask = v & OCW3_SMM;
	if (v & OCW3_RR)
		c->read_isr = v & OCW3_RIS;
	c->poll = v & OCW3_P;
}

static void write_command(struct vpic_chip *c, u8 v)
{
	if (v & ICW1)
		write_icw1(c, v);
	else if (v & OCW3)
		write_ocw3(c, v);
	else
		write_ocw2(c, v);
}

static void write_data(struct vpic_chip *c, u8 v)
{
	u8 last = c->icw1 & ICW1_IC4 ? STEP_ICW4 : STEP_READY;

	switch (c->step) {
	case STEP_ICW2:
		c->base = v & ICW2_BASE;
		c->step = c->icw1 & ICW1_SNGL ? last : STEP_ICW3;
		break;
	case STEP_ICW3:
		c->icw3 = v;
		c->step = last;
		break;
	case STEP_ICW4:
		c->auto_eoi = v & ICW4_AEOI;
		c->step = STEP_READY;
		break;
	default:
		c->imr = v;
	}
}

static u8 read_chip(struct vpic_chip *c, u16 offset)
{
	if (c->poll) {		/* whichever port it's read from */
		u8 waits = wanted(c) ? POLL_I : 0;

		c->poll = false;
		return waits | take(c);
	}
	if (offset)
		return c->imr;
	return c->read_isr ? c->isr : requests(c);
}

/* Lines that no device of a PC shares stay edge-triggered: IRQ 0 to 2, 8 and 13. */
static void write_elcr(struct vpic_chip *c, u8 writable, u8 v)
{
	u8 now = v & writable;

	c->irr &= ~(c->elcr ^ now);	/* after a change, only a new rise is a request */
	c->elcr = now;
}

/* ---- Both ("Cascade Mode") ------------------------------------------------------------------ */

/*
 * The wire between them. It's edge-triggered like others, so a request that has gone from the slave
 * is still one at the master, and ends as IRQ 15.
 */
static void cascade(struct vpic *p)
{
	drive(&p->chip[MASTER], CASCADE, wanted(&p->chip[SLAVE]));
}

/* The slave has been acknowledged, or its ports used: its INT falls, and rises if it wants more. */
static void cascade_anew(struct vpic *p)
{
	drive(&p->chip[MASTER], CASCADE, false);
	p->chip[MASTER].irr &= ~bit(CASCADE);
	cascade(p);
}

static u8 read_port(struct vpic *p, enum block block, u16 offset)
{
	u8 v = block == ELCR ? p->chip[offset].elcr : read_chip(&p->chip[block], offset);

	if (block == SLAVE)
		cascade_anew(p);
	return v;
}

static void write_port(struct vpic *p, enum block block, u16 offset, u8 v)
{
	if (block == ELCR)
		write_elcr(&p->chip[offset], offset == MASTER ? 0xf8 : 0xde, v);
	else if (offset)
		write_data(&p->chip[block], v);
	else
		write_command(&p->chip[block], v);
	if (block != MASTER)
		cascade_anew(p);
}

static void access_ports(struct vpic *p, enum block block, u16 offset, u8 size, bool in, u32 *value)
{
	u32 seen = 0;

	for (u16 i = 0; i < size; i++) {
		bool ours = offset + i < VPIC_PORTS;

		if (in)
			seen |= (u32)(ours ? read_port(p, block, offset + i) : 0xff) << 8 * i;
		else if (ours)
			write_port(p, block, offset + i, (u8)(*value >> 8 * i));
	}
	if (in)
		*value = seen;
}

void vpic_master_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	access_ports(dev, MASTER, offset, size, in, value);
}

void vpic_slave_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	access_ports(dev, SLAVE, offset, size, in, value);
}

void vpic_elcr_access(void *dev, u16 offset, u8 size, bool in, u32 *value)
{
	access_ports(dev, ELCR, offset, size, in, value);
}

/* ---- Everything else ------------------------------------------------------------------------ */

void vpic_reset(struct vpic *p)
{
	*p = (struct vpic){ 0 };
}

void vpic_line(struct vpic *p, u8 irq, bool up)
{
	if (irq == CASCADE || irq >= 16)
		return;
	drive(&p->chip[irq / 8], irq % 8, up);
	cascade(p);
}

bool vpic_wants(const struct vpic *p)
{
	return wanted(&p->chip[MASTER]);
}

static bool lets_through(const struct vpic_chip *c, u8 line)
{
	return c->step == STEP_READY && !(c->imr & bit(line));
}

bool vpic_open(const struct vpic *p, u8 irq)
{
	if (irq < 8)
		return lets_through(&p->chip[MASTER], irq);
	return lets_through(&p->chip[SLAVE], irq % 8) && lets_through(&p->chip[MASTER], CASCADE);
}

u8 vpic_acknowledge(struct vpic *p)
{
	struct vpic_chip *master = &p->chip[MASTER], *slave = &p->chip[SLAVE];
	u8 line = take(master);

	/* A chip in single mode has an ICW3 of 0: no slaves, or not our slave's number. */
	if (!(master->icw3 & bit(line)))
		return master->base + line;
	/* The slave of that number answers. If there is none, nobody drives the bus. */
	if (line != CASCADE || (slave->icw3 & ICW3_ID) != line)
		return 0xff;
	line = take(slave);
	cascade_anew(p);
	return slave->base + line;
}
