/*
 * mutant: one-port-early
 * exercise: 2.3
 * track: common
 * hint: range
 * why: A device answers one port before its first, too.
 */
void bus_port_access(struct bus *bus, u16 port, u8 size, bool in, u32 *value)
{
	u32 mask = (u32)((1ull << 8 * size) - 1);

	*value = in ? mask : *value & mask;
	for (u32 i = 0; i < bus->ranges; i++) {
		struct bus_range *r = &bus->range[i];
		int offset = port - r->first;

		if (offset >= -1 && offset < r->count) {
			r->handler(r->dev, offset < 0 ? 0 : (u16)offset, size, in, value);
			return;
		}
	}
}
