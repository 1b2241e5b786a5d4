// Test double of libnvinfer: runtime, engine, execution context.
//
// Environment: FAKE_TRT_VERSION (what getInferLibVersion says), FAKE_TRT_NO_RUNTIME (createInferRuntime answers 0x228, as
// TensorRT 11.4 does where CUDA does not work), FAKE_TRT_STRAY (errors come on a thread of the library's own).
#include <cstdlib>
#include <mutex>
#include <thread>

#include "objects.h"

namespace fake {

namespace {

using nvinfer1::Dims;
using nvinfer1::ICudaEngine;
using nvinfer1::IExecutionContext;
using nvinfer1::OptProfileSelector;
using Severity = nvinfer1::ILogger::Severity;

std::mutex loggerMutex;
nvinfer1::ILogger* logger = nullptr;

class Engine;

class Context final : public IExecutionContext {
  public:
    explicit Context(Engine& engine);

  private:
    friend struct ContextCalls;
    size_t index(const char* name) const;
    Counted counted_;
    Engine& engine_;
    int32_t profile_ = 0;
    std::vector<Dims> dims_;
    std::vector<void*> addresses_;
    Table table_;
};

class Engine final : public ICudaEngine {
  public:
    Engine(Plan plan, std::shared_ptr<Network> network);

    Counted counted;
    Plan plan;
    std::shared_ptr<Network> network;

  private:
    Table table_;
};

// The functions that stand in the context's table.
struct ContextCalls {
    static bool setProfile(Table* t, int32_t profile, cudaStream_t) {
        auto& self = t->self<Context>();
        if (failed("setOptimizationProfileAsync")) {
            return false;
        }
        if (profile < 0 || static_cast<size_t>(profile) >= self.engine_.plan.profiles.size()) {
            say(Severity::kERROR, "setOptimizationProfileAsync: no such profile");
            return false;
        }
        self.profile_ = profile;
        for (size_t i = 0; i < self.dims_.size(); ++i) {
            self.dims_[i] = self.engine_.network->tensors()[i].dims;
        }
        return true;
    }

    static bool setInputShape(Table* t, const char* name, const Dims& dims) {
        auto& self = t->self<Context>();
        if (failed("setInputShape")) {
            return false;
        }
        const size_t i = self.index(name);
        const Tensor& tensor = self.engine_.network->tensors()[i];
        bool fits = tensor.input && dims.nbDims == tensor.dims.nbDims;
        for (int32_t k = 0; fits && k < dims.nbDims; ++k) {
            fits = tensor.dims.d[k] < 0 || tensor.dims.d[k] == dims.d[k];
        }
        const auto& profiles = self.engine_.plan.profiles;
        if (fits && !profiles.empty()) {
            const auto& profile = profiles[static_cast<size_t>(self.profile_)];
            const auto range = profile.find(name);
            for (int32_t k = 0; range != profile.end() && k < dims.nbDims; ++k) {
                fits = fits && dims.d[k] >= range->second.min.d[k] && dims.d[k] <= range->second.max.d[k];
            }
        }
        if (!fits) {
            say(Severity::kERROR, "setInputShape: dimensions outside the optimization profile");
            return false;
        }
        self.dims_[i] = dims;
        return true;
    }

    static Dims getTensorShape(Table* t, const char* name) {
        auto& self = t->self<Context>();
        std::vector<Dims> dims = self.dims_;
        if (failed("getTensorShape") || !self.engine_.network->infer(dims)) {
            Dims unknown{};
            unknown.nbDims = -1;
            return unknown;
        }
        return dims[self.index(name)];
    }

    static bool setTensorAddress(Table* t, const char* name, void* address) {
        auto& self = t->self<Context>();
        if (failed("setTensorAddress")) {
            return false;
        }
        self.addresses_[self.index(name)] = address;
        return address != nullptr;
    }

