/* Runs the comparison. On x86-64 the C library is there; the program for arm64 stands alone, so that no C library for
 * arm64 has to be installed: here are the few functions that Swift and the kernels take from one. */
#include "runtime.h"
#include <stddef.h>

int main(int argc, char **argv);

#if defined(__aarch64__)
static int64_t system_call(int64_t number, int64_t a, int64_t b, int64_t c) {
  register int64_t x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}
static void write_text(const char *text, size_t count) { system_call(64, 1, (int64_t)text, (int64_t)count); }
static _Noreturn void end(int status) {
  for (;;) system_call(94, status, 0, 0);
}

void *memset(void *to, int byte, size_t count) {
  for (size_t i = 0; i < count; i++) ((volatile char *)to)[i] = (char)byte;
  return to;
}
void *memmove(void *to, const void *from, size_t count) {
  if ((uintptr_t)to < (uintptr_t)from)
    for (size_t i = 0; i < count; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
  else
    for (size_t i = count; i > 0; i--) ((volatile char *)to)[i - 1] = ((const char *)from)[i - 1];
  return to;
}
void *memcpy(void *to, const void *from, size_t count) { return memmove(to, from, count); }

/* Blocks of powers of two, each behind a cache line that says which; those given back wait in a list of their size. */
enum { CACHE_LINE = 64 };
typedef struct block {
  struct block *next;
  int power;
} block;
static block *waiting[48];

int posix_memalign(void **out, size_t alignment, size_t count) {
  static _Alignas(CACHE_LINE) char pool[256 << 20];
  static size_t used;
  int power = 6;
  while (((size_t)1 << power) < count + CACHE_LINE) power++;
  block *found = waiting[power];
  if (found != 0) {
    waiting[power] = found->next;
  } else {
    if (alignment > CACHE_LINE || used + ((size_t)1 << power) > sizeof pool) return 12;
    found = (block *)(pool + used);
    used += (size_t)1 << power;
  }
  found->power = power;
  *out = (char *)found + CACHE_LINE;
  return 0;
}
void free(void *p) {
  if (p == 0) return;
  block *given = (block *)((char *)p - CACHE_LINE);
  given->next = waiting[given->power];
  waiting[given->power] = given;
}

uintptr_t __stack_chk_guard = 0x5bd1e995;
void __stack_chk_fail(void) { end(70); }

double sqrt(double x) { return __builtin_sqrt(x); }
/* x = 2^n m, sqrt(1/2) <= m < sqrt(2); log m = 2 artanh((m - 1) / (m + 1)) by its series, to about 1e-15. */
double log(double x) {
  int n = 0;
  for (; x >= 1.4142135623730951; n++) x /= 2;
  for (; x < 0.7071067811865476; n--) x *= 2;
  const double t = (x - 1) / (x + 1);
  double sum = 0, power = t;
  for (int k = 1; k < 40; k += 2, power *= t * t) sum += power / k;
  return 2 * sum + n * 0.6931471805599453;
}

void _start(void) { end(main(0, 0)); }
#else
#include <unistd.h>
static void write_text(const char *text, size_t count) {
  if (write(1, text, count) < 0) _exit(70);
}
#endif

void report(const char *title, int64_t number, uint64_t bits) {
  char line[128];
  size_t length = 0;
  while (title[length] != 0 && length < 80) line[length] = title[length], length++;
  line[length++] = ' ';
  char digits[20];
  size_t count = 0;
  do digits[count++] = (char)('0' + number % 10), number /= 10;
  while (number > 0);
  while (count > 0) line[length++] = digits[--count];
  line[length++] = ' ';
  for (int i = 60; i >= 0; i -= 4) line[length++] = "0123456789abcdef"[bits >> i & 15];
  line[length++] = '\n';
  write_text(line, length);
}
