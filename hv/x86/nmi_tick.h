/**
 * @file nmi_tick.h
 * A tick that no guest can hold back: the 8254 timer, through the I/O APIC, as an NMI.
 *
 * Only for Bochs: it forgets host interrupts when an SVM guest is entered with RFLAGS.IF = 0, where
 * a real CPU looks at the host's IF (APM vol. 2, 15.21.1). `tick=nmi` on the command line asks for
 * it; scripts/run does so on bochs-svm.
 */
#ifndef X86_NMI_TICK_H
#define X86_NMI_TICK_H

#define IOAPIC_BASE 0xfec00000ull	/* physical */

/** Send this CPU an NMI about every 20 ms. */
void nmi_tick_start(void);

#endif
