/*
 * Reads and writes MSRs that exit, with all 64 bits of RAX and RDX in use, and prints what these
 * have then and whether #GP came. (Not of RCX: QEMU 7 looks up the wrong bit of the MSR bitmap when
 * its upper half is not 0.) Arguments: a number to fill them with, and one for the PAT.
 */
#include "guest.h"
#include "idt64.h"

#define MSR_MISC_ENABLE	0x1a0
#define MSR_PAT		0x277
#define MSR_EFER	0xc0000080
#define MSR_NONE	0x12345

struct outcome {
	u64 rax, rdx, faults;
};

static u64 fill;
static volatile u64 faults, fault_rip, error_code;
extern const char at_rdmsr[], at_wrmsr[];

__attribute__((interrupt)) static void on_gp(struct interrupt_frame *f, u64 error)
{
	faults++;
	fault_rip = f->rip;
	error_code = error;
	f->rip += 2;		/* RDMSR, WRMSR */
}

__attribute__((noinline)) static void read_msr(u32 msr, struct outcome *o)
{
	faults = 0;
	o->rax = fill << 32 | 0x11111111;
	o->rdx = fill << 32 | 0x22222222;
	asm volatile(".globl at_rdmsr\nat_rdmsr: rdmsr"
		     : "+a"(o->rax), "+d"(o->rdx) : "c"(msr) : "memory");
	o->faults = faults;
}

__attribute__((noinline)) static void write_msr(u32 msr, u64 value, struct outcome *o)
{
	faults = 0;
	o->rax = fill << 32 | (value & 0xffffffff);
	o->rdx = fill << 32 | value >> 32;
	asm volatile(".globl at_wrmsr\nat_wrmsr: wrmsr"
		     : "+a"(o->rax), "+d"(o->rdx) : "c"(msr) : "memory");
	o->faults = faults;
}

static void show(const char *name, const struct outcome *o)
{
	put_text(name);
	observe(".rax", o->rax);
	put_text(name);
	observe(".rdx", o->rdx);
	put_text(name);
	observe(".gp", o->faults);
}

/* RAX and RDX after a WRMSR are what they were: only the exceptions count. */
static void show_faults(const char *name, const struct outcome *o)
{
	put_text(name);
	observe(".gp", o->faults);
}

int main(u64 nonce, u64 pat);
int main(u64 nonce, u64 pat)
{
	struct outcome o;

	fill = nonce | 1;
	tables_load();
	idt_set(13, on_gp);

	read_msr(MSR_MISC_ENABLE, &o);
	show("read", &o);
	error_code = 0x5a;
	read_msr(MSR_NONE, &o);
	show("missing", &o);
	observe("missing.error", error_code);
	observe("missing.place", fault_rip - (u64)at_rdmsr);

	write_msr(MSR_MISC_ENABLE, nonce, &o);
	show_faults("ignored", &o);
	read_msr(MSR_MISC_ENABLE, &o);
	show("unchanged", &o);
	write_msr(MSR_NONE, nonce, &o);
	show_faults("write", &o);
	observe("write.place", fault_rip - (u64)at_wrmsr);

	write_msr(MSR_PAT, pat, &o);		/* all 64 bits of it */
	show("pat.write", &o);
	read_msr(MSR_PAT, &o);
	show("pat", &o);
	write_msr(MSR_PAT, 0x0200000000000000, &o);	/* there is no memory type 2 */
	show_faults("pat.bad", &o);
	read_msr(MSR_PAT, &o);
	show("pat.kept", &o);
	write_msr(MSR_EFER, 0x100000d01, &o);
	show_faults("efer.bad", &o);
	write_msr(MSR_EFER, 0xd01, &o);		/* SCE LME LMA NXE */
	show_faults("efer.write", &o);
	read_msr(MSR_EFER, &o);
	show("efer", &o);
	return 0;
}
