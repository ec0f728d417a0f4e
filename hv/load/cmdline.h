/**
 * @file cmdline.h
 * The strings that a boot loader hands over: a command line, and the names of modules. Pure.
 */
#ifndef LOAD_CMDLINE_H
#define LOAD_CMDLINE_H

#include "lib/types.h"

/**
 * Take the next word off a command line. Words are separated by blanks.
 * @param rest  what is left of the line, terminated; moves on
 * @return the word, terminated in place, never empty; NULL when there is none
 */
char *cmdline_next(char **rest);

/**
 * The file that a module's string names: the last part of the path that is its first word.
 * @param name,size  room for it; cut to fit, terminated
 */
void cmdline_file(const char *string, char *name, u64 size);

#endif
