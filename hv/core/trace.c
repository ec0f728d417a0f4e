/* See trace.h. */
#include "core/trace.h"

#include "lib/printf.h"
#include "x86/insn.h"

#define DEBUG_PORT 0xe9	/* QEMU: -debugcon; Bochs: port_e9_hack. Real machines ignore it. */

bool trace_streaming;

void trace_stream(const struct trace_record *r)
{
	char line[128];

	snprintf(line, sizeof(line), "x %u %u %u %s %lx %lx %x %lx %lx\n", r->who.cpu, r->who.vm,
		 r->who.vcpu,
		 hv_exit_name(r->reason), r->rip, r->value, r->code, r->enter, r->leave);
	for (const char *c = line; *c; c++)
		outb(DEBUG_PORT, (u8)*c);
}
