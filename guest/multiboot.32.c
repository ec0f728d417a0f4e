/* Tells what a multiboot boot loader told it, and in which state it was started. */
#include "guest.h"

/* Multiboot 0.6.96, 3.3 */
struct info {
	u32 flags, mem_lower, mem_upper, boot_device;
	const char *cmdline;
	u32 mods_count;
	const struct module *mods;
	u32 syms[4], mmap_length;
	const struct mmap *mmap;
	u32 drives[2], config_table;
	const char *boot_loader_name;
	u32 apm_table, vbe[4];
	u32 framebuffer_addr, framebuffer_addr_high, framebuffer_pitch;
	u32 framebuffer_width, framebuffer_height;
	u8 framebuffer_bpp, framebuffer_type;
};

struct module {
	const char *start, *end, *text;
	u32 reserved;
};

struct mmap {
	u32 size;
	u64 start, length;
	u32 type;
} __attribute__((packed));

static void say(const char *key, const char *text)
{
	put_text(key);
	put_text("=");
	put_text(text);
	put_text("\n");
}

/* "mmap", 3, ".start": mmap3.start */
static const char *key_of(const char *name, u32 number, const char *part)
{
	static char key[32];
	char *k = key;

	while (*name)
		*k++ = *name++;
	*k++ = (char)('0' + number);
	while ((*k++ = *part++))
		;
	return key;
}

static void tell_memory(const struct info *i)
{
	const struct mmap *m = i->mmap;

	observe("lower", i->mem_lower);
	observe("upper", i->mem_upper);
	for (u32 n = 0; (u32)m < (u32)i->mmap + i->mmap_length; n++) {
		observe(key_of("mmap", n, ".start"), m->start);
		observe(key_of("mmap", n, ".length"), m->length);
		observe(key_of("mmap", n, ".type"), m->type);
		m = (const struct mmap *)((u32)m + m->size + 4);
	}
}

static void tell_modules(const struct info *i)
{
	observe("modules", i->flags & 8 ? i->mods_count : 0);
	for (u32 n = 0; i->flags & 8 && n < i->mods_count; n++) {
		const struct module *m = &i->mods[n];
		u32 sum = 0;

		for (const char *c = m->start; c < m->end; c++)
			sum = sum * 31 + (u8)*c;
		observe(key_of("module", n, ".start"), (u32)m->start);
		observe(key_of("module", n, ".size"), (u32)m->end - (u32)m->start);
		observe(key_of("module", n, ".sum"), sum);
		say(key_of("module", n, ".text"), m->text);
	}
}

static u32 zeros[1024];		/* that .bss is zero is the boot loader's work */

/* The timer as a BIOS leaves it, mode 3: counts down, and so do two reads of it differ. */
static void tell_timer(void)
{
	u8 first, status;

	outb(0x43, 0xe2);		/* read back the status of channel 0 */
	status = inb(0x40);
	outb(0x43, 0);			/* latch the count */
	first = inb(0x40);
	inb(0x40);
	do
		outb(0x43, 0);
	while (inb(0x40) == first && (inb(0x40), 1));
	inb(0x40);
	observe("timer", status & 0x3f);
	observe("masks", inb(0x21) | (u32)inb(0xa1) << 8);
}

int main(u32 magic, const struct info *i, u32 eflags);
int main(u32 magic, const struct info *i, u32 eflags)
{
	u32 cr0, cr4, sum = 0;

	asm volatile("mov %%cr0, %0; mov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
	for (u32 n = 0; n < 1024; n++)
		sum |= ((volatile u32 *)zeros)[n];
	observe("magic", magic);
	observe("info", (u32)i);
	observe("eflags", eflags);
	observe("cr0", cr0);
	observe("cr4", cr4);
	observe("bss", sum);
	observe("flags", i->flags);
	say("cmdline", i->cmdline);
	say("loader", i->boot_loader_name);
	observe("screen", i->framebuffer_addr);
	observe("pitch", i->framebuffer_pitch);
	observe("columns", i->framebuffer_width);
	observe("rows", i->framebuffer_height);
	observe("bpp", i->framebuffer_bpp);
	observe("text", i->framebuffer_type);
	tell_timer();
	tell_memory(i);
	tell_modules(i);
	return 0;
}
