/* See vswitch.h. Addresses and groups: IEEE 802.3, 3.2.3. */
#include "dev/vswitch.h"

#include "lib/errno.h"
#include "lib/string.h"

#define GROUP	0x01		/* in an address' first byte: for many */

int vswitch_plug(struct vswitch *s, void (*receive)(void *ctx, const u8 *frame, u32 size),
		 void *ctx)
{
	if (s->ports == VSWITCH_PORTS)
		return -ENOSPC;
	s->port[s->ports] = (struct vswitch_port){ receive, ctx };
	return (int)s->ports++;
}

void vswitch_unplug(struct vswitch *s, u32 port)
{
	s->port[port].receive = NULL;
	for (u32 i = 0; i < VSWITCH_LEARNED; i++) {
		if (s->learned[i].port == port)
			s->learned[i].valid = false;
	}
}

static struct vswitch_learned *find(struct vswitch *s, const u8 *address)
{
	for (u32 i = 0; i < VSWITCH_LEARNED; i++) {
		struct vswitch_learned *l = &s->learned[i];

		if (l->valid && !memcmp(l->address, address, ETH_ADDRESS))
			return l;
	}
	return NULL;
}

static void learn(struct vswitch *s, u32 port, const u8 *address)
{
	struct vswitch_learned *l = find(s, address);

	if (!l) {
		l = &s->learned[s->oldest];
		s->oldest = (s->oldest + 1) % VSWITCH_LEARNED;
		memcpy(l->address, address, ETH_ADDRESS);
		l->valid = true;
	}
	l->port = (u16)port;
}

static void deliver(const struct vswitch *s, u32 port, const u8 *frame, u32 size)
{
	if (s->port[port].receive)
		s->port[port].receive(s->port[port].ctx, frame, size);
}

void vswitch_send(struct vswitch *s, u32 port, const u8 *frame, u32 size)
{
	const u8 *to = frame, *from = frame + ETH_ADDRESS;
	const struct vswitch_learned *l;

	if (size < ETH_MIN || size > ETH_MAX || from[0] & GROUP)
		return;
	learn(s, port, from);
	l = to[0] & GROUP ? NULL : find(s, to);
	for (u32 i = 0; i < s->ports; i++) {
		if (i != port && (!l || l->port == i))
			deliver(s, i, frame, size);
	}
}
