// Test double of libnvinfer and libnvonnxparser: parser, network, configuration, builder.
#include <NvOnnxParser.h>

#include "objects.h"

namespace fake {

namespace {

using nvinfer1::Dims;
using nvinfer1::OptProfileSelector;
using Severity = nvinfer1::ILogger::Severity;

class Input final : public nvinfer1::ITensor {
  public:
    explicit Input(const Tensor& tensor) : tensor_(tensor), table_(this) {
        using V = nvinfer1::apiv::VTensor;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(&V::getName, +[](Table* t) -> const char* { return t->self<Input>().tensor_.name.c_str(); });
        table_.set(&V::getDimensions, +[](Table* t) -> Dims { return t->self<Input>().tensor_.dims; });
    }

  private:
    const Tensor& tensor_;
    Table table_;
};

class Definition final : public nvinfer1::INetworkDefinition {
  public:
    Definition() : table_(this) {
        using V = nvinfer1::apiv::VNetworkDefinition;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(&V::getNbInputs, +[](Table* t) -> int32_t { return static_cast<int32_t>(t->self<Definition>().inputs_.size()); });
        table_.set(&V::getInput, +[](Table* t, int32_t i) -> nvinfer1::ITensor* {
            return t->self<Definition>().inputs_.at(static_cast<size_t>(i)).get();
        });
    }

    void take(std::string onnx, std::shared_ptr<Network> network) {
        onnx_ = std::move(onnx);
        network_ = std::move(network);
        for (const Tensor& tensor : network_->tensors()) {
            if (tensor.input) {
                inputs_.push_back(std::make_unique<Input>(tensor));
            }
        }
    }
    const std::string& onnx() const { return onnx_; }

  private:
    Counted counted_;
    std::string onnx_;
    std::shared_ptr<Network> network_;
    std::vector<std::unique_ptr<Input>> inputs_;
    Table table_;
};

class Profile final : public nvinfer1::IOptimizationProfile {
  public:
    Profile() : table_(this) {
        using V = nvinfer1::apiv::VOptimizationProfile;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(&V::setDimensions, +[](Table* t, const char* name, OptProfileSelector which, const Dims& dims) -> bool {
            if (failed("setDimensions")) {
                return false;
            }
            Range& range = t->self<Profile>().ranges[name];
            (which == OptProfileSelector::kMIN ? range.min : which == OptProfileSelector::kOPT ? range.opt : range.max) = dims;
            return true;
        });
    }

    std::map<std::string, Range> ranges;

  private:
    Counted counted_;
    Table table_;
};

#if !KSN_RTX
class TimingCache final : public nvinfer1::ITimingCache {
  public:
    explicit TimingCache(std::string bytes) : bytes_(std::move(bytes)), table_(this) {
        using V = nvinfer1::apiv::VTimingCache;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(&V::serialize, +[](Table* t) -> nvinfer1::IHostMemory* {
            return failed("ITimingCache::serialize") ? nullptr : new Memory(t->self<TimingCache>().bytes_);
        });
    }

