/**
 * @file p2m_script.h
 * `p2m=STEP,STEP,...` on the command line: do things to the second-level tables of a VM that has
 * none yet and runs no guest, show what comes of each, and end the machine. Numbers are
 * hexadecimal; PROT is of the letters r, w, x; TYPE is wb, wt or uc, without it wb. Nothing is
 * behind the host addresses: nobody looks there.
 *
 *   map:AT:TO:LEVEL:PROT[:TYPE]   p2m_map()
 *   unmap:AT:LEVEL                p2m_unmap()
 *   protect:AT:SIZE:PROT          p2m_protect()
 *   split:AT                      p2m_split()
 *   merge:AT:LEVEL                p2m_merge()
 *   age:AT                        p2m_age(): accessed, dirty
 *   walk:AT:LEVEL                 p2m_walk(): level, entry, hpa, prot, leaf, type
 *   next:AT:END                   p2m_next(): at, and the same
 *   encode:HPA:LEVEL:LEAF:PROT:TYPE:AD   pte_encode(): AD is accessed + 2 * dirty
 *   decode:ENTRY:LEVEL            pte_decode()
 *   table:AT:LEVEL                make the tables on the way to an entry, by hand
 *   put:AT:LEVEL:ENTRY            write an entry, by hand
 *   put:AT:LEVEL:HPA:LEAF:PROT:TYPE:AD   the same, with an entry as of encode
 *   set:AT:LEVEL:HPA:LEAF:PROT:TYPE:AD   walk to an entry, and p2m_set(): as walk shows it
 *   pool:N                        so many tables are left in the pool
 *   host:N                        so many pages of memory are left in the host
 *   show                          every entry that is not 0, TABLE[INDEX]; or TABLE[FIRST-LAST],
 *                                 where they map one page after the other: then the first of
 *                                 them. Tables have numbers, the root 0, which also stand for
 *                                 their addresses
 *   free                          end the VM: pages that are missing then
 *
 * Step N, from 0, prints lines `see N.WHAT=0xVALUE`; if it is written NAME=STEP, `see NAME.WHAT`.
 * All have N.result, what the function returned, N.tables, the tables that the VM has, and
 * N.changed: did translations become wrong that a CPU may have cached? After one that put tables
 * into others N.linked says how many entries they had when their own was made.
 */
#ifndef MM_P2M_SCRIPT_H
#define MM_P2M_SCRIPT_H

#include "lib/types.h"

/** Do what `script` says, which is cut up, and end the machine. */
__noreturn void p2m_script(char *script);

#endif
