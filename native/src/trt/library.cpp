#include "library.h"

#include <NvOnnxParser.h>
#include <dlfcn.h>

#include <cstring>

#include "flavour.h"
#include "status.h"

namespace ksn {

namespace {

// CUdevice_attribute
constexpr int kComputeMajor = 75;
constexpr int kComputeMinor = 76;

template <class Function>
Function symbol(void* library, const char* name) {
    return reinterpret_cast<Function>(dlsym(library, name));
}

void* openShared(const std::string& path) {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        throw Failure(KSN_ELIB, dlerror());
    }
    return handle;  // never closed: NVIDIA's libraries keep threads and exit handlers
}

}  // namespace

Library::Library(Paths paths, int32_t device, bool newer) : paths_(std::move(paths)) {
    info.device = -1;
    if (device >= 0) {
        openDevice(device);
    }
    try {
        openLibrary(newer);
    } catch (...) {
        // The destructor does not run for an object that was not made.
        if (retained_) {
            cuda.release(device_);
        }
        throw;
    }
}

Library::~Library() {
    {
        const Current current = Current::forRelease(*this);
        runtime_.reset();
    }
    if (retained_) {
        cuda.release(device_);
    }
}

void Library::openDevice(int32_t device) {
    const std::string missing = cuda.load(paths_.driver.c_str());
    if (!missing.empty()) {
        throw Failure(KSN_EDEVICE, "no NVIDIA driver: " + missing);
    }
    check(cuda.init(0), "cuInit", KSN_EDEVICE);
    check(cuda.driverVersion(&info.driver), "cuDriverGetVersion", KSN_EDEVICE);
    int count = 0;
    check(cuda.deviceCount(&count), "cuDeviceGetCount", KSN_EDEVICE);
    if (device >= count) {
        throw Failure(KSN_EDEVICE, "no CUDA device " + std::to_string(device) + ": " + std::to_string(count) + " present");
    }
    check(cuda.deviceGet(&device_, device), "cuDeviceGet", KSN_EDEVICE);
    check(cuda.deviceName(static_cast<char*>(info.device_name), sizeof info.device_name, device_), "cuDeviceGetName",
          KSN_EDEVICE);
    int major = 0;
    int minor = 0;
    check(cuda.deviceAttribute(&major, kComputeMajor, device_), "cuDeviceGetAttribute", KSN_EDEVICE);
    check(cuda.deviceAttribute(&minor, kComputeMinor, device_), "cuDeviceGetAttribute", KSN_EDEVICE);
    size_t memory = 0;
    check(cuda.deviceMemory(&memory, device_), "cuDeviceTotalMem", KSN_EDEVICE);
    check(cuda.retain(&context_, device_), "cuDevicePrimaryCtxRetain", KSN_EDEVICE);
    retained_ = true;
    info.device = device;
    info.cc = major * 10 + minor;
    info.memory = static_cast<int64_t>(memory);
}

void Library::openLibrary(bool newer) {
    void* handle = openShared(paths_.library);
    auto* version = symbol<int32_t (*)()>(handle, "getInferLibVersion");
    auto* makeRuntime = symbol<void* (*)(void*, int32_t)>(handle, "createInferRuntime_INTERNAL");
    if (version == nullptr || makeRuntime == nullptr) {
        throw Failure(KSN_ELIB, paths_.library + " is not TensorRT");
    }
    info.version = version();
    const std::string refusal = refuseVersion(info.version, newer);
    if (!refusal.empty()) {
        throw Failure(KSN_EVERSION, paths_.library + ": " + refusal);
    }
    makeBuilder_ = symbol<void* (*)(void*, int32_t)>(handle, "createInferBuilder_INTERNAL");
    info.has_builder = makeBuilder_ != nullptr ? 1 : 0;
    if (!retained_) {
        return;
    }
    const Current current(*this);
    const Log::Errors errors(log);
    runtime_.reset(static_cast<nvinfer1::IRuntime*>(sane(makeRuntime(&log, NV_TENSORRT_VERSION))));
    if (runtime_ == nullptr) {
        throw Failure(KSN_EDEVICE, "createInferRuntime: " + errors.text());
    }
}

void Library::check(int code, const std::string& what, int32_t status) const {
    if (code == 0) {
        return;
    }
    throw Failure(code == kCudaOutOfMemory ? KSN_EMEM : status, what + ": " + cuda.describe(code));
}

