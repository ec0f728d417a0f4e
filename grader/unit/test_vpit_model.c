/* dev/vpit.c does the same as a model of it that counts pulse by pulse, whatever is written. */
#include "random.h"
#include "unit.h"
#include "vpit_ports.h"

/*
 * A channel as the data sheet tells it: what one CLK pulse does, for each mode on its own. Modes 2
 * and 3 may not have a count of 1: here, OUT stays high then.
 */
static struct model {
	int mode, rw, control, n, from, ce, low;
	bool bcd, gate, out, null, fresh, load, loaded, held, armed;
	bool second_write, second_read, latched, status_latched;
	int latch, status;
} model[3];

static u64 model_pulses;
static bool model_rose;

static int model_max(const struct model *m)
{
	return m->bcd ? 9999 : 65535;
}

static void model_load(struct model *m)
{
	m->load = m->null = false;
	m->loaded = m->armed = true;
	m->from = m->ce = m->n;
	if (m->mode == 3 && m->n % 2)
		m->ce--;
	if (m->mode == 1)
		m->out = false;
	if (m->mode > 1)
		m->out = true;
}

static void model_down(struct model *m)
{
	m->ce = m->ce ? m->ce - 1 : model_max(m);
}

static void model_pulse_square(struct model *m)
{
	bool first_half = m->out, odd = m->from % 2;

	if (odd && first_half && m->ce == 0) {
		model_load(m);
		m->out = m->from == 1;
		return;
	}
	model_down(m);
	model_down(m);
	if (m->ce == 0 && !(odd && first_half)) {
		model_load(m);
		m->out = !first_half || m->from == 1;
	}
}

static void model_pulse(struct model *m)
{
	if (m->mode >= 4 && !m->out)
		m->out = true;
	if (m->load) {
		model_load(m);
		return;
	}
	if (!m->loaded || m->held || (!m->gate && m->mode != 1 && m->mode != 5))
		return;
	if ((m->mode == 2 || m->mode == 3) && m->from == 1) {
		model_load(m);
		return;
	}
	if (m->mode == 3) {
		model_pulse_square(m);
		return;
	}
	model_down(m);
	if (m->mode == 2 && m->ce == 1)
		m->out = false;
	if (m->mode == 2 && m->ce == 0)
		model_load(m);
	if (m->mode != 2 && m->ce == 0) {
		if (m->mode < 4)
			m->out = true;
		else if (m->armed)
			m->out = false;
		m->armed = false;
	}
}

static void model_run(void)
{
	for (; model_pulses < pulses_at(clock_ns); model_pulses++) {
		for (int i = 0; i < 3; i++) {
			bool before = model[i].out;

			model_pulse(&model[i]);
			if (i == 0 && model[0].out && !before)
				model_rose = true;
		}
	}
}

static int model_shown(const struct model *m)
{
	int d = m->ce;

	return m->bcd ? d / 1000 * 4096 + d / 100 % 10 * 256 + d / 10 % 10 * 16 + d % 10 : d;
}

static void model_latch(struct model *m, bool count, bool status)
{
	if (count && !m->latched) {
		m->latched = true;
		m->latch = model_shown(m);
	}
	if (status && !m->status_latched) {
		m->status_latched = true;
		m->status = m->out * 128 + m->null * 64 + m->control;
	}
}

static void model_control(u8 v)
{
	struct model *m = &model[v >> 6];
	bool before = model[0].out;
	int mode = v >> 1 & 7;

	if (v >> 6 == 3) {
		for (int i = 0; i < 3; i++)
			if (v >> i & 2)
				model_latch(&model[i], !(v & 32), !(v & 16));
		return;
	}
	if ((v & 0x30) == 0) {
		model_latch(m, true, false);
		return;
	}
	*m = (struct model){ .control = v & 63, .rw = v >> 4 & 3, .bcd = v & 1, .gate = m->gate,
			     .mode = mode == 6 ? 2 : mode == 7 ? 3 : mode, .null = true,
			     .fresh = true };
	m->out = m->mode != 0;
	if (!before && model[0].out)
		model_rose = true;
}

