/*
 * mutant: empty-bus-untouched
 * exercise: 2.3
 * track: common
 * hint: empty-bus
 * why: Where nobody is an IN finds what was there before.
 */
void bus_port_access(struct bus *bus, u16 port, u8 size, bool in, u32 *value)
{
	u32 mask = (u32)((1ull << 8 * size) - 1);

	if (!in)
		*value &= mask;
	for (u32 i = 0; i < bus->ranges; i++) {
		const struct bus_range *r = &bus->range[i];

		if (port >= r->first && port - r->first < r->count)
			r->handler(r->dev, port - r->first, size, in, value);
	}
}