    static bool enqueue(Table* t, cudaStream_t) {
        auto& self = t->self<Context>();
        if (failed("enqueueV3")) {
            return false;
        }
        std::vector<Dims> dims = self.dims_;
        return self.engine_.network->infer(dims) && self.engine_.network->compute(dims, self.addresses_);
    }
};

Context::Context(Engine& engine) : engine_(engine), addresses_(engine.network->tensors().size()), table_(this) {
    using V = nvinfer1::apiv::VExecutionContext;
    for (const Tensor& tensor : engine.network->tensors()) {
        dims_.push_back(tensor.dims);
    }
    mImpl = reinterpret_cast<V*>(&table_);
    table_.set(&V::setOptimizationProfileAsync, ContextCalls::setProfile);
    table_.set(&V::setInputShape, ContextCalls::setInputShape);
    table_.set(&V::getTensorShape, ContextCalls::getTensorShape);
    table_.set(&V::setTensorAddress, ContextCalls::setTensorAddress);
    table_.set(&V::enqueueV3, ContextCalls::enqueue);
}

size_t Context::index(const char* name) const {
    const auto& tensors = engine_.network->tensors();
    for (size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i].name == name) {
            return i;
        }
    }
    outsideContract();
}

const Tensor& tensorOf(Table* t, const char* name) {
    for (const Tensor& tensor : t->self<Engine>().network->tensors()) {
        if (tensor.name == name) {
            return tensor;
        }
    }
    outsideContract();
}

Dims profileShape(Table* t, const char* name, int32_t profile, OptProfileSelector which) {
    const auto& profiles = t->self<Engine>().plan.profiles;
    const Tensor& tensor = tensorOf(t, name);
    if (static_cast<size_t>(profile) >= profiles.size()) {
        return tensor.dims;
    }
    const auto range = profiles[static_cast<size_t>(profile)].find(name);
    if (range == profiles[static_cast<size_t>(profile)].end()) {
        return tensor.dims;
    }
    return which == OptProfileSelector::kMIN   ? range->second.min
           : which == OptProfileSelector::kOPT ? range->second.opt
                                               : range->second.max;
}

#if KSN_RTX
class JitCache final : public nvinfer1::IRuntimeCache {
  public:
    JitCache() : table_(this) {
        using V = nvinfer1::apiv::VRuntimeCache;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(&V::serialize, +[](Table* t) -> nvinfer1::IHostMemory* {
            return failed("IRuntimeCache::serialize") ? nullptr : new Memory(t->self<JitCache>().kernels_);
        });
        table_.set(&V::deserialize, +[](Table* t, const void* bytes, size_t size) -> bool {
            const std::string kernels(static_cast<const char*>(bytes), size);
            if (kernels.rfind("FAKEJIT", 0) != 0) {
                return false;
            }
            t->self<JitCache>().kernels_ = kernels + "+";  // shows that it was taken
            return true;
        });
    }

  private:
    Counted counted_;
    std::string kernels_ = "FAKEJIT";
    Table table_;
};

class RuntimeConfig final : public nvinfer1::IRuntimeConfig {
  public:
    RuntimeConfig() : table_(this) {
        using V = nvinfer1::apiv::VRuntimeConfig;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(&V::createRuntimeCache, +[](Table*) -> nvinfer1::IRuntimeCache* {
            return failed("createRuntimeCache") ? nullptr : new JitCache;
        });
        table_.set(&V::setRuntimeCache, +[](Table*, const nvinfer1::IRuntimeCache&) -> bool { return !failed("setRuntimeCache"); });
    }

  private:
    Counted counted_;
    Table table_;
};
#endif

