/*
 * mutant: out-all-of-eax
 * exercise: 2.3
 * track: common
 * hint: narrow-out
 * why: The value of an OUT is cut to its size for nobody.
 */
void bus_port_access(struct bus *bus, u16 port, u8 size, bool in, u32 *value)
{
	u32 mask = (u32)((1ull << 8 * size) - 1);

	for (u32 i = 0; i < bus->ranges; i++) {
		struct bus_range *r = &bus->range[i];

		if (port < r->first || port > r->first + r->count - 1)
			continue;
		if (in)
			*value = 0;
		r->handler(r->dev, port - r->first, size, in, value);
		*value &= mask;
		return;
	}
	if (in)
		*value = mask;
}
