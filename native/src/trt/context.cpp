// One inference: an execution context, its stream, pinned memory and its counterpart on the GPU.
#include <algorithm>
#include <optional>
#include <vector>

#include "engine.h"
#include "status.h"

namespace ksn {

namespace {

using nvinfer1::DataType;
using nvinfer1::Dims;

int64_t elementBytes(DataType type) {
    switch (type) {
        case DataType::kINT64:
            return 8;
        case DataType::kFLOAT:
        case DataType::kINT32:
            return 4;
        case DataType::kHALF:
        case DataType::kBF16:
            return 2;
        case DataType::kINT8:
        case DataType::kUINT8:
        case DataType::kBOOL:
            return 1;
        default:
            throw Failure(KSN_EPLAN, "a tensor of element type " + std::to_string(static_cast<int32_t>(type)));
    }
}

int64_t tensorBytes(const Engine::Tensor& tensor, const Dims& dims) {
    int64_t bytes = elementBytes(tensor.type);
    for (int32_t i = 0; i < dims.nbDims; ++i) {
        if (dims.d[i] < 0 || __builtin_mul_overflow(bytes, dims.d[i], &bytes)) {
            throw Failure(KSN_ESHAPE, "dimension " + std::to_string(i) + " of " + tensor.name + " is " + std::to_string(dims.d[i]));
        }
    }
    return bytes;
}

// Pinned memory and device memory of one size.
class Pair {
  public:
    Pair() = default;
    Pair(const Cuda& cuda, int64_t bytes) : cuda_(&cuda), bytes_(bytes) {}
    Pair(Pair&& other) noexcept { swap(other); }
    Pair& operator=(Pair&& other) noexcept {
        swap(other);
        return *this;
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    // A context must be current; nothing can be done about a failure.
    ~Pair() {
        if (device != 0) {
            cuda_->free(device);
        }
        if (host != nullptr) {
            cuda_->hostFree(host);
        }
    }
    int64_t bytes() const { return bytes_; }

    void* host = nullptr;
    CUdeviceptr device = 0;

  private:
    void swap(Pair& other) noexcept {
        std::swap(cuda_, other.cuda_);
        std::swap(bytes_, other.bytes_);
        std::swap(host, other.host);
        std::swap(device, other.device);
    }
    const Cuda* cuda_ = nullptr;
    int64_t bytes_ = 0;
};

}  // namespace

class Context {
  public:
    explicit Context(std::shared_ptr<Engine> engine);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    void reshape(int32_t profile, const ksn_shape* shapes);
    void run();
    void runOn(const uint64_t* addresses, CUstream stream);
    ksn_buffer buffer(size_t index) const;
    size_t size() const { return buffers_.size(); }

  private:
    struct Settled {
        int32_t profile;
        std::vector<Dims> dims;
        std::vector<int64_t> bytes;
    };
    void apply(int32_t profile, const std::vector<Dims>& dims);
    Settled settle(int32_t profile, const ksn_shape* shapes);
    std::vector<Pair> grow(const Settled& next);
    void address(size_t index, CUdeviceptr device);
    void enqueue(CUstream stream);

