/* The only place that names HDF5's headers. */
#include <hdf5.h>
