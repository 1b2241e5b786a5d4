#include "cuda.h"

#include <dlfcn.h>

namespace ksn {

std::string Cuda::load(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        return dlerror();
    }
    std::string lacks;
    const auto bind = [&](auto& function, const char* symbol) {
        function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, symbol));
        if (function == nullptr && lacks.empty()) {
            lacks = std::string(path) + " has no " + symbol + ": the driver is too old, or this is another library";
        }
    };
    // https://docs.nvidia.com/cuda/cuda-driver-api: the suffixes are those that its header puts behind the plain names.
    bind(init, "cuInit");
    bind(driverVersion, "cuDriverGetVersion");
    bind(deviceCount, "cuDeviceGetCount");
    bind(deviceGet, "cuDeviceGet");
    bind(deviceName, "cuDeviceGetName");
    bind(deviceAttribute, "cuDeviceGetAttribute");
    bind(deviceMemory, "cuDeviceTotalMem_v2");
    bind(retain, "cuDevicePrimaryCtxRetain");
    bind(release, "cuDevicePrimaryCtxRelease_v2");
    bind(push, "cuCtxPushCurrent_v2");
    bind(pop, "cuCtxPopCurrent_v2");
    bind(alloc, "cuMemAlloc_v2");
    bind(free, "cuMemFree_v2");
    bind(hostAlloc, "cuMemHostAlloc");
    bind(hostFree, "cuMemFreeHost");
    bind(toDevice, "cuMemcpyHtoDAsync_v2");
    bind(toHost, "cuMemcpyDtoHAsync_v2");
    bind(streamCreate, "cuStreamCreate");
    bind(streamDestroy, "cuStreamDestroy_v2");
    bind(streamSync, "cuStreamSynchronize");
    bind(errorName, "cuGetErrorName");
    bind(errorText, "cuGetErrorString");
    return lacks;
}

std::string Cuda::describe(int code) const {
    const char* text = nullptr;
    const char* name = nullptr;
    std::string out = errorText(code, &text) == 0 && text != nullptr ? text : "CUDA error " + std::to_string(code);
    if (errorName(code, &name) == 0 && name != nullptr) {
        out += std::string(" (") + name + ")";
    }
    return out;
}

}  // namespace ksn
