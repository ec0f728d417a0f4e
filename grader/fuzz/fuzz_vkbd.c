/*
 * fuzz: Uses the ports of the keyboard controller. Its state stays in range, nothing is beyond its
 *       ports, and a wish for a reset is not forgotten.
 * covers: dev/vkbd.c
 * size: 256
 */
#include "dev/bus.h"
#include "dev/vkbd.h"
#include "fuzz.h"

static void check(const struct vkbd *k)
{
	MUST(k->first < VKBD_QUEUE && k->count <= VKBD_QUEUE);
	MUST(k->scancodes >= 1 && k->scancodes <= 3);
	MUST(!vkbd_irq(k) || (k->count && k->config & 0x01));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const bus_handler port[] = { vkbd_data_access, vkbd_command_access,
					    vkbd_fast_a20_access, vkbd_reset_access };
	struct input in = { data, data + size };
	struct vkbd kbd;

	vkbd_reset(&kbd);
	check(&kbd);
	while (input_left(&in)) {
		u32 how = input_below(&in, 24);
		u8 bytes = (u8)(1 << how / 8);
		bool is_in = how & 4, wanted = vkbd_reset_wanted(&kbd);
		u32 value = is_in ? 0 : (u32)input_take(&in, bytes);

		port[how % 4](&kbd, 0, bytes, is_in, &value);
		for (u32 i = 1; i < bytes && is_in; i++)
			MUST((value >> 8 * i & 0xff) == 0xff);
		MUST(!wanted || vkbd_reset_wanted(&kbd));
		check(&kbd);
	}
	return 0;
}
