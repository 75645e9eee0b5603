/* The only place that names HDF5's headers, and zlib's, which HDF5 is built on. Swift cannot see what they offer as
 * macros (types and constants that open the library, functions with several versions), so that is functions here, and
 * nothing else is. */
#ifndef MARTLET_CHDF5_SHIM_H
#define MARTLET_CHDF5_SHIM_H

#include <hdf5.h>
#include <zlib.h>

static inline hid_t chdf5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t chdf5_native_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t chdf5_native_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t chdf5_native_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t chdf5_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t chdf5_native_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t chdf5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t chdf5_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t chdf5_int32(void) { return H5T_STD_I32LE; }
static inline hid_t chdf5_int64(void) { return H5T_STD_I64LE; }
static inline hid_t chdf5_uint64(void) { return H5T_STD_U64LE; }
static inline hid_t chdf5_c_string(void) { return H5T_C_S1; }

static inline hid_t chdf5_file_access_class(void) { return H5P_FILE_ACCESS; }
static inline hid_t chdf5_file_creation_class(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_dataset_creation_class(void) { return H5P_DATASET_CREATE; }
static inline hid_t chdf5_link_creation_class(void) { return H5P_LINK_CREATE; }

static inline size_t chdf5_variable_length(void) { return H5T_VARIABLE; }
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }

/* What a link names: 1 for an object of this file, whose header is at *address from the base address on; 0 for a soft
 * or external link; negative on failure. */
static inline int chdf5_link_target(hid_t location, const char *name, haddr_t *address) {
#if H5_VERSION_GE(1, 12, 0)
  H5L_info1_t info;
  if (H5Lget_info1(location, name, &info, H5P_DEFAULT) < 0) return -1;
#else
  H5L_info_t info;
  if (H5Lget_info(location, name, &info, H5P_DEFAULT) < 0) return -1;
#endif
  if (info.type != H5L_TYPE_HARD) return 0;
  *address = info.u.address;
  return 1;
}

/* The calling thread's error handler, which may be of HDF5's first or second kind. */
typedef struct chdf5_error_handler {
  unsigned is_version_2;
  H5E_auto2_t version_2;
#ifndef H5_NO_DEPRECATED_SYMBOLS
  H5E_auto1_t version_1;
#endif
  void *data;
} chdf5_error_handler;

static inline chdf5_error_handler chdf5_silence_errors(void) {
  chdf5_error_handler handler = {1, NULL};
  H5Eauto_is_v2(H5E_DEFAULT, &handler.is_version_2);
#ifndef H5_NO_DEPRECATED_SYMBOLS
  if (!handler.is_version_2) {
    H5Eget_auto1(&handler.version_1, &handler.data);
    H5Eset_auto1(NULL, NULL);
    return handler;
  }
#endif
  H5Eget_auto2(H5E_DEFAULT, &handler.version_2, &handler.data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return handler;
}

static inline void chdf5_restore_errors(chdf5_error_handler handler) {
#ifndef H5_NO_DEPRECATED_SYMBOLS
  if (!handler.is_version_2) {
    H5Eset_auto1(handler.version_1, handler.data);
    return;
  }
#endif
  H5Eset_auto2(H5E_DEFAULT, handler.version_2, handler.data);
}

/* inflateInit, which passes the version and size that the caller was compiled with. */
static inline int chdf5_inflate_init(z_stream *stream) { return inflateInit(stream); }

#endif