Engine::Engine(Plan p, std::shared_ptr<Network> n) : plan(std::move(p)), network(std::move(n)), table_(this) {
    using V = nvinfer1::apiv::VCudaEngine;
    using nvinfer1::TensorIOMode;
    mImpl = reinterpret_cast<V*>(&table_);
    table_.set(&V::getNbIOTensors,
               +[](Table* t) -> int32_t { return static_cast<int32_t>(t->self<Engine>().network->tensors().size()); });
    table_.set(&V::getIOTensorName, +[](Table* t, int32_t i) -> const char* {
        return failed("getIOTensorName") ? nullptr : t->self<Engine>().network->tensors().at(static_cast<size_t>(i)).name.c_str();
    });
    table_.set(&V::getTensorIOMode, +[](Table* t, const char* name) -> TensorIOMode {
        return tensorOf(t, name).input ? TensorIOMode::kINPUT : TensorIOMode::kOUTPUT;
    });
    table_.set(&V::getTensorDataType,
               +[](Table*, const char*) -> nvinfer1::DataType { return nvinfer1::DataType::kFLOAT; });
    table_.set(&V::getTensorShape, +[](Table* t, const char* name) -> Dims { return tensorOf(t, name).dims; });
    table_.set(&V::getNbOptimizationProfiles,
               +[](Table* t) -> int32_t { return static_cast<int32_t>(std::max<size_t>(1, t->self<Engine>().plan.profiles.size())); });
    table_.set(&V::getProfileShape, profileShape);
#if KSN_RTX
    table_.set(&V::createRuntimeConfig, +[](Table*) -> nvinfer1::IRuntimeConfig* {
        return failed("createRuntimeConfig") ? nullptr : new RuntimeConfig;
    });
    table_.set(&V::createExecutionContextWithRuntimeConfig, +[](Table* t, nvinfer1::IRuntimeConfig* config) -> IExecutionContext* {
        return failed("createExecutionContext") || config == nullptr ? nullptr : new Context(t->self<Engine>());
    });
#else
    table_.set(&V::createExecutionContext, +[](Table* t, nvinfer1::ExecutionContextAllocationStrategy) -> IExecutionContext* {
        return failed("createExecutionContext") ? nullptr : new Context(t->self<Engine>());
    });
#endif
}

ICudaEngine* deserialize(Table*, const void* bytes, size_t size) {
    if (failed("deserializeCudaEngine")) {
        return nullptr;
    }
    Plan plan;
    if (!Plan::read(std::string(static_cast<const char*>(bytes), size), plan)) {
        say(Severity::kERROR, "deserializeCudaEngine: magic tag does not match");
        return nullptr;
    }
    if (plan.version != environment("FAKE_TRT_VERSION", NV_TENSORRT_VERSION)) {
        say(Severity::kERROR, "deserializeCudaEngine: the engine plan file is not compatible with this version of TensorRT");
        return nullptr;
    }
    if (plan.cc != presentGPU()) {
        say(Severity::kERROR, "deserializeCudaEngine: the engine plan was generated on an incompatible device");
        return nullptr;
    }
    std::string why;
    auto network = makeNetwork(plan.onnx, why);
    if (network == nullptr) {
        say(Severity::kERROR, why.c_str());
        return nullptr;
    }
    return new Engine(std::move(plan), std::move(network));
}

class Runtime final : public nvinfer1::IRuntime {
  public:
    Runtime() : table_(this) {
        using V = nvinfer1::apiv::VRuntime;
        using Deserialize = ICudaEngine* (V::*)(const void*, std::size_t) noexcept;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(static_cast<Deserialize>(&V::deserializeCudaEngine), deserialize);
    }

  private:
    Counted counted_;
    Table table_;
};

}  // namespace

void setLogger(void* l) {
    const std::lock_guard<std::mutex> guard(loggerMutex);
    logger = static_cast<nvinfer1::ILogger*>(l);
}

void say(Severity severity, const char* text) {
    const std::lock_guard<std::mutex> guard(loggerMutex);
    if (environment("FAKE_TRT_STRAY", 0) != 0) {
        std::thread([&] { logger->log(severity, text); }).join();
        return;
    }
    logger->log(severity, text);
}

int32_t environment(const char* name, int32_t otherwise) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? static_cast<int32_t>(std::strtol(value, nullptr, 10)) : otherwise;
}

}  // namespace fake

KSN_DOUBLE_EXPORTS(fake_trt)

KSN_DOUBLE_API int32_t getInferLibVersion() noexcept { return fake::environment("FAKE_TRT_VERSION", NV_TENSORRT_VERSION); }

KSN_DOUBLE_API void* createInferRuntime_INTERNAL(void* logger, int32_t) noexcept {
    fake::setLogger(logger);
    if (fake::failed("createInferRuntime")) {
        return nullptr;
    }
    if (fake::environment("FAKE_TRT_NO_RUNTIME", 0) != 0) {
        fake::say(nvinfer1::ILogger::Severity::kERROR, "CUDA initialization failure with error: 35");
        constexpr uintptr_t kAsSeen = 0x228;
        return reinterpret_cast<void*>(kAsSeen);
    }
    fake::say(nvinfer1::ILogger::Severity::kWARNING, "this is a test double");
    return static_cast<nvinfer1::IRuntime*>(new fake::Runtime);
}