static void model_count(struct model *m, u8 v)
{
	int whole = m->rw == 1 ? v : m->rw == 2 ? v * 256 : v * 256 + m->low;

	if (m->mode == 0)
		m->out = false;
	if (m->rw == 3 && !m->second_write) {
		m->second_write = true;
		m->low = v;
		if (m->mode == 0) {
			m->held = true;
			m->load = false;
		}
		return;
	}
	m->second_write = m->held = false;
	m->n = !m->bcd ? whole : (whole / 4096 * 1000 + whole / 256 % 16 * 100 +
				  whole / 16 % 16 * 10 + whole % 16) % 10000;
	m->null = true;
	if (m->mode == 0 || m->mode == 4 || ((m->mode == 2 || m->mode == 3) && m->fresh))
		m->load = true;
	m->fresh = false;
}

static u8 model_read(struct model *m)
{
	int v = m->latched ? m->latch : model_shown(m);

	if (m->status_latched) {
		m->status_latched = false;
		return m->status;
	}
	if (m->rw == 3) {
		m->second_read = !m->second_read;
		if (m->second_read)
			return v % 256;
	}
	m->latched = false;
	return m->rw == 1 ? v % 256 : v / 256;
}

static void model_gate(struct model *m, bool up)
{
	if (up && !m->gate && !m->fresh && m->mode != 0 && m->mode != 4)
		m->load = true;
	if (!up && (m->mode == 2 || m->mode == 3))
		m->out = true;
	m->gate = up;
}

/* Mostly small counts, so that a lot happens; in BCD, sometimes digits that are none. */
static u8 random_byte(void)
{
	return below(4) ? below(12) : below(4) ? 0 : below(256);
}

static void random_write(void)
{
	u8 v = random_byte(), i = below(3);

	switch (below(4)) {
	case 0:
		v = below(8) ? i << 6 | (below(4) ? 0x10 : 0x30) | below(16) : below(256);
		out(0x43, v);
		model_control(v);
		break;
	case 1: case 2:
		out(0x40 + i, v);
		model_count(&model[i], v);
		break;
	default:
		out(0x61, v);
		model_gate(&model[2], v & 1);
	}
}

static bool random_read(void)
{
	u8 i = below(4), v = in(i < 3 ? 0x40 + i : 0x61);

	return i < 3 ? v == model_read(&model[i]) : (v >> 5 & 1) == model[2].out;
}

static bool ticks_agree(void)
{
	bool rose = vpit_tick(&pit, clock_ns), expected = model_rose;

	model_rose = false;
	return rose == expected;
}

/* In the next few pulses, OUT of channel 0 rises when it was said to, or not at all. */
static bool next_agrees(int pulses)
{
	struct model ahead = model[0];
	u64 end = ns_of(model_pulses + pulses);

	for (int k = 1; k <= pulses; k++) {
		bool before = ahead.out;

		model_pulse(&ahead);
		if (ahead.out && !before)
			return vpit_next(&pit) == ns_of(model_pulses + k);
	}
	return vpit_next(&pit) > end;
}

/* What can be seen of a channel, without a change of anything. */
static bool channel_agrees(int i)
{
	struct vpit pit_before = pit;
	struct model before = model[i];
	bool same = true;

	out(0x43, 0xc0 | 2 << i);
	model_control(0xc0 | 2 << i);
	for (int k = 0; k < 4; k++)
		same = in(0x40 + i) == model_read(&model[i]) && same;
	pit = pit_before;
	model[i] = before;
	return same;
}

static bool step(void)
{
	u32 kind = below(256);
	bool same;

	clock_ns += kind == 0 ? below(200000000) : kind < 24 ? below(1000000) : below(12000);
	model_run();
	if (below(2))
		random_write();
	same = random_read();
	for (int i = 0; i < 3; i++)
		same = same && channel_agrees(i);
	if (below(2))
		same = same && ticks_agree() && next_agrees(below(256) ? 30 : 70000);
	return same;
}

static void random_walk(u32 seed)
{
	const int steps = 4000;

	random_state = seed;
	clock_ns = below(1000000000);
	vpit_reset(&pit);
	model_pulses = pulses_at(clock_ns);
	model_rose = false;
	for (int i = 0; i < 3; i++) {
		model[i] = (struct model){ .gate = i < 2 };
		model_control(i << 6 | 0x34);
	}
	model_rose = false;
	for (int i = 0; i < steps; i++) {
		if (!step()) {
			printf("the model disagrees: seed %u, step %d\n", seed, i);
			unit_failures++;
			return;
		}
	}
}

int main(void)
{
	for (u32 seed = 1; seed <= 20; seed++)
		random_walk(seed);
	return UNIT_END();
}
