/*
 * Three kinds of address, three types. A guest has virtual addresses, which its own page tables
 * turn into guest physical ones, which the second-level tables turn into host physical ones. The
 * compiler rejects a mix-up.
 */
#ifndef MM_TYPES_H
#define MM_TYPES_H

#include "lib/types.h"

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096ull
#define PAGE_SIZE_2M	MiB(2)

typedef struct { u64 v; } gva_t;	/* guest virtual */
typedef struct { u64 v; } gpa_t;	/* guest physical */
typedef struct { u64 v; } hpa_t;	/* host physical */

static inline gva_t gva(u64 v) { return (gva_t){ v }; }
static inline gpa_t gpa(u64 v) { return (gpa_t){ v }; }
static inline hpa_t hpa(u64 v) { return (hpa_t){ v }; }

#endif
