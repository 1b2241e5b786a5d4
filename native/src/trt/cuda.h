// The CUDA driver API, as much of it as an inference needs, declared by hand: neither the toolkit nor libcudart is needed,
// to build or to run. The library is never closed: it keeps threads and exit handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

struct CUstream_st;

namespace ksn {

using CUdevice = int;
using CUcontext = void*;
using CUdeviceptr = uint64_t;
using CUstream = CUstream_st*;

// CUresult values that are told apart.
constexpr int kCudaOutOfMemory = 2;

struct Cuda {
    int (*init)(unsigned flags) = nullptr;
    int (*driverVersion)(int* version) = nullptr;
    int (*deviceCount)(int* count) = nullptr;
    int (*deviceGet)(CUdevice* device, int index) = nullptr;
    int (*deviceName)(char* name, int size, CUdevice device) = nullptr;
    int (*deviceAttribute)(int* value, int attribute, CUdevice device) = nullptr;
    int (*deviceMemory)(size_t* bytes, CUdevice device) = nullptr;
    int (*retain)(CUcontext* context, CUdevice device) = nullptr;
    int (*release)(CUdevice device) = nullptr;
    int (*push)(CUcontext context) = nullptr;
    int (*pop)(CUcontext* context) = nullptr;
    int (*alloc)(CUdeviceptr* address, size_t bytes) = nullptr;
    int (*free)(CUdeviceptr address) = nullptr;
    int (*hostAlloc)(void** address, size_t bytes, unsigned flags) = nullptr;
    int (*hostFree)(void* address) = nullptr;
    int (*toDevice)(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) = nullptr;
    int (*toHost)(void* to, CUdeviceptr from, size_t bytes, CUstream stream) = nullptr;
    int (*streamCreate)(CUstream* stream, unsigned flags) = nullptr;
    int (*streamDestroy)(CUstream stream) = nullptr;
    int (*streamSync)(CUstream stream) = nullptr;
    int (*errorName)(int code, const char** name) = nullptr;
    int (*errorText)(int code, const char** text) = nullptr;

    // Fills the table from a driver library; returns the reason of a failure, or "".
    std::string load(const char* path);

    // "out of memory (CUDA_ERROR_OUT_OF_MEMORY)".
    std::string describe(int code) const;
};

}  // namespace ksn
