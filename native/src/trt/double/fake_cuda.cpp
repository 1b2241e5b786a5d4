// Test double of libcuda.so.1. Device memory is host memory; what the driver would refuse is refused: a call without a
// current context, a context popped that was not pushed, an address or stream that was not given out.
//
// Environment: FAKE_CUDA_DEVICES (default 1), FAKE_CUDA_CC (86), FAKE_CUDA_NAME, FAKE_CUDA_INIT (CUresult of cuInit).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>

#include "faults.h"

struct CUstream_st {
    int unused;
};

namespace {

enum { kOK = 0, kInvalid = 1, kNoMemory = 2, kNoDevice = 100, kNoContext = 201, kUnknown = 999 };

int context;  // its address is the handle
thread_local int depth = 0;

std::mutex mutex;
std::set<void*> given;

void* give(void* p) {
    const std::lock_guard<std::mutex> guard(mutex);
    given.insert(p);
    ++faults::live;
    return p;
}

bool take(void* p) {
    const std::lock_guard<std::mutex> guard(mutex);
    if (given.erase(p) == 0) {
        return false;
    }
    --faults::live;
    return true;
}

int fromEnvironment(const char* name, int otherwise) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? static_cast<int>(std::strtol(value, nullptr, 10)) : otherwise;
}

void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

int copy(const char* name, void* to, const void* from, size_t bytes) {
    if (faults::fails(name)) {
        return kUnknown;
    }
    if (depth < 1) {
        return kNoContext;
    }
    std::memcpy(to, from, bytes);
    return kOK;
}

int allocate(const char* name, void** out, size_t bytes) {
    if (faults::fails(name)) {
        return kNoMemory;
    }
    if (depth < 1) {
        return kNoContext;
    }
    constexpr size_t kGPU = size_t{1} << 30;
    if (bytes == 0) {
        return kInvalid;
    }
    if (bytes > kGPU) {
        return kNoMemory;
    }
    *out = give(std::malloc(bytes));
    return kOK;
}

// A context that cannot be had has died, and its memory with it; otherwise a release without one leaks.
int release(void* p) {
    if (depth < 1 && std::strcmp(faults::failed.load(), "cuCtxPushCurrent") != 0) {
        return kNoContext;
    }
    if (!take(p)) {
        return kInvalid;
    }
    std::free(p);
    return kOK;
}

}  // namespace

KSN_DOUBLE_EXPORTS(fake_cuda)

KSN_DOUBLE_API int cuInit(unsigned) { return faults::fails("cuInit") ? kNoDevice : fromEnvironment("FAKE_CUDA_INIT", kOK); }

KSN_DOUBLE_API int cuDriverGetVersion(int* version) {
    *version = 13020;
    return faults::fails("cuDriverGetVersion") ? kUnknown : kOK;
}

KSN_DOUBLE_API int cuDeviceGetCount(int* count) {
    *count = fromEnvironment("FAKE_CUDA_DEVICES", 1);
    return faults::fails("cuDeviceGetCount") ? kUnknown : kOK;
}

KSN_DOUBLE_API int cuDeviceGet(int* device, int index) {
    *device = index;
    return faults::fails("cuDeviceGet") ? kUnknown : kOK;
}

KSN_DOUBLE_API int cuDeviceGetName(char* name, int size, int) {
    const char* given_name = std::getenv("FAKE_CUDA_NAME");
    (void)std::snprintf(name, static_cast<size_t>(size), "%s", given_name != nullptr ? given_name : "Fake GPU");
    return faults::fails("cuDeviceGetName") ? kUnknown : kOK;
}

KSN_DOUBLE_API int cuDeviceGetAttribute(int* value, int attribute, int) {
    const int cc = fromEnvironment("FAKE_CUDA_CC", 86);
    *value = attribute == 75 ? cc / 10 : cc % 10;
    return faults::fails("cuDeviceGetAttribute") ? kUnknown : kOK;
}

KSN_DOUBLE_API int cuDeviceTotalMem_v2(size_t* bytes, int) {
    *bytes = size_t{1} << 30;
    return faults::fails("cuDeviceTotalMem") ? kUnknown : kOK;
}

KSN_DOUBLE_API int cuDevicePrimaryCtxRetain(void** out, int) {
    if (faults::fails("cuDevicePrimaryCtxRetain")) {
        return kNoMemory;
    }
    ++faults::live;
    *out = &context;
    return kOK;
}

KSN_DOUBLE_API int cuDevicePrimaryCtxRelease_v2(int) {
    --faults::live;
    return kOK;
}

KSN_DOUBLE_API int cuCtxPushCurrent_v2(void* pushed) {
    if (faults::fails("cuCtxPushCurrent")) {
        return kUnknown;
    }
    if (pushed != &context) {
        return kNoContext;
    }
    ++depth;
    ++faults::live;  // a push that is never popped is a leak too
    return kOK;
}

KSN_DOUBLE_API int cuCtxPopCurrent_v2(void** popped) {
    if (depth < 1) {
        return kNoContext;
    }
    --depth;
    --faults::live;
    *popped = &context;
    return kOK;
}

KSN_DOUBLE_API int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    void* p = nullptr;
    const int code = allocate("cuMemAlloc", &p, bytes);
    *address = reinterpret_cast<uint64_t>(p);
    return code;
}

KSN_DOUBLE_API int cuMemFree_v2(uint64_t address) { return release(pointer(address)); }

KSN_DOUBLE_API int cuMemHostAlloc(void** address, size_t bytes, unsigned) { return allocate("cuMemHostAlloc", address, bytes); }

KSN_DOUBLE_API int cuMemFreeHost(void* address) { return release(address); }

KSN_DOUBLE_API int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, CUstream_st*) {
    return copy("cuMemcpyHtoDAsync", pointer(to), from, bytes);
}

KSN_DOUBLE_API int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, CUstream_st*) {
    return copy("cuMemcpyDtoHAsync", to, pointer(from), bytes);
}

KSN_DOUBLE_API int cuStreamCreate(CUstream_st** stream, unsigned) {
    void* p = nullptr;
    const int code = allocate("cuStreamCreate", &p, sizeof(CUstream_st));
    *stream = static_cast<CUstream_st*>(p);
    return code;
}

KSN_DOUBLE_API int cuStreamDestroy_v2(CUstream_st* stream) { return release(stream); }

KSN_DOUBLE_API int cuStreamSynchronize(CUstream_st*) {
    if (faults::fails("cuStreamSynchronize")) {
        return kUnknown;
    }
    return depth < 1 ? kNoContext : kOK;
}

KSN_DOUBLE_API int cuGetErrorName(int code, const char** name) {
    *name = code == kNoMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : code == kNoDevice ? "CUDA_ERROR_NO_DEVICE" : "CUDA_ERROR_UNKNOWN";
    return kOK;
}

KSN_DOUBLE_API int cuGetErrorString(int code, const char** text) {
    *text = code == kNoMemory    ? "out of memory"
            : code == kNoDevice  ? "no CUDA-capable device is detected"
            : code == kNoContext ? "invalid device context"
                                 : "unknown error";
    return kOK;
}
