/* dev/vpic.c does the same as a model of it, whatever happens to both. */
#include "unit.h"
#include "vpic_ports.h"

/*
 * The same chips, told differently: a list of lines from the first to the last in priority, and one
 * bool for each fact.
 */
static struct model {
	int order[8];
	bool asks[8], up[8], level[8], masked[8], served[8];
	bool ltim, single, needs_icw4, aeoi, rotates, smm, reads_isr, polls;
	int step;	/* 0: before ICW1; 2, 3, 4: that ICW is next; 5: in use */
	u8 base, icw3;
} model[2];

static bool model_asks(const struct model *m, int i)
{
	return m->level[i] || m->ltim ? m->up[i] : m->asks[i];
}

static bool model_holds_up(const struct model *m, int i)
{
	return m->served[i] && !(m->smm && m->masked[i]);
}

/* The line whose turn it is, or -1. */
static int model_next(const struct model *m)
{
	if (m->step != 5)
		return -1;
	for (int k = 0; k < 8; k++) {
		int i = m->order[k];

		if (model_holds_up(m, i))
			return -1;
		if (model_asks(m, i) && !m->masked[i])
			return i;
	}
	return -1;
}

static void model_rotate(struct model *m, int lowest)
{
	while (m->order[7] != lowest) {
		int first = m->order[0];

		for (int k = 0; k < 7; k++)
			m->order[k] = m->order[k + 1];
		m->order[7] = first;
	}
}

static void model_line(int irq, bool up)
{
	struct model *m = &model[irq / 8];

	if (up && !m->up[irq % 8])
		m->asks[irq % 8] = true;
	m->up[irq % 8] = up;
}

static void model_wire(bool anew)
{
	if (anew)
		model[0].asks[2] = model[0].up[2] = false;
	model_line(2, model_next(&model[1]) >= 0);
}

static int model_take(struct model *m)
{
	int i = model_next(m);

	if (i < 0)
		return 7;
	m->asks[i] = false;
	m->served[i] = !m->aeoi;
	if (m->aeoi && m->rotates)
		model_rotate(m, i);
	return i;
}

static int model_acknowledge(void)
{
	int i = model_take(&model[0]);

	if (model[0].single || !(model[0].icw3 >> i & 1))
		return model[0].base + i;
	if (i != 2 || model[1].single || model[1].icw3 % 8 != 2)
		return 0xff;
	i = model_take(&model[1]);
	model_wire(true);
	return model[1].base + i;
}

static void model_ocw2(struct model *m, int op, int level)
{
	int first = -1;

	for (int k = 7; k >= 0; k--)
		if (model_holds_up(m, m->order[k]))
			first = m->order[k];
	if (op == 0 || op == 4)
		m->rotates = op == 4;
	if ((op == 1 || op == 5) && first >= 0)
		m->served[first] = false;
	if (op == 5 && first >= 0)
		model_rotate(m, first);
	if (op == 3 || op == 7)
		m->served[level] = false;
	if (op == 6 || op == 7)
		model_rotate(m, level);
}

static void model_command(struct model *m, u8 v)
{
	if (v & 0x10) {
		struct model fresh = { .order = { 0, 1, 2, 3, 4, 5, 6, 7 }, .step = 2,
				       .needs_icw4 = v & 1, .single = v & 2, .ltim = v & 8 };

		for (int i = 0; i < 8; i++) {
			fresh.up[i] = m->up[i];
			fresh.level[i] = m->level[i];
		}
		*m = fresh;
	} else if (v & 0x08) {
		m->smm = v & 0x40 ? v & 0x20 : m->smm;
		m->reads_isr = v & 2 ? v & 1 : m->reads_isr;
		m->polls = v & 4;
	} else {
		model_ocw2(m, v >> 5, v & 7);
	}
}

static void model_data(struct model *m, u8 v)
{
	int step = m->step;

	if (step == 2)
		m->base = v / 8 * 8;
	if (step == 3)
		m->icw3 = v;
	if (step == 4)
		m->aeoi = v & 2;
	if (step == 0 || step == 5)
		for (int i = 0; i < 8; i++)
			m->masked[i] = v >> i & 1;
	else
		m->step = step == 2 && !m->single ? 3 : step < 4 && m->needs_icw4 ? 4 : 5;
}

static u8 bits(const bool *flag)
{
	u8 v = 0;

	for (int i = 0; i < 8; i++)
		v |= flag[i] << i;
	return v;
}

static u8 model_irr(const struct model *m)
{
	bool asks[8];

	for (int i = 0; i < 8; i++)
		asks[i] = model_asks(m, i);
	return bits(asks);
}