  private:
    Counted counted_;
    std::string bytes_;
    Table table_;
};

nvinfer1::ITimingCache* makeTimingCache(Table*, const void* bytes, size_t size) {
    if (failed("createTimingCache")) {
        return nullptr;
    }
    std::string cache = "FAKETIMING";
    if (size > 0) {
        cache.assign(static_cast<const char*>(bytes), size);
        if (cache.rfind("FAKETIMING", 0) != 0) {
            say(Severity::kERROR, "createTimingCache: damaged");
            return nullptr;
        }
        cache += "+";  // shows that it was taken
    }
    return new TimingCache(cache);
}
#endif

class Config final : public nvinfer1::IBuilderConfig {
  public:
    Config() : table_(this) {
        using V = nvinfer1::apiv::VBuilderConfig;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(&V::setMemoryPoolLimit, +[](Table*, nvinfer1::MemoryPoolType, size_t) {});
        table_.set(&V::setBuilderOptimizationLevel, +[](Table*, int32_t) {});
        table_.set(&V::addOptimizationProfile, +[](Table* t, const nvinfer1::IOptimizationProfile* profile) -> int32_t {
            auto& self = t->self<Config>();
            if (failed("addOptimizationProfile")) {
                return -1;
            }
            self.profiles.push_back(static_cast<const Profile*>(profile)->ranges);
            return static_cast<int32_t>(self.profiles.size()) - 1;
        });
#if KSN_RTX
        table_.set(&V::setNbComputeCapabilities, +[](Table*, int32_t) -> bool { return !failed("setNbComputeCapabilities"); });
        table_.set(&V::setComputeCapability, +[](Table* t, nvinfer1::ComputeCapability wanted, int32_t) -> bool {
            t->self<Config>().cc = static_cast<int32_t>(wanted);
            return !failed("setComputeCapability");
        });
#else
        table_.set(&V::createTimingCache, makeTimingCache);
        table_.set(&V::setTimingCache,
                   +[](Table*, const nvinfer1::ITimingCache&, bool) -> bool { return !failed("setTimingCache"); });
#if NV_TENSORRT_MAJOR == 10
        table_.set(&V::setFlag, +[](Table* t, nvinfer1::BuilderFlag) { t->self<Config>().fp16 = 1; });
#endif
#endif
    }

    std::vector<std::map<std::string, Range>> profiles;
    int32_t cc = 0;
    int32_t fp16 = 0;

  private:
    Counted counted_;
    Table table_;
};

class Builder final : public nvinfer1::IBuilder {
  public:
    Builder() : table_(this) {
        using V = nvinfer1::apiv::VBuilder;
        mImpl = reinterpret_cast<V*>(&table_);
        table_.set(&V::createNetworkV2, +[](Table*, nvinfer1::NetworkDefinitionCreationFlags) -> nvinfer1::INetworkDefinition* {
            return failed("createNetwork") ? nullptr : new Definition;
        });
        table_.set(&V::createBuilderConfig, +[](Table*) -> nvinfer1::IBuilderConfig* {
            return failed("createBuilderConfig") ? nullptr : new Config;
        });
        table_.set(&V::createOptimizationProfile, +[](Table* t) -> nvinfer1::IOptimizationProfile* {
            if (failed("createOptimizationProfile")) {
                return nullptr;
            }
            auto& owned = t->self<Builder>().profiles_;
            owned.push_back(std::make_unique<Profile>());
            return owned.back().get();
        });
        table_.set(&V::buildSerializedNetwork, build);
    }

  private:
    static nvinfer1::IHostMemory* build(Table*, nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config) {
        if (failed("buildSerializedNetwork")) {
            return nullptr;
        }
        const auto& settings = static_cast<const Config&>(config);
        for (const auto& profile : settings.profiles) {
            for (const auto& [name, range] : profile) {
                for (int32_t k = 0; k < range.min.nbDims; ++k) {
                    if (range.min.d[k] > range.opt.d[k] || range.opt.d[k] > range.max.d[k] || range.min.d[k] < 1) {
                        say(Severity::kERROR, ("the optimization profile of " + name + " is not ordered").c_str());
                        return nullptr;
                    }
                }
            }
        }
        Plan plan;
        plan.version = environment("FAKE_TRT_VERSION", NV_TENSORRT_VERSION);
        plan.cc = settings.cc != 0 ? settings.cc : presentGPU();
        plan.fp16 = settings.fp16;
        plan.profiles = settings.profiles;
        plan.onnx = static_cast<const Definition&>(network).onnx();
        return new Memory(plan.write());
    }

    Counted counted_;
    std::vector<std::unique_ptr<Profile>> profiles_;
    Table table_;
};

class ParserError final : public nvonnxparser::IParserError {
  public:
    explicit ParserError(std::string text) : text_(std::move(text)) {}
    nvonnxparser::ErrorCode code() const override { return nvonnxparser::ErrorCode::kMODEL_DESERIALIZE_FAILED; }
    char const* desc() const override { return text_.c_str(); }
    char const* file() const override { return ""; }
    int line() const override { return 0; }
    char const* func() const override { return ""; }
    int node() const override { return -1; }
    char const* nodeName() const override { return ""; }
    char const* nodeOperator() const override { return ""; }
    char const* const* localFunctionStack() const override { return nullptr; }
    int32_t localFunctionStackSize() const override { return 0; }

