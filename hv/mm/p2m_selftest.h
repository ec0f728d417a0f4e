/**
 * @file p2m_selftest.h
 * `selftest=p2m`: what mm/p2m.c does to tables, seen from inside the core.
 */
#ifndef MM_P2M_SELFTEST_H
#define MM_P2M_SELFTEST_H

#include "lib/types.h"

/** Run it, and say what is wrong, and how large tables are. @return true when it passed */
bool p2m_selftest(void);

#endif