    std::shared_ptr<Engine> engine_;
    Library& library_;
    std::unique_ptr<nvinfer1::IExecutionContext> context_;
    CUstream stream_ = nullptr;
    std::vector<Pair> buffers_;
    std::optional<Settled> now_;  // empty until the first reshape, and after one that could not be undone
    int32_t profile_ = 0;
};

Context::Context(std::shared_ptr<Engine> engine)
    : engine_(std::move(engine)), library_(*engine_->library()), buffers_(engine_->tensors().size()) {
    const Library::Current current(library_);
    constexpr unsigned kNonBlocking = 1;  // does not wait for the legacy default stream, which a host program may use
    library_.check(library_.cuda.streamCreate(&stream_, kNonBlocking), "cuStreamCreate");
    try {
        context_ = engine_->createContext();
    } catch (...) {
        library_.cuda.streamDestroy(stream_);
        throw;
    }
}

Context::~Context() {
    const Library::Current current = Library::Current::forRelease(library_);
    library_.cuda.streamSync(stream_);  // work of an earlier failed run may still use the buffers
    context_.reset();
    buffers_.clear();
    library_.cuda.streamDestroy(stream_);
}

// Tells TensorRT profile and input shapes.
void Context::apply(int32_t profile, const std::vector<Dims>& dims) {
    const Log::Errors errors(library_.log);
    if (profile != profile_) {
        if (!context_->setOptimizationProfileAsync(profile, stream_)) {
            throw Failure(KSN_ESHAPE, "profile " + std::to_string(profile) + ": " + errors.text());
        }
        profile_ = profile;
        library_.check(library_.cuda.streamSync(stream_), "cuStreamSynchronize");
    }
    for (size_t i = 0; i < dims.size(); ++i) {
        const auto& tensor = engine_->tensors()[i];
        if (tensor.input && !context_->setInputShape(tensor.name.c_str(), dims[i])) {
            throw Failure(KSN_ESHAPE, "shape of " + tensor.name + ": " + errors.text());
        }
    }
}

Context::Settled Context::settle(int32_t profile, const ksn_shape* shapes) {
    const auto& tensors = engine_->tensors();
    Settled next{profile, {}, {}};
    for (size_t i = 0; i < tensors.size(); ++i) {
        next.dims.push_back(tensors[i].input ? toDims(shapes[i]) : tensors[i].dims);
    }
    apply(profile, next.dims);
    for (size_t i = 0; i < tensors.size(); ++i) {
        const Log::Errors errors(library_.log);
        next.dims[i] = context_->getTensorShape(tensors[i].name.c_str());
        if (next.dims[i].nbDims < 0) {  // the inputs contradict each other
            throw Failure(KSN_ESHAPE, "shape of " + tensors[i].name + ": " + errors.text());
        }
        (void)toShape(next.dims[i]);
        next.bytes.push_back(tensorBytes(tensors[i], next.dims[i]));
    }
    return next;
}

// New memory for the tensors that need more than they have; an empty Pair for the others.
std::vector<Pair> Context::grow(const Settled& next) {
    std::vector<Pair> grown(buffers_.size());
    for (size_t i = 0; i < buffers_.size(); ++i) {
        if (next.bytes[i] <= buffers_[i].bytes()) {
            continue;
        }
        const std::string what = std::to_string(next.bytes[i]) + " bytes for " + engine_->tensors()[i].name;
        Pair pair(library_.cuda, next.bytes[i]);
        const auto bytes = static_cast<size_t>(next.bytes[i]);
        library_.check(library_.cuda.alloc(&pair.device, bytes), what + " on the GPU");
        library_.check(library_.cuda.hostAlloc(&pair.host, bytes, 0), what + ", pinned");
        grown[i] = std::move(pair);
    }
    return grown;
}

void Context::address(size_t index, CUdeviceptr device) {
    const Log::Errors errors(library_.log);
    const char* name = engine_->tensors()[index].name.c_str();
    if (!context_->setTensorAddress(name, reinterpret_cast<void*>(device))) {
        throw Failure(KSN_ERUN, std::string("setTensorAddress ") + name + ": " + errors.text());
    }
}

void Context::reshape(int32_t profile, const ksn_shape* shapes) {
    const Library::Current current(library_);
    require(profile >= 0 && profile < std::max(1, engine_->profiles()), "no such profile");
    const auto before = std::move(now_);
    now_.reset();
    try {
        Settled next = settle(profile, shapes);
        std::vector<Pair> grown = grow(next);
        for (size_t i = 0; i < buffers_.size(); ++i) {
            address(i, grown[i].device != 0 ? grown[i].device : buffers_[i].device);
        }
        for (size_t i = 0; i < buffers_.size(); ++i) {
            if (grown[i].device != 0) {
                buffers_[i] = std::move(grown[i]);  // the old pair goes with grown
            }
        }
        now_ = std::move(next);
    } catch (...) {
        if (before.has_value()) {
            try {
                apply(before->profile, before->dims);
                for (size_t i = 0; i < buffers_.size(); ++i) {
                    address(i, buffers_[i].device);
                }
                now_ = before;
            } catch (...) {
                now_.reset();  // run refuses until a reshape succeeds
            }
        }
        throw;
    }
}

void Context::enqueue(CUstream stream) {
    const Log::Errors errors(library_.log);
    if (!context_->enqueueV3(stream)) {
        throw Failure(KSN_ERUN, "enqueue: " + errors.text());
    }
}

void Context::run() {
    const Library::Current current(library_);
    require(now_.has_value(), "run before reshape");
    const auto& tensors = engine_->tensors();
    for (size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i].input) {
            library_.check(library_.cuda.toDevice(buffers_[i].device, buffers_[i].host, static_cast<size_t>(now_->bytes[i]), stream_),
                           "copy of " + tensors[i].name + " to the GPU");
        }
    }
    enqueue(stream_);
    for (size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i].input) {
            library_.check(library_.cuda.toHost(buffers_[i].host, buffers_[i].device, static_cast<size_t>(now_->bytes[i]), stream_),
                           "copy of " + tensors[i].name + " from the GPU");
        }
    }
    library_.check(library_.cuda.streamSync(stream_), "run");
}