  private:
    std::string text_;
};

// The parser's interface is made of plain virtual functions: the compiler keeps the double in step with the header.
class Parser final : public nvonnxparser::IParser {
  public:
    explicit Parser(Definition& network) : network_(network) {}

    bool parse(void const* bytes, size_t size, const char*) noexcept override {
        std::string why = "injected failure";
        if (!faults::fails("parse")) {
            const std::string onnx(static_cast<const char*>(bytes), size);
            if (auto network = makeNetwork(onnx, why); network != nullptr) {
                network_.take(onnx, std::move(network));
                return true;
            }
        }
        errors_.emplace_back("failed to parse the ONNX model: " + why);
        return false;
    }
    int getNbErrors() const noexcept override { return static_cast<int>(errors_.size()); }
    nvonnxparser::IParserError const* getError(int i) const noexcept override { return &errors_.at(static_cast<size_t>(i)); }

    bool parseFromFile(char const*, int) noexcept override { outsideContract(); }
    bool supportsOperator(const char*) const noexcept override { outsideContract(); }
    void clearErrors() noexcept override { outsideContract(); }
    char const* const* getUsedVCPluginLibraries(int64_t&) const noexcept override { outsideContract(); }
    void setFlags(nvonnxparser::OnnxParserFlags) noexcept override { outsideContract(); }
    nvonnxparser::OnnxParserFlags getFlags() const noexcept override { outsideContract(); }
    void clearFlag(nvonnxparser::OnnxParserFlag) noexcept override { outsideContract(); }
    void setFlag(nvonnxparser::OnnxParserFlag) noexcept override { outsideContract(); }
    bool getFlag(nvonnxparser::OnnxParserFlag) const noexcept override { outsideContract(); }
    nvinfer1::ITensor const* getLayerOutputTensor(char const*, int64_t) noexcept override { outsideContract(); }
    bool supportsModelV2(void const*, size_t, char const*) noexcept override { outsideContract(); }
    int64_t getNbSubgraphs() noexcept override { outsideContract(); }
    bool isSubgraphSupported(int64_t const) noexcept override { outsideContract(); }
    int64_t* getSubgraphNodes(int64_t const, int64_t&) noexcept override { outsideContract(); }
    bool loadModelProto(void const*, size_t, char const*) noexcept override { outsideContract(); }
    bool loadInitializer(char const*, void const*, size_t) noexcept override { outsideContract(); }
    bool parseModelProto() noexcept override { outsideContract(); }
    bool setBuilderConfig(const nvinfer1::IBuilderConfig* const) noexcept override { outsideContract(); }
// TensorRT-RTX 1.6 has parser 0.2 as well, but not this function of it.
#if NV_ONNX_PARSER_MINOR >= 2 && !(KSN_RTX && NV_TENSORRT_MINOR < 7)
    void setRefitObserver(nvonnxparser::IRefitterObserver*) noexcept override { outsideContract(); }
#endif

  private:
    Counted counted_;
    Definition& network_;
    std::vector<ParserError> errors_;
};

}  // namespace

}  // namespace fake

KSN_DOUBLE_API void* createInferBuilder_INTERNAL(void* logger, int32_t) noexcept {
    fake::setLogger(logger);
    if (fake::failed("createInferBuilder")) {
        return nullptr;
    }
    return static_cast<nvinfer1::IBuilder*>(new fake::Builder);
}

// The one library plays both: the test names it as library and as parser.
KSN_DOUBLE_API void* createNvOnnxParser_INTERNAL(void* network, void*, int) noexcept {
    if (fake::failed("createNvOnnxParser")) {
        return nullptr;
    }
    auto& definition = static_cast<fake::Definition&>(*static_cast<nvinfer1::INetworkDefinition*>(network));
    return static_cast<nvonnxparser::IParser*>(new fake::Parser(definition));
}
