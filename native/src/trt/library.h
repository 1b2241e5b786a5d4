// An opened TensorRT: driver, device context, library, runtime.
#pragma once

#include <NvInfer.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "cuda.h"
#include "ksn_trt.h"
#include "log.h"

namespace ksn {

// TensorRT 11.4 answers createInferRuntime with 0x228 when CUDA does not work. No object lives in the first 64 kB.
template <class T>
T* sane(T* pointer) {
    constexpr uintptr_t kFirstPages = 65536;
    return reinterpret_cast<uintptr_t>(pointer) < kFirstPages ? nullptr : pointer;
}

class Library : public std::enable_shared_from_this<Library> {
  public:
    struct Paths {
        std::string library, parser, driver;
    };

    Library(Paths paths, int32_t device, bool newer);
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    // Makes the device's context current for a scope. Without a device it does nothing.
    class Current {
      public:
        explicit Current(const Library& library);
        ~Current();
        Current(const Current&) = delete;
        Current& operator=(const Current&) = delete;
        // For destructors: goes on without a context where there is none to be had, and throws nothing.
        static Current forRelease(const Library& library) noexcept { return Current(library, nullptr); }

      private:
        Current(const Library& library, std::nullptr_t) noexcept : library_(library) { (void)push(); }
        int push() noexcept;
        const Library& library_;
        bool pushed_ = false;
    };

    bool hasDevice() const { return retained_; }
    // Throws if code is not success; what says which call it was.
    void check(int code, const std::string& what, int32_t status = KSN_ERUN) const;

    nvinfer1::IBuilder* createBuilder();
    // nvonnxparser::IParser; its header is the builder's business.
    void* createParser(nvinfer1::INetworkDefinition& network);
    nvinfer1::ICudaEngine* deserialize(const void* plan, size_t size);

    Log& log = Log::process();
    Cuda cuda;
    ksn_info info{};

  private:
    void openDevice(int32_t device);
    void openLibrary(bool newer);

    Paths paths_;
    CUdevice device_ = 0;
    CUcontext context_ = nullptr;
    bool retained_ = false;
    void* (*makeBuilder_)(void* logger, int32_t version) = nullptr;
    void* (*makeParser_)(void* network, void* logger, int version) = nullptr;
    std::mutex mutex_;  // IRuntime and the first use of the parser's library are not for several threads
    std::unique_ptr<nvinfer1::IRuntime> runtime_;
};

}  // namespace ksn

struct ksn_lib {
    std::shared_ptr<ksn::Library> library;
};

struct ksn_blob {
    std::unique_ptr<nvinfer1::IHostMemory> memory;
};