void Context::runOn(const uint64_t* addresses, CUstream stream) {
    const Library::Current current(library_);
    require(now_.has_value(), "run before reshape");
    // Whatever happens here, the next run must find its own buffers, or refuse.
    auto settled = std::move(now_);
    now_.reset();
    const auto restore = [&] {
        for (size_t i = 0; i < buffers_.size(); ++i) {
            address(i, buffers_[i].device);
        }
        now_ = std::move(settled);
    };
    try {
        for (size_t i = 0; i < buffers_.size(); ++i) {
            address(i, addresses[i]);
        }
        enqueue(stream != nullptr ? stream : stream_);
        if (stream == nullptr) {
            library_.check(library_.cuda.streamSync(stream_), "run");
        }
    } catch (...) {
        restore();
        throw;
    }
    restore();
}

ksn_buffer Context::buffer(size_t index) const {
    require(now_.has_value(), "buffer before reshape");
    const Pair& pair = buffers_[index];
    return {pair.host, pair.device, now_->bytes[index], toShape(now_->dims[index])};
}

}  // namespace ksn

struct ksn_ctx {
    ksn::Context context;
};

using ksn::guarded;
using ksn::require;

extern "C" {

int32_t ksn_ctx_create(ksn_engine* engine, ksn_ctx** out, char* err, int32_t cap) {
    return guarded(err, cap, [&] {
        require(engine != nullptr && out != nullptr, "ksn_ctx_create: bad argument");
        *out = new ksn_ctx{ksn::Context(engine->engine)};
    });
}

int32_t ksn_ctx_reshape(ksn_ctx* ctx, int32_t profile, const ksn_shape* shapes, int32_t count, char* err, int32_t cap) {
    return guarded(err, cap, [&] {
        require(ctx != nullptr && shapes != nullptr && count >= 0 && static_cast<size_t>(count) == ctx->context.size(),
                "ksn_ctx_reshape: bad argument");
        ctx->context.reshape(profile, shapes);
    });
}

int32_t ksn_ctx_buffer(const ksn_ctx* ctx, int32_t index, ksn_buffer* out) {
    return guarded(nullptr, 0, [&] {
        require(ctx != nullptr && out != nullptr && index >= 0 && static_cast<size_t>(index) < ctx->context.size(),
                "ksn_ctx_buffer: bad argument");
        *out = ctx->context.buffer(static_cast<size_t>(index));
    });
}

int32_t ksn_ctx_run(ksn_ctx* ctx, char* err, int32_t cap) {
    return guarded(err, cap, [&] {
        require(ctx != nullptr, "ksn_ctx_run: no context");
        ctx->context.run();
    });
}

int32_t ksn_ctx_run_device(ksn_ctx* ctx, const uint64_t* addresses, int32_t count, void* stream, char* err, int32_t cap) {
    return guarded(err, cap, [&] {
        require(ctx != nullptr && addresses != nullptr && count >= 0 && static_cast<size_t>(count) == ctx->context.size(),
                "ksn_ctx_run_device: bad argument");
        ctx->context.runOn(addresses, static_cast<ksn::CUstream>(stream));
    });
}

void ksn_ctx_free(ksn_ctx* ctx) { delete ctx; }

}  // extern "C"
