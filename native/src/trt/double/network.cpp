#include "network.h"

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>

namespace fake {

namespace {

using nvinfer1::Dims;

Dims rows(int64_t n, int64_t width) {
    Dims d{};
    d.nbDims = 2;
    d.d[0] = n;
    d.d[1] = width;
    return d;
}

// face[n,64] = 3*identity[n,64] + sum(expression[n,7])
class Toy final : public Network {
  public:
    const std::vector<Tensor>& tensors() const override { return tensors_; }

    bool infer(std::vector<Dims>& dims) override {
        dims[2] = rows(dims[0].d[0], 64);
        return dims[0].d[0] == dims[1].d[0];
    }

    bool compute(const std::vector<Dims>& dims, const std::vector<void*>& addresses) override {
        const auto* identity = static_cast<const float*>(addresses[0]);
        const auto* expression = static_cast<const float*>(addresses[1]);
        auto* face = static_cast<float*>(addresses[2]);
        for (int64_t n = 0; n < dims[0].d[0]; ++n) {
            float sum = 0;
            for (int64_t k = 0; k < 7; ++k) {
                sum += expression[n * 7 + k];
            }
            for (int64_t k = 0; k < 64; ++k) {
                face[n * 64 + k] = 3 * identity[n * 64 + k] + sum;
            }
        }
        return true;
    }

  private:
    std::vector<Tensor> tensors_{{"identity", true, rows(-1, 64)}, {"expression", true, rows(-1, 7)}, {"face", false, rows(-1, 64)}};
};

// ONNX Runtime's C API by slot, as native/ort has it (API version 18).
class Ort {
  public:
    static Ort* get(std::string& why) {
        static std::mutex mutex;
        static std::map<std::string, std::unique_ptr<Ort>> opened;
        const std::lock_guard<std::mutex> guard(mutex);
        const char* path = std::getenv("FAKE_TRT_ORT");
        if (path == nullptr) {
            why = "the double knows the toy model alone; others need $FAKE_TRT_ORT";
            return nullptr;
        }
        auto& ort = opened[path];
        if (ort == nullptr) {
            void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
            auto* base = handle != nullptr ? reinterpret_cast<void** (*)()>(dlsym(handle, "OrtGetApiBase")) : nullptr;
            if (base == nullptr) {
                why = std::string("$FAKE_TRT_ORT: ") + path + " is not ONNX Runtime";
                return nullptr;
            }
            ort.reset(new Ort(reinterpret_cast<void** (*)(uint32_t)>(base()[0])(18)));
        }
        return ort.get();
    }

    // Calls a function that returns OrtStatus*; empty on success.
    template <class... Args>
    std::string call(size_t slot, Args... args) const {
        void* status = reinterpret_cast<void* (*)(Args...)>(table_[slot])(args...);
        if (status == nullptr) {
            return {};
        }
        std::string text = reinterpret_cast<const char* (*)(void*)>(table_[2])(status);
        release(93, status);
        return text.empty() ? "failed" : text;
    }

    void release(size_t slot, void* object) const { reinterpret_cast<void (*)(void*)>(table_[slot])(object); }

    void* env = nullptr;
    void* memory = nullptr;
    void* allocator = nullptr;

  private:
    explicit Ort(void** table) : table_(table) {
        (void)call(3, 4, "double", &env);
        (void)call(69, 1, 0, &memory);
        (void)call(78, &allocator);
    }
    void** table_;
};

class OrtNetwork final : public Network {
  public:
    OrtNetwork(Ort& ort, const std::string& onnx, std::string& why) : ort_(ort) {
        void* options = nullptr;
        (void)ort_.call(10, &options);
        (void)ort_.call(24, options, 2);
        why = ort_.call(8, ort_.env, onnx.data(), onnx.size(), options, &session_);
        ort_.release(100, options);
        if (why.empty()) {
            describe(true, 30, 36, 33);
            describe(false, 31, 37, 34);
        }
    }
    ~OrtNetwork() override {
        if (session_ != nullptr) {
            ort_.release(95, session_);
        }
    }
    OrtNetwork(const OrtNetwork&) = delete;
    OrtNetwork& operator=(const OrtNetwork&) = delete;

    const std::vector<Tensor>& tensors() const override { return tensors_; }

