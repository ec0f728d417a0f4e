/*
 * mutant: first-port-only
 * exercise: 2.3
 * track: common
 * hint: offset
 * why: The device is only found at its first port.
 */
void bus_port_access(struct bus *bus, u16 port, u8 size, bool in, u32 *value)
{
	u32 mask = (u32)((1ull << 8 * size) - 1);

	*value = in ? mask : *value & mask;
	for (u32 i = 0; i < bus->ranges; i++) {
		if (bus->range[i].first == port) {
			bus->range[i].handler(bus->range[i].dev, 0, size, in, value);
			break;
		}
	}
}
