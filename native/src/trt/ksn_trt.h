/*
 * The C ABI between ksamenet (Go, through purego) and NVIDIA TensorRT. native/trt is its caller.
 *
 * No C++ type and no thread-local state crosses it: a goroutine may change threads between two calls. So an error's text
 * goes into the caller's buffer, every call makes the device's context current and restores the former one, and messages
 * of the library wait in a ring until ksn_log fetches them.
 *
 * Every function that can fail returns a status and, where it has err, writes a NUL-terminated text of at most cap bytes.
 * On failure nothing is left behind: no out parameter is written, no memory is kept. Null handles are KSN_EARG, and
 * ignored by the functions that free. Objects may be freed in any order: each keeps alive what it stands on.
 */
#ifndef KSN_TRT_H
#define KSN_TRT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change that an older caller would not understand. */
#define KSN_ABI 1
#define KSN_API __attribute__((visibility("default")))
#define KSN_MAX_DIMS 8

enum {
    KSN_OK = 0,
    KSN_ELIB = -1,     /* NVIDIA's library is missing, or is not what it should be */
    KSN_EDEVICE = -2,  /* no driver, no such GPU, or the GPU refused */
    KSN_EMODEL = -3,   /* the ONNX model cannot be parsed or built */
    KSN_EARG = -4,     /* a bug of the caller */
    KSN_ERUN = -5,     /* the run failed */
    KSN_EVERSION = -6, /* NVIDIA's library is older or newer than this shim understands */
    KSN_EMEM = -7,     /* out of memory, on either side */
    KSN_EPLAN = -8,    /* the plan is damaged, or was built by another version or for another GPU */
    KSN_ESHAPE = -9    /* shapes that the plan does not take */
};

/* Element types; the numbers are those of nvinfer1::DataType. */
enum { KSN_F32 = 0, KSN_F16 = 1, KSN_I8 = 2, KSN_I32 = 3, KSN_BOOL = 4, KSN_U8 = 5, KSN_BF16 = 7, KSN_I64 = 8 };

typedef struct ksn_lib ksn_lib;       /* an opened TensorRT on one GPU, or on none for building; safe for all threads */
typedef struct ksn_engine ksn_engine; /* a loaded plan; safe for all threads */
typedef struct ksn_ctx ksn_ctx;       /* one inference with its buffers and stream; one thread at a time */
typedef struct ksn_blob ksn_blob;     /* bytes that the library made */

typedef struct {
    int32_t version;     /* of NVIDIA's library: 110400 = TensorRT 11.4.0, 10701 = TensorRT-RTX 1.7.1 */
    int32_t driver;      /* CUDA version of the driver, 13020 = 13.2; 0 without a device */
    int32_t device;      /* index, or -1 */
    int32_t cc;          /* compute capability, 86 = 8.6; 0 without a device */
    int32_t has_builder; /* 0: a lean or dispatch library, which only loads plans */
    int32_t reserved;
    int64_t memory; /* bytes of the GPU */
    char device_name[128];
} ksn_info;

typedef struct {
    int32_t nd, reserved;
    int64_t dims[KSN_MAX_DIMS]; /* -1 = free */
} ksn_shape;

typedef struct {
    char name[256];
    int32_t input, dtype;
    ksn_shape shape;
} ksn_tensor;

/* The shapes of one input in one optimisation profile. */
typedef struct {
    const char* input;
    int32_t profile, reserved;
    ksn_shape min, opt, max;
} ksn_range;

typedef struct {
    int64_t workspace;      /* bytes the builder may use; 0: its own choice */
    const void* timing;     /* an earlier timing cache, or null */
    int64_t timing_size;
    const ksn_range* ranges;
    int32_t range_count;
    int32_t profile_count;
    int32_t fp16;  /* let layers compute in float16; TensorRT 10 only, later ones take it from the model */
    int32_t level; /* optimisation level 0..5; -1: the builder's own */
    int32_t cc;    /* TensorRT-RTX: compute capability to build for, 0 = the present GPU's. Else ignored */
    int32_t reserved;
} ksn_build_options;

typedef struct {
    void* host;      /* pinned memory, bytes long */
    uint64_t device; /* its counterpart on the GPU */
    int64_t bytes;
    ksn_shape shape;
} ksn_buffer;

