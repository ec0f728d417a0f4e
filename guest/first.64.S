/*
 * Lab 1's first guest, in long mode: it looks around, computes something from what it was
 * given, and stops.
 */
#include "first.h"
