/*
 * fuzz: Uses the ports of two clocks at the same times, and looks at one of them more often: that
 *       makes no difference to what they answer. IRQ 8 does not rise before vrtc_next() says so.
 * covers: dev/vrtc.c
 * size: 256
 */
#include "dev/vrtc.h"
#include "fuzz.h"

static u64 now_ns;

static u64 now(void *ctx)
{
	return now_ns;
}

static void check(const struct vrtc *r)
{
	MUST(r->index < sizeof(r->cmos));
	MUST(r->weekday < 7);
	MUST(r->phase <= 1000000000);
}

static bool look(struct vrtc *r, bool *up)
{
	u64 next = vrtc_next(r);
	bool irq = vrtc_irq(r, now_ns);

	MUST(!irq || *up || now_ns >= next);
	*up = irq;
	return irq;
}

static void use_ports(struct vrtc *a, struct vrtc *b, struct input *in)
{
	u32 how = input_below(in, 12);
	u8 size = (u8)(1 << how / 4);
	bool is_in = how & 2;
	u32 value = is_in ? 0 : (u32)input_take(in, size), other = value;

	vrtc_access(a, how & 1, size, is_in, &value);
	vrtc_access(b, how & 1, size, is_in, &other);
	MUST(value == other);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct vrtc often = { .now = now }, seldom = { .now = now };
	u64 seconds = input_take(&in, 5);
	bool up = false;

	now_ns = 0;
	vrtc_reset(&often, seconds, KiB(64) << input_below(&in, 24));
	seldom = often;
	while (input_left(&in)) {
		u8 what = (u8)input_take(&in, 1);

		if (what < 0x80) {
			use_ports(&often, &seldom, &in);
			up = vrtc_irq(&often, now_ns);
		} else if (what < 0xc0) {
			now_ns += input_take(&in, 1) << (what & 0x1f);
		} else if (what < 0xe0) {
			look(&often, &up);
		} else {
			MUST(look(&often, &up) == vrtc_irq(&seldom, now_ns));
		}
		check(&often);
		check(&seldom);
	}
	return 0;
}
