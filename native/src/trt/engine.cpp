#include "engine.h"

#include "status.h"

namespace ksn {

namespace {

using nvinfer1::Dims;
using nvinfer1::TensorIOMode;

}  // namespace

ksn_shape toShape(const Dims& dims) {
    if (dims.nbDims < 0 || dims.nbDims > KSN_MAX_DIMS) {
        throw Failure(KSN_ESHAPE, "a tensor of " + std::to_string(dims.nbDims) + " dimensions");
    }
    ksn_shape shape{};
    shape.nd = dims.nbDims;
    for (int32_t i = 0; i < dims.nbDims; ++i) {
        shape.dims[i] = dims.d[i];
    }
    return shape;
}

Dims toDims(const ksn_shape& shape) {
    if (shape.nd < 0 || shape.nd > KSN_MAX_DIMS) {
        throw Failure(KSN_EARG, "a shape of " + std::to_string(shape.nd) + " dimensions");
    }
    Dims dims{};
    dims.nbDims = shape.nd;
    for (int32_t i = 0; i < shape.nd; ++i) {
        dims.d[i] = shape.dims[i];
    }
    return dims;
}

Engine::Engine(std::shared_ptr<Library> library, const void* plan, size_t size, [[maybe_unused]] const void* jit,
               [[maybe_unused]] size_t jit_size)
    : library_(std::move(library)) {
    const Library::Current current(*library_);
    engine_.reset(library_->deserialize(plan, size));
    const int32_t count = engine_->getNbIOTensors();
    for (int32_t i = 0; i < count; ++i) {
        const char* name = engine_->getIOTensorName(i);
        if (name == nullptr) {
            throw Failure(KSN_EPLAN, "a plan with a nameless tensor");
        }
        tensors_.push_back({name, engine_->getTensorIOMode(name) == TensorIOMode::kINPUT, engine_->getTensorDataType(name),
                            engine_->getTensorShape(name)});
        (void)toShape(tensors_.back().dims);
    }
    profiles_ = engine_->getNbOptimizationProfiles();
#if KSN_RTX
    const Log::Errors errors(library_->log);
    config_.reset(sane(engine_->createRuntimeConfig()));
    cache_.reset(config_ != nullptr ? sane(config_->createRuntimeCache()) : nullptr);
    if (cache_ == nullptr) {
        throw Failure(KSN_EMEM, "run-time cache: " + errors.text());
    }
    if (jit != nullptr && jit_size > 0) {
        // A cache of another driver or GPU is refused and the kernels are compiled anew: no error.
        (void)cache_->deserialize(jit, jit_size);
    }
    if (!config_->setRuntimeCache(*cache_)) {
        throw Failure(KSN_ERUN, "setRuntimeCache: " + errors.text());
    }
#endif
}

Engine::~Engine() {
    const Library::Current current = Library::Current::forRelease(*library_);
#if KSN_RTX
    cache_.reset();
    config_.reset();
#endif
    engine_.reset();
}

std::unique_ptr<nvinfer1::IExecutionContext> Engine::createContext() {
    const Log::Errors errors(library_->log);
#if KSN_RTX
    const std::lock_guard<std::mutex> guard(mutex_);
    std::unique_ptr<nvinfer1::IExecutionContext> context(sane(engine_->createExecutionContext(config_.get())));
#else
    std::unique_ptr<nvinfer1::IExecutionContext> context(sane(engine_->createExecutionContext()));
#endif
    if (context == nullptr) {
        throw Failure(KSN_EMEM, "execution context: " + errors.text());
    }
    return context;
}

std::unique_ptr<nvinfer1::IHostMemory> Engine::jit() const {
#if KSN_RTX
    const Log::Errors errors(library_->log);
    std::unique_ptr<nvinfer1::IHostMemory> memory(sane(cache_->serialize()));
    if (memory == nullptr) {
        throw Failure(KSN_ERUN, "run-time cache: " + errors.text());
    }
    return memory;
#else
    return nullptr;
#endif
}

}  // namespace ksn

using ksn::guarded;
using ksn::require;

extern "C" {

int32_t ksn_load(ksn_lib* lib, const void* plan, int64_t size, const void* jit, int64_t jit_size, ksn_engine** out, char* err,
                 int32_t cap) {
    return guarded(err, cap, [&] {
        require(lib != nullptr && out != nullptr && size >= 0 && jit_size >= 0, "ksn_load: bad argument");
        if (plan == nullptr || size == 0) {
            throw ksn::Failure(KSN_EPLAN, "the plan is empty");
        }
        *out = new ksn_engine{std::make_shared<ksn::Engine>(lib->library, plan, static_cast<size_t>(size), jit,
                                                            static_cast<size_t>(jit_size))};
    });
}

int32_t ksn_engine_jit(ksn_engine* engine, ksn_blob** out, char* err, int32_t cap) {
    return guarded(err, cap, [&] {
        require(engine != nullptr && out != nullptr, "ksn_engine_jit: bad argument");
        const ksn::Library::Current current(*engine->engine->library());
        auto memory = engine->engine->jit();
        *out = memory != nullptr ? new ksn_blob{std::move(memory)} : nullptr;
    });
}

int32_t ksn_engine_tensors(const ksn_engine* engine) {
    return engine != nullptr ? static_cast<int32_t>(engine->engine->tensors().size()) : 0;
}

int32_t ksn_engine_tensor(const ksn_engine* engine, int32_t index, ksn_tensor* out) {
    return guarded(nullptr, 0, [&] {
        require(out != nullptr && index >= 0 && index < ksn_engine_tensors(engine), "ksn_engine_tensor: bad argument");
        const auto& tensor = engine->engine->tensors()[static_cast<size_t>(index)];
        ksn_tensor filled{};
        require(tensor.name.size() < sizeof filled.name, "a tensor's name is too long");
        tensor.name.copy(static_cast<char*>(filled.name), tensor.name.size());
        filled.input = tensor.input ? 1 : 0;
        filled.dtype = static_cast<int32_t>(tensor.type);
        filled.shape = ksn::toShape(tensor.dims);
        *out = filled;
    });
}

int32_t ksn_engine_profiles(const ksn_engine* engine) { return engine != nullptr ? engine->engine->profiles() : 0; }

int32_t ksn_engine_range(const ksn_engine* engine, int32_t index, int32_t profile, ksn_shape* min, ksn_shape* opt,
                         ksn_shape* max) {
    return guarded(nullptr, 0, [&] {
        require(min != nullptr && opt != nullptr && max != nullptr && index >= 0 && index < ksn_engine_tensors(engine) &&
                    profile >= 0 && profile < ksn_engine_profiles(engine),
                "ksn_engine_range: bad argument");
        const auto& tensor = engine->engine->tensors()[static_cast<size_t>(index)];
        require(tensor.input, "only inputs have a range");
        const auto bound = [&](nvinfer1::OptProfileSelector which) {
            return ksn::toShape(engine->engine->native().getProfileShape(tensor.name.c_str(), profile, which));
        };
        *min = bound(nvinfer1::OptProfileSelector::kMIN);
        *opt = bound(nvinfer1::OptProfileSelector::kOPT);
        *max = bound(nvinfer1::OptProfileSelector::kMAX);
    });
}

void ksn_engine_free(ksn_engine* engine) { delete engine; }

}  // extern "C"