Library::Current::Current(const Library& library) : library_(library) {
    library.check(push(), "cuCtxPushCurrent", KSN_EDEVICE);
}

int Library::Current::push() noexcept {
    const int code = library_.retained_ ? library_.cuda.push(library_.context_) : 0;
    pushed_ = library_.retained_ && code == 0;
    return code;
}

Library::Current::~Current() {
    if (pushed_) {
        CUcontext ours = nullptr;
        library_.cuda.pop(&ours);
    }
}

nvinfer1::IBuilder* Library::createBuilder() {
    if (makeBuilder_ == nullptr) {
        throw Failure(KSN_ELIB, paths_.library + " cannot build plans (a lean or dispatch library): install the full one");
    }
    const Log::Errors errors(log);
    auto* builder = static_cast<nvinfer1::IBuilder*>(sane(makeBuilder_(&log, NV_TENSORRT_VERSION)));
    if (builder == nullptr) {
        throw Failure(KSN_EDEVICE, "createInferBuilder: " + errors.text());
    }
    return builder;
}

void* Library::createParser(nvinfer1::INetworkDefinition& network) {
    {
        const std::lock_guard<std::mutex> guard(mutex_);
        if (makeParser_ == nullptr) {
            makeParser_ = symbol<void* (*)(void*, void*, int)>(openShared(paths_.parser), "createNvOnnxParser_INTERNAL");
        }
        if (makeParser_ == nullptr) {
            throw Failure(KSN_ELIB, paths_.parser + " is not TensorRT's ONNX parser");
        }
    }
    const Log::Errors errors(log);
    void* parser = sane(makeParser_(&network, &log, NV_ONNX_PARSER_VERSION));
    if (parser == nullptr) {
        throw Failure(KSN_ELIB, "createNvOnnxParser: " + errors.text());
    }
    return parser;
}

nvinfer1::ICudaEngine* Library::deserialize(const void* plan, size_t size) {
    if (runtime_ == nullptr) {
        throw Failure(KSN_EDEVICE, "opened without a device, for building alone");
    }
    const std::lock_guard<std::mutex> guard(mutex_);
    const Log::Errors errors(log);
    nvinfer1::ICudaEngine* engine = sane(runtime_->deserializeCudaEngine(plan, size));
    if (engine == nullptr) {
        throw Failure(KSN_EPLAN, "plan of " + std::to_string(size) + " bytes refused: " + errors.text());
    }
    return engine;
}

}  // namespace ksn

using ksn::guarded;
using ksn::require;

extern "C" {

int32_t ksn_open(const char* library, const char* parser, const char* driver, int32_t device, int32_t newer, ksn_lib** out,
                 char* err, int32_t cap) {
    return guarded(err, cap, [&] {
        require(out != nullptr, "ksn_open: no out");
        const auto orElse = [](const char* given, const char* otherwise) {
            return std::string(given != nullptr && *given != '\0' ? given : otherwise);
        };
        ksn::Library::Paths paths{orElse(library, KSN_SONAME), orElse(parser, KSN_PARSER_SONAME),
                                  orElse(driver, "libcuda.so.1")};
        *out = new ksn_lib{std::make_shared<ksn::Library>(std::move(paths), device, newer != 0)};
    });
}

int32_t ksn_lib_info(const ksn_lib* lib, ksn_info* out) {
    if (lib == nullptr || out == nullptr) {
        return KSN_EARG;
    }
    *out = lib->library->info;
    return KSN_OK;
}

int32_t ksn_log(ksn_lib* lib, char* out, int32_t cap) {
    if (lib == nullptr || out == nullptr || cap <= 0) {
        return 0;
    }
    int32_t length = 0;
    // Out of memory loses messages, no more.
    (void)guarded(nullptr, 0, [&] { length = static_cast<int32_t>(lib->library->log.drain(out, static_cast<size_t>(cap))); });
    return length;
}

void ksn_close(ksn_lib* lib) { delete lib; }

const void* ksn_blob_data(const ksn_blob* blob) { return blob != nullptr ? blob->memory->data() : nullptr; }

int64_t ksn_blob_size(const ksn_blob* blob) { return blob != nullptr ? static_cast<int64_t>(blob->memory->size()) : 0; }

void ksn_blob_free(ksn_blob* blob) { delete blob; }

}  // extern "C"
