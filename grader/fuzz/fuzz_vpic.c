/*
 * fuzz: Drives lines and ports of the interrupt controllers. Their state stays in its range; INTR,
 *       the quick look and the acknowledgement agree with each other.
 * covers: dev/vpic.c
 * size: 512
 */
#include "dev/bus.h"
#include "dev/vpic.h"
#include "fuzz.h"

static void check_chip(const struct vpic_chip *c)
{
	MUST(c->top < 8);
	MUST(c->base % 8 == 0);
	MUST(c->step <= 4);
}

static void check(const struct vpic *p)
{
	check_chip(&p->chip[0]);
	check_chip(&p->chip[1]);
	MUST(!(p->chip[0].elcr & 0x07) && !(p->chip[1].elcr & 0x21));
	MUST(!(vpic_idle(p) && vpic_wants(p)));
}

static void acknowledge(struct vpic *p)
{
	const struct vpic_chip before = p->chip[0];
	u8 vector = vpic_acknowledge(p);

	if (!before.icw3)
		MUST((vector & 0xf8) == before.base);
	if (!before.auto_eoi && !before.special_mask)
		MUST(!vpic_wants(p));		/* what is in service comes first */
}

static void use_ports(struct vpic *p, struct input *in)
{
	static const bus_handler access[] = { vpic_master_access, vpic_slave_access,
					      vpic_elcr_access };
	u32 where = input_below(in, 3), how = input_below(in, 16);
	u8 size = (u8)(1 << how % 3);
	u32 value = (u32)input_take(in, size);

	access[where](p, how & 1, size, how & 8, &value);
	if (how & 8)		/* nothing is beyond the second port */
		for (u32 i = VPIC_PORTS - (how & 1); i < size; i++)
			MUST((value >> 8 * i & 0xff) == 0xff);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	struct vpic pic;

	vpic_reset(&pic);
	while (input_left(&in)) {
		u8 what = (u8)input_take(&in, 1);

		if (what < 0x80)
			vpic_line(&pic, what & 0x1f, what & 0x20);
		else if (what < 0xa0)
			acknowledge(&pic);
		else
			use_ports(&pic, &in);
		check(&pic);
	}
	return 0;
}
