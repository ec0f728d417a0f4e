/*
 * Lab 1's first guest, in real mode: it looks around, computes something from what it was
 * given, and stops.
 */
#define REAL_MODE
#include "first.h"