KSN_API int32_t ksn_abi(void);
/* "TensorRT 11.4.0" or "TensorRT-RTX 1.7.1": the headers this shim was compiled from. */
KSN_API const char* ksn_flavour(void);
/* The sonames that null paths stand for. */
KSN_API const char* ksn_soname(void);
KSN_API const char* ksn_parser_soname(void);

/*
 * Opens TensorRT. device < 0: no GPU, for building alone. Null or empty paths take the sonames above and libcuda.so.1.
 * newer != 0 accepts a TensorRT-RTX that is newer than the newest tested one. The driver is opened first: TensorRT's own
 * failure without one is not clean.
 */
KSN_API int32_t ksn_open(const char* library, const char* parser, const char* driver, int32_t device, int32_t newer,
                         ksn_lib** out, char* err, int32_t cap);
KSN_API int32_t ksn_lib_info(const ksn_lib* lib, ksn_info* out);
/* Takes messages that wait, of all that this shim opened: whole lines "LEVEL text\n", at most cap bytes; returns their length. */
KSN_API int32_t ksn_log(ksn_lib* lib, char* out, int32_t cap);
KSN_API void ksn_close(ksn_lib* lib);

/* Builds a plan from an ONNX model. timing may be null; *timing is null where the library has no timing cache. */
KSN_API int32_t ksn_build(ksn_lib* lib, const void* onnx, int64_t size, const ksn_build_options* options, ksn_blob** plan,
                          ksn_blob** timing, char* err, int32_t cap);
KSN_API const void* ksn_blob_data(const ksn_blob* blob);
KSN_API int64_t ksn_blob_size(const ksn_blob* blob);
KSN_API void ksn_blob_free(ksn_blob* blob);

/*
 * Loads a plan. A plan is code: load only one that this program built, or that the user named.
 * jit: an earlier cache of kernels compiled on this GPU (TensorRT-RTX), or null; one that does not fit is ignored.
 */
KSN_API int32_t ksn_load(ksn_lib* lib, const void* plan, int64_t size, const void* jit, int64_t jit_size, ksn_engine** out,
                         char* err, int32_t cap);
/* The cache of compiled kernels as it is now; null where the library has none. */
KSN_API int32_t ksn_engine_jit(ksn_engine* engine, ksn_blob** out, char* err, int32_t cap);
KSN_API int32_t ksn_engine_tensors(const ksn_engine* engine);
KSN_API int32_t ksn_engine_tensor(const ksn_engine* engine, int32_t index, ksn_tensor* out);
KSN_API int32_t ksn_engine_profiles(const ksn_engine* engine);
/* The bounds of an input in a profile. */
KSN_API int32_t ksn_engine_range(const ksn_engine* engine, int32_t index, int32_t profile, ksn_shape* min, ksn_shape* opt,
                                 ksn_shape* max);
KSN_API void ksn_engine_free(ksn_engine* engine);

KSN_API int32_t ksn_ctx_create(ksn_engine* engine, ksn_ctx** out, char* err, int32_t cap);
/*
 * Takes a profile and the shapes of all tensors (those of outputs are not read), settles the outputs and makes buffers.
 * Buffers grow and never shrink. On failure the context is as before, buffers included.
 */
KSN_API int32_t ksn_ctx_reshape(ksn_ctx* ctx, int32_t profile, const ksn_shape* shapes, int32_t count, char* err, int32_t cap);
KSN_API int32_t ksn_ctx_buffer(const ksn_ctx* ctx, int32_t index, ksn_buffer* out);
/* Host to device, compute, device to host; returns when done. */
KSN_API int32_t ksn_ctx_run(ksn_ctx* ctx, char* err, int32_t cap);
/*
 * Computes on the caller's device memory, one address a tensor, each as large as the buffer it stands for. On a stream of
 * the caller's it returns when the work is queued; with a null stream, when it is done.
 */
KSN_API int32_t ksn_ctx_run_device(ksn_ctx* ctx, const uint64_t* addresses, int32_t count, void* stream, char* err,
                                   int32_t cap);
KSN_API void ksn_ctx_free(ksn_ctx* ctx);

#ifdef __cplusplus
}

static_assert(sizeof(ksn_info) == 160 && sizeof(ksn_shape) == 72 && sizeof(ksn_tensor) == 336 && sizeof(ksn_range) == 232 &&
                  sizeof(ksn_build_options) == 56 && sizeof(ksn_buffer) == 96,
              "native/trt lays these structs out by hand");
#endif
#endif
