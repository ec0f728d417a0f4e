/*
 * fuzz: Uses the ports of two timers at the same times, and looks at one of them more often: that
 *       makes no difference to what they answer. OUT rises when vpit_next() says so.
 * covers: dev/vpit.c
 * size: 256
 */
#include "dev/vpit.h"
#include "fuzz.h"

static u64 now_ns;

static u64 now(void *ctx)
{
	return now_ns;
}

static void check(const struct vpit *p)
{
	for (u32 i = 0; i < 3; i++) {
		const struct vpit_channel *c = &p->channel[i];
		u32 limit = c->control & 1 ? 10000 : 65536;

		MUST(c->control < 0x40);
		MUST(c->count < limit && c->counter < limit && c->loaded < limit);
	}
	MUST(p->speaker <= 0x0f);
}

/* Its rises are as predicted. @return whether there was one */
static bool look(struct vpit *p)
{
	u64 next = vpit_next(p);
	bool rose = vpit_tick(p, now_ns);

	MUST(rose == (now_ns >= next));
	MUST(vpit_next(p) > now_ns);
	return rose;
}

static void use_ports(struct vpit *a, struct vpit *b, struct input *in)
{
	u32 how = input_below(in, 30), port = how % 5;
	u8 size = (u8)(1 << how / 10);
	bool is_in = how / 5 & 1;
	u32 value = is_in ? 0 : (u32)input_take(in, size), other = value;
	void (*access)(void *dev, u16 offset, u8 size, bool in, u32 *value) =
		port < VPIT_PORTS ? vpit_access : vpit_speaker_access;

	access(a, (u16)(port % VPIT_PORTS), size, is_in, &value);
	access(b, (u16)(port % VPIT_PORTS), size, is_in, &other);
	MUST(value == other);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct vpit often = { .now = now }, seldom = { .now = now };
	bool rose = false;

	now_ns = 0;
	vpit_reset(&often);
	vpit_reset(&seldom);
	while (input_left(&in)) {
		u8 what = (u8)input_take(&in, 1);

		if (what < 0x80) {
			use_ports(&often, &seldom, &in);
		} else if (what < 0xc0) {
			now_ns += input_take(&in, 1) << (what & 0x1f);
		} else if (what < 0xe0) {
			rose |= look(&often);
		} else {
			rose |= look(&often);
			MUST(vpit_tick(&seldom, now_ns) == rose);
			MUST(vpit_next(&often) == vpit_next(&seldom));
			rose = false;
		}
		check(&often);
		check(&seldom);
	}
	return 0;
}
