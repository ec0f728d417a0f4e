/* See nmi_tick.h. 82093AA I/O APIC data sheet, 3.2.4; 8254 data sheet, "Programming". */
#include "x86/nmi_tick.h"

#include "mm/pmm.h"
#include "x86/apic.h"
#include "x86/insn.h"

#define IOAPIC_SELECT	0x00		/* which register IOAPIC_WINDOW shows */
#define IOAPIC_WINDOW	0x10
#define REDIRECTION(pin) (0x10 + 2 * (pin))
#define DELIVERY_NMI	(4u << 8)
#define PIN_TIMER	2		/* where PCs wire the 8254 */

#define PIT_CHANNEL0	0x40
#define PIT_COMMAND	0x43
#define PIT_RATE	0x34		/* channel 0, low byte then high byte, mode 2 */
#define PIT_20MS	23864		/* of 1193182 Hz */

static void ioapic_write(u32 index, u32 value)
{
	volatile u32 *ioapic = phys_to_virt(hpa(IOAPIC_BASE));

	ioapic[IOAPIC_SELECT / 4] = index;
	ioapic[IOAPIC_WINDOW / 4] = value;
}

void nmi_tick_start(void)
{
	ioapic_write(REDIRECTION(PIN_TIMER) + 1, apic_id() << 24);
	ioapic_write(REDIRECTION(PIN_TIMER), DELIVERY_NMI);
	outb(PIT_COMMAND, PIT_RATE);
	outb(PIT_CHANNEL0, PIT_20MS & 0xff);
	outb(PIT_CHANNEL0, PIT_20MS >> 8);
}
