/* A program that is linked with libhdf5 and does nothing with it: what every user of that library pays at least. It
 * answers every request with "ok". */
#include <hdf5.h>
#include <stdio.h>

int main(void) {
  unsigned major, minor, release;
  char request[1024];
  if (H5get_libversion(&major, &minor, &release) < 0) return 1;
  printf("ok HDF5 %u.%u.%u\n", major, minor, release);
  fflush(stdout);
  while (fgets(request, sizeof request, stdin) != NULL) {
    printf("ok\n");
    fflush(stdout);
  }
  return 0;
}
