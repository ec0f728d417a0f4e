/**
 * @file p2m_audit.h
 * `audit` on the command line: before and after each run of a vCPU, see whether a CPU that goes by
 * what it has cached still does what the second-level tables say. Emulators forget all of that at
 * each world switch, so a forgotten flush shows in no guest there.
 *
 * It puts itself between the core and the back end, as a second struct hvm_ops, and looks at tables
 * and control blocks only. What mm/p2m.c believes to have changed is not asked. It ends in panic()
 * because no guest can cause what it finds:
 *
 *   stale translation     an entry that a CPU may have cached says something else now, or was
 *                         accessed or dirty, and vm->p2m_generation is the same
 *   no flush              the generation has changed, or the vCPU its CPU, and the run would begin
 *                         with what was cached before
 *   flush without need    it would not, though neither has changed
 *
 * Who allows more than was cached, or splits a page into others that say the same, is right.
 */
#ifndef MM_P2M_AUDIT_H
#define MM_P2M_AUDIT_H

/** From now on, for all VMs that are made. What it has to remember takes 16 bytes an entry. */
void p2m_audit_start(void);

#endif
