/* What the comparison needs from outside of Swift: a way to report, and the names that the kernels take from libm. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdint.h>

/** Print "TITLE NUMBER BITS", the bits in hexadecimal. */
void report(const char *title, int64_t number, uint64_t bits);

double log(double x);
double sqrt(double x);

#endif