static u8 model_read(struct model *m, u16 offset)
{
	if (m->polls) {
		int waits = model_next(m) >= 0 ? 0x80 : 0;

		m->polls = false;
		return waits | model_take(m);
	}
	if (offset)
		return bits(m->masked);
	return m->reads_isr ? bits(m->served) : model_irr(m);
}

static void model_elcr(struct model *m, u8 v)
{
	for (int i = 0; i < 8; i++) {
		bool fixed = m == &model[0] ? i < 3 : i == 0 || i == 5;
		bool level = !fixed && (v >> i & 1);

		if (level != m->level[i])
			m->asks[i] = false;
		m->level[i] = level;
	}
}

static u32 random_state;

static u32 below(u32 n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (u64)random_state * n >> 32;	/* the low bits repeat soon */
}

/* A byte that goes to a command port: seldom an ICW1, which starts all over. */
static u8 random_command(void)
{
	switch (below(16)) {
	case 0: return 0x10 | (below(8) ? 1 : below(256));
	case 1: return SMM_ON;
	case 2: return POLL | below(4);
	case 3: return 0x08 | (below(256) & 0xef);
	case 4: return ROTATE_AEOI_ON | below(8);
	case 5: return SET_PRIORITY | below(8);
	case 6: return ROTATE_SPECIFIC | below(8);
	case 7: return SPECIFIC_EOI | below(8);
	case 8: return ROTATE_EOI;
	case 9: return below(256) & 0xe7;
	default: return NONSPECIFIC_EOI;
	}
}

/* ... and to a data port: mostly what makes the cascade work, or masks little. */
static u8 random_data(int chip)
{
	u8 usual = chip ? 2 : 4;

	if (model[chip].step == 3)
		return below(8) ? usual : below(256);
	if (model[chip].step == 4)
		return below(4) ? 1 : below(256);
	return below(2) ? 0 : below(256) & below(256);
}

/* One thing that happens to both. @return whether they answer the same */
static bool step(void)
{
	int chip = below(2), irq = below(16);
	u16 port = (chip ? VPIC_SLAVE : VPIC_MASTER) + below(2);
	bool up = below(2), same = true;
	u8 v = port & 1 ? random_data(chip) : random_command();

	switch (below(8)) {
	case 0: case 1: case 2:
		vpic_line(&pic, irq, up);
		if (irq != 2)
			model_line(irq, up);
		model_wire(false);
		break;
	case 3:
		v = below(256);
		if (below(64))
			break;
		out(VPIC_ELCR + chip, v);
		model_elcr(&model[chip], v);
		model_wire(true);
		break;
	case 4: case 5:
		out(port, v);
		(port & 1 ? model_data : model_command)(&model[chip], v);
		if (chip)
			model_wire(true);
		break;
	case 6:
		same = in(port) == model_read(&model[chip], port & 1);
		if (chip)
			model_wire(true);
		break;
	default:
		if (vpic_wants(&pic) || !below(16))
			same = vpic_acknowledge(&pic) == model_acknowledge();
	}
	return same;
}

static bool chip_agrees(int chip)
{
	const struct model *m = &model[chip];
	u16 port = chip ? VPIC_SLAVE : VPIC_MASTER;

	return look(port, READ_IRR) == model_irr(m) &&
		look(port, READ_ISR) == bits(m->served) &&
		peek(port, READ_IRR, port + 1) == bits(m->masked) &&
		in(VPIC_ELCR + chip) == bits(m->level);
}

static void random_walk(u32 seed)
{
	const int steps = 20000;

	random_state = seed;
	vpic_reset(&pic);
	model[0] = model[1] = (struct model){ .order = { 0, 1, 2, 3, 4, 5, 6, 7 } };
	for (int i = 0; i < steps; i++) {
		bool agree = step() && vpic_wants(&pic) == (model_next(&model[0]) >= 0) &&
			chip_agrees(0) && chip_agrees(1);

		if (!agree) {
			printf("the model disagrees: seed %u, step %d\n", seed, i);
			unit_failures++;
			return;
		}
	}
}

/* Bytes and sizes of all kinds; the sanitizers look on. */
static void noise(void)
{
	random_state = 1;
	vpic_reset(&pic);
	for (int i = 0; i < 200000; i++) {
		static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
		u16 port = ports[below(6)];
		u8 size = 1 << below(3);

		out_wide(port, size, below(1 << 24) << 8 | below(256));
		in_wide(port, size);
		vpic_line(&pic, below(256), below(2));
		vpic_acknowledge(&pic);
		CHECK(pic.chip[0].top < 8 && pic.chip[1].top < 8);
		CHECK(pic.chip[0].base % 8 == 0 && pic.chip[1].base % 8 == 0);
	}
}

int main(void)
{
	for (u32 seed = 1; seed <= 20; seed++)
		random_walk(seed);
	noise();
	return UNIT_END();
}