    bool infer(std::vector<Dims>& dims) override {
        std::vector<std::vector<float>> zeros(dims.size());
        std::vector<void*> addresses(dims.size());
        for (size_t i = 0; i < dims.size(); ++i) {
            if (tensors_[i].input) {
                zeros[i].resize(static_cast<size_t>(volume(dims[i])));
                addresses[i] = zeros[i].data();
            }
        }
        return run(dims, addresses, &dims);
    }

    bool compute(const std::vector<Dims>& dims, const std::vector<void*>& addresses) override {
        return run(dims, addresses, nullptr);
    }

  private:
    static int64_t volume(const Dims& dims) {
        int64_t n = 1;
        for (int32_t i = 0; i < dims.nbDims; ++i) {
            n *= dims.d[i];
        }
        return n;
    }

    Dims shapeOf(void* tensorInfo) const {
        size_t rank = 0;
        (void)ort_.call(61, tensorInfo, &rank);
        std::array<int64_t, Dims::MAX_DIMS> d{};
        (void)ort_.call(62, tensorInfo, d.data(), rank);
        Dims dims{};
        dims.nbDims = static_cast<int32_t>(rank);
        for (size_t i = 0; i < rank; ++i) {
            dims.d[i] = d.at(i);
        }
        return dims;
    }

    void describe(bool input, size_t countSlot, size_t nameSlot, size_t typeSlot) {
        size_t count = 0;
        (void)ort_.call(countSlot, session_, &count);
        for (size_t i = 0; i < count; ++i) {
            char* name = nullptr;
            void* info = nullptr;
            void* tensor = nullptr;
            (void)ort_.call(nameSlot, session_, i, ort_.allocator, &name);
            (void)ort_.call(typeSlot, session_, i, &info);
            (void)ort_.call(55, info, &tensor);
            tensors_.push_back({name, input, shapeOf(tensor)});
            ort_.release(98, info);
            (void)ort_.call(76, ort_.allocator, name);
        }
    }

    // With found, the outputs' memory is ONNX Runtime's and their shapes are read; without, outputs go to addresses.
    bool run(const std::vector<Dims>& dims, const std::vector<void*>& addresses, std::vector<Dims>* found) {
        std::vector<const char*> inNames;
        std::vector<const char*> outNames;
        std::vector<void*> inValues;
        std::vector<void*> outValues;
        bool good = true;
        for (size_t i = 0; i < tensors_.size(); ++i) {
            void* value = nullptr;
            if (tensors_[i].input || found == nullptr) {
                const Dims& d = dims[i];
                std::array<int64_t, Dims::MAX_DIMS> shape{};
                for (int32_t k = 0; k < d.nbDims; ++k) {
                    shape.at(static_cast<size_t>(k)) = d.d[k];
                }
                good = good && ort_.call(49, ort_.memory, addresses[i], static_cast<size_t>(volume(d)) * sizeof(float), shape.data(),
                                         static_cast<size_t>(d.nbDims), 1, &value)
                                   .empty();
            }
            (tensors_[i].input ? inNames : outNames).push_back(tensors_[i].name.c_str());
            (tensors_[i].input ? inValues : outValues).push_back(value);
        }
        good = good && ort_.call(9, session_, static_cast<void*>(nullptr), inNames.data(), inValues.data(), inNames.size(),
                                 outNames.data(), outNames.size(), outValues.data())
                           .empty();
        for (size_t i = 0; good && found != nullptr && i < outValues.size(); ++i) {
            void* info = nullptr;
            (void)ort_.call(65, outValues[i], &info);
            (*found)[inValues.size() + i] = shapeOf(info);
            ort_.release(99, info);
        }
        for (auto* values : {&inValues, &outValues}) {
            for (void* value : *values) {
                if (value != nullptr) {
                    ort_.release(96, value);
                }
            }
        }
        return good;
    }

    Ort& ort_;
    void* session_ = nullptr;
    std::vector<Tensor> tensors_;
};

}  // namespace

std::shared_ptr<Network> makeNetwork(const std::string& onnx, std::string& why) {
    const std::string toyEnd = "3*identity + sum(expression)";  // the last metadata of the toy's file
    if (onnx.size() > toyEnd.size() && onnx.compare(onnx.size() - toyEnd.size(), toyEnd.size(), toyEnd) == 0) {
        return std::make_shared<Toy>();
    }
    Ort* ort = Ort::get(why);
    if (ort == nullptr) {
        return nullptr;
    }
    auto network = std::make_shared<OrtNetwork>(*ort, onnx, why);
    return why.empty() ? network : nullptr;
}

}  // namespace fake
