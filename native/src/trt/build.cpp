// From an ONNX model to a plan.
#include <NvOnnxParser.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "engine.h"
#include "flavour.h"
#include "library.h"
#include "status.h"

namespace ksn {

namespace {

using nvinfer1::Dims;
using nvinfer1::IBuilder;
using nvinfer1::IBuilderConfig;
using nvinfer1::IHostMemory;
using nvinfer1::INetworkDefinition;
using nvinfer1::OptProfileSelector;

struct Built {
    std::unique_ptr<IHostMemory> plan, timing;
};

class Build {
  public:
    Build(Library& library, const ksn_build_options& options) : library_(library), options_(options), errors_(library.log) {}

    Built run(const void* onnx, size_t size);

  private:
    void parse(const void* onnx, size_t size);
    void configure();
    void addProfiles();
    const ksn_range& range(const char* input, const Dims& dims, int32_t profile) const;
    [[noreturn]] void fail(int32_t status, const std::string& what) const {
        throw Failure(status, what + ": " + errors_.text());
    }
    template <class T>
    T* made(T* object, const char* what) const {
        if (sane(object) == nullptr) {
            fail(KSN_EMEM, what);
        }
        return object;
    }

    Library& library_;
    const ksn_build_options& options_;
    const Log::Errors errors_;
    // In the order of creation: each must outlive those below it.
    std::unique_ptr<IBuilder> builder_;
    std::unique_ptr<INetworkDefinition> network_;
    std::unique_ptr<nvonnxparser::IParser> parser_;  // owns the weights that the network refers to
#if !KSN_RTX
    std::unique_ptr<nvinfer1::ITimingCache> timing_;
#endif
    std::unique_ptr<IBuilderConfig> config_;
};

Built Build::run(const void* onnx, size_t size) {
    builder_.reset(library_.createBuilder());
    uint32_t flags = 0;
#if !KSN_RTX && NV_TENSORRT_MAJOR == 10
    if (options_.fp16 == 0) {
        flags |= 1U << static_cast<uint32_t>(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
    }
#endif
    network_.reset(made(builder_->createNetworkV2(flags), "createNetwork"));
    parse(onnx, size);
    configure();
    addProfiles();
    Built built;
    built.plan.reset(sane(builder_->buildSerializedNetwork(*network_, *config_)));
    if (built.plan == nullptr || built.plan->size() == 0) {
        fail(KSN_EMODEL, "build");
    }
#if !KSN_RTX
    built.timing.reset(made(timing_->serialize(), "timing cache"));
#endif
    return built;
}

void Build::parse(const void* onnx, size_t size) {
    parser_.reset(static_cast<nvonnxparser::IParser*>(library_.createParser(*network_)));
    if (parser_->parse(onnx, size)) {
        return;
    }
    std::string text = "ONNX: ";
    const auto* first = parser_->getNbErrors() > 0 ? parser_->getError(0) : nullptr;
    if (first == nullptr || first->desc() == nullptr) {
        fail(KSN_EMODEL, "ONNX");
    }
    text += first->desc();
    if (first->nodeOperator() != nullptr && *first->nodeOperator() != '\0') {
        text += std::string(" (operator ") + first->nodeOperator() + ")";
    }
    throw Failure(KSN_EMODEL, text);
}

void Build::configure() {
    config_.reset(made(builder_->createBuilderConfig(), "createBuilderConfig"));
    if (options_.workspace > 0) {
        config_->setMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE, static_cast<size_t>(options_.workspace));
    }
    if (options_.level >= 0) {
        config_->setBuilderOptimizationLevel(options_.level);
    }
    if (options_.fp16 != 0) {
#if !KSN_RTX && NV_TENSORRT_MAJOR == 10
        config_->setFlag(nvinfer1::BuilderFlag::kFP16);
#else
        throw Failure(KSN_EARG, "this TensorRT takes precisions from the model: give it one in float16");
#endif
    }
#if KSN_RTX
    if (options_.cc > 0) {
        const bool set = config_->setNbComputeCapabilities(1) &&
                         config_->setComputeCapability(static_cast<nvinfer1::ComputeCapability>(options_.cc), 0);
        if (!set) {
            fail(KSN_EDEVICE, "compute capability " + std::to_string(options_.cc / 10) + '.' + std::to_string(options_.cc % 10));
        }
    }
#endif
#if !KSN_RTX  // TensorRT-RTX chooses kernels at run time and has no use for one
    const auto size = static_cast<size_t>(options_.timing_size);
    timing_.reset(sane(config_->createTimingCache(options_.timing, size)));
    if (timing_ == nullptr && size > 0) {
        timing_.reset(sane(config_->createTimingCache(nullptr, 0)));  // a damaged one only costs time
    }
    if (timing_ == nullptr || !config_->setTimingCache(*timing_, false)) {
        fail(KSN_EMEM, "timing cache");
    }
#endif
}

const ksn_range& Build::range(const char* input, const Dims& dims, int32_t profile) const {
    for (int32_t i = 0; i < options_.range_count; ++i) {
        const ksn_range& r = options_.ranges[i];
        if (r.profile == profile && std::strcmp(r.input, input) == 0) {
            if (r.min.nd != dims.nbDims || r.opt.nd != dims.nbDims || r.max.nd != dims.nbDims) {
                break;
            }
            return r;
        }
    }
    throw Failure(KSN_ESHAPE, std::string("input ") + input + " has " + std::to_string(dims.nbDims) +
                                  " dimensions, some free: profile " + std::to_string(profile) + " must give their range");
}

void Build::addProfiles() {
    struct Free {
        const char* name;
        Dims dims;
    };
    std::vector<Free> inputs;
    for (int32_t i = 0; i < network_->getNbInputs(); ++i) {
        auto* input = network_->getInput(i);
        const Dims dims = input->getDimensions();
        for (int32_t k = 0; k < dims.nbDims; ++k) {
            if (dims.d[k] < 0) {
                inputs.push_back({input->getName(), dims});
                break;
            }
        }
    }
    if (inputs.empty()) {
        return;
    }
    for (int32_t p = 0; p < std::max(1, options_.profile_count); ++p) {
        auto* profile = made(builder_->createOptimizationProfile(), "createOptimizationProfile");  // the builder's own
        for (const Free& input : inputs) {
            const ksn_range& r = range(input.name, input.dims, p);
            if (!profile->setDimensions(input.name, OptProfileSelector::kMIN, toDims(r.min)) ||
                !profile->setDimensions(input.name, OptProfileSelector::kOPT, toDims(r.opt)) ||
                !profile->setDimensions(input.name, OptProfileSelector::kMAX, toDims(r.max))) {
                fail(KSN_ESHAPE, std::string("range of input ") + input.name);
            }
        }
        if (config_->addOptimizationProfile(profile) < 0) {
            fail(KSN_ESHAPE, "optimisation profile " + std::to_string(p));
        }
    }
}

}  // namespace

}  // namespace ksn

using ksn::guarded;
using ksn::require;

extern "C" {

int32_t ksn_build(ksn_lib* lib, const void* onnx, int64_t size, const ksn_build_options* options, ksn_blob** plan,
                  ksn_blob** timing, char* err, int32_t cap) {
    return guarded(err, cap, [&] {
        require(lib != nullptr && options != nullptr && plan != nullptr && size >= 0 && options->timing_size >= 0 &&
                    (options->ranges != nullptr || options->range_count == 0),
                "ksn_build: bad argument");
        if (onnx == nullptr || size == 0) {
            throw ksn::Failure(KSN_EMODEL, "ONNX: empty");
        }
        const ksn::Library::Current current(*lib->library);
        ksn::Built built = ksn::Build(*lib->library, *options).run(onnx, static_cast<size_t>(size));
        auto planBlob = std::make_unique<ksn_blob>(ksn_blob{std::move(built.plan)});
        if (timing != nullptr) {
            *timing = built.timing != nullptr ? new ksn_blob{std::move(built.timing)} : nullptr;
        }
        *plan = planBlob.release();
    });
}

}  // extern "C"
