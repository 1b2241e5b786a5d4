// A loaded plan.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flavour.h"
#include "library.h"

namespace ksn {

class Engine {
  public:
    Engine(std::shared_ptr<Library> library, const void* plan, size_t size, const void* jit, size_t jit_size);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    std::unique_ptr<nvinfer1::IExecutionContext> createContext();
    // The kernels compiled so far; null where the library compiles none at run time.
    std::unique_ptr<nvinfer1::IHostMemory> jit() const;

    nvinfer1::ICudaEngine& native() const { return *engine_; }
    const std::shared_ptr<Library>& library() const { return library_; }

    // An input or output; constant after the constructor.
    struct Tensor {
        std::string name;
        bool input;
        nvinfer1::DataType type;
        nvinfer1::Dims dims;
    };
    const std::vector<Tensor>& tensors() const { return tensors_; }
    int32_t profiles() const { return profiles_; }

  private:
    std::shared_ptr<Library> library_;
    std::unique_ptr<nvinfer1::ICudaEngine> engine_;
#if KSN_RTX
    // Contexts share one configuration; creating one writes to it.
    std::mutex mutex_;
    std::unique_ptr<nvinfer1::IRuntimeConfig> config_;
    std::unique_ptr<nvinfer1::IRuntimeCache> cache_;
#endif
    std::vector<Tensor> tensors_;
    int32_t profiles_ = 0;
};

// Dims across the ABI. A rank that does not fit is an error of the model.
ksn_shape toShape(const nvinfer1::Dims& dims);
nvinfer1::Dims toDims(const ksn_shape& shape);

}  // namespace ksn

struct ksn_engine {
    std::shared_ptr<ksn::Engine> engine;
};
