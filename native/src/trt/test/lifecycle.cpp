// Drives the shim over the test double through its C ABI, under a sanitizer: one life from open to close, the same with each
// call of driver and library failing in turn, and four lives at once. Usage: lifecycle DOUBLE DRIVER TOY.ONNX
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "../flavour.h"
#include "../ksn_trt.h"

namespace {

struct Half {
    void (*arm)(int64_t) = nullptr;
    int64_t (*calls)() = nullptr;
    int64_t (*live)() = nullptr;
    const char* (*failed)() = nullptr;

    Half(const char* path, const std::string& prefix) {
        void* handle = dlopen(path, RTLD_NOW);
        if (handle == nullptr) {
            (void)std::fprintf(stderr, "%s\n", dlerror());
            std::exit(2);
        }
        arm = reinterpret_cast<void (*)(int64_t)>(dlsym(handle, (prefix + "_arm").c_str()));
        calls = reinterpret_cast<int64_t (*)()>(dlsym(handle, (prefix + "_calls").c_str()));
        live = reinterpret_cast<int64_t (*)()>(dlsym(handle, (prefix + "_live").c_str()));
        failed = reinterpret_cast<const char* (*)()>(dlsym(handle, (prefix + "_failed").c_str()));
    }
};

constexpr int64_t kIdentity = 64;
constexpr int64_t kExpression = 7;

ksn_shape rows(int64_t n, int64_t width) { return {2, 0, {n, width}}; }

// One life; returns the first status that is not KSN_OK, -100 for a wrong result.
class Life {
  public:
    Life(std::string doublePath, std::string driver, const std::string& toy)
        : double_(std::move(doublePath)), driver_(std::move(driver)), toy_(toy) {}

    int32_t run() {
        const int32_t status = steps();
        // In an order that a careless caller would choose: what stands on something else keeps it alive.
        ksn_close(lib_);
        ksn_engine_free(engine_);
        ksn_ctx_free(other_);
        ksn_ctx_free(ctx_);
        for (ksn_blob* blob : {plan_, timing_, jit_}) {
            ksn_blob_free(blob);
        }
        return status;
    }
    const char* error() const { return error_.data(); }

    // Whether the log had lines. It is one for the process: of several lives at once, one may read what another wrote.
    bool logged() const { return logged_; }

  private:
    int32_t steps() {
        char* err = error_.data();
        const auto cap = static_cast<int32_t>(error_.size());
        if (const int32_t s = ksn_open(double_.c_str(), double_.c_str(), driver_.c_str(), 0, 0, &lib_, err, cap); s != KSN_OK) {
            return s;
        }
        const std::array<ksn_range, 4> ranges{{
            {"identity", 0, 0, rows(1, kIdentity), rows(1, kIdentity), rows(1, kIdentity)},
            {"expression", 0, 0, rows(1, kExpression), rows(1, kExpression), rows(1, kExpression)},
            {"identity", 1, 0, rows(2, kIdentity), rows(4, kIdentity), rows(16, kIdentity)},
            {"expression", 1, 0, rows(2, kExpression), rows(4, kExpression), rows(16, kExpression)},
        }};
        ksn_build_options options{};
        options.ranges = ranges.data();
        options.range_count = static_cast<int32_t>(ranges.size());
        options.profile_count = 2;
        options.level = -1;
        options.workspace = 1 << 20;
        if (const int32_t s = ksn_build(lib_, toy_.data(), static_cast<int64_t>(toy_.size()), &options, &plan_, &timing_, err, cap);
            s != KSN_OK) {
            return s;
        }
        if (const int32_t s = ksn_load(lib_, ksn_blob_data(plan_), ksn_blob_size(plan_), "FAKEJIT", 7, &engine_, err, cap); s != KSN_OK) {
            return s;
        }
        ksn_tensor tensor{};
        ksn_shape bound{};
        if (ksn_engine_tensors(engine_) != 3 || ksn_engine_profiles(engine_) != 2 || ksn_engine_tensor(engine_, 2, &tensor) != KSN_OK ||
            std::string(static_cast<char*>(tensor.name)) != "face" || ksn_engine_range(engine_, 0, 1, &bound, &bound, &bound) != KSN_OK ||
            bound.dims[0] != 16) {
            return -100;
        }
        for (ksn_ctx** ctx : {&ctx_, &other_}) {
            if (const int32_t s = ksn_ctx_create(engine_, ctx, err, cap); s != KSN_OK) {
                return s;
            }
        }
        for (const int64_t n : {1, 5, 1, 16}) {
            if (const int32_t s = compute(ctx_, n, n == 1 ? 0 : 1); s != KSN_OK) {
                return s;
            }
        }
        if (const int32_t s = compute(other_, 3, 1); s != KSN_OK) {
            return s;
        }
        // Shapes outside the profile are refused and leave the context as it was.
        const std::array<ksn_shape, 3> large{rows(17, kIdentity), rows(17, kExpression), {}};
        if (ksn_ctx_reshape(other_, 1, large.data(), 3, nullptr, 0) == KSN_OK) {
            return -100;
        }
        if (const int32_t s = onDevice(other_); s != KSN_OK) {
            return s;
        }
        if (const int32_t s = ksn_engine_jit(engine_, &jit_, err, cap); s != KSN_OK) {
            return s;
        }
        std::array<char, 4096> log{};
        logged_ = ksn_log(lib_, log.data(), static_cast<int32_t>(log.size())) > 0;
        return KSN_OK;
    }

    int32_t compute(ksn_ctx* ctx, int64_t n, int32_t profile) {
        const auto cap = static_cast<int32_t>(error_.size());
        const std::array<ksn_shape, 3> shapes{rows(n, kIdentity), rows(n, kExpression), {}};
        if (const int32_t s = ksn_ctx_reshape(ctx, profile, shapes.data(), 3, error_.data(), cap); s != KSN_OK) {
            return s;
        }
        std::array<ksn_buffer, 3> buffers{};
        for (int32_t i = 0; i < 3; ++i) {
            if (ksn_ctx_buffer(ctx, i, &buffers.at(static_cast<size_t>(i))) != KSN_OK) {
                return -100;
            }
        }
        auto* identity = static_cast<float*>(buffers[0].host);
        auto* expression = static_cast<float*>(buffers[1].host);
        for (int64_t i = 0; i < n * kIdentity; ++i) {
            identity[i] = static_cast<float>(i);
        }
        for (int64_t i = 0; i < n * kExpression; ++i) {
            expression[i] = 2;
        }
        if (const int32_t s = ksn_ctx_run(ctx, error_.data(), cap); s != KSN_OK) {
            return s;
        }
        const auto* face = static_cast<float*>(buffers[2].host);
        const int64_t last = n * kIdentity - 1;
        return buffers[2].bytes == n * kIdentity * 4 && face[last] == static_cast<float>(3 * last + 14) ? KSN_OK : -100;
    }

    int32_t onDevice(ksn_ctx* ctx) {
        std::array<std::vector<float>, 3> memory{std::vector<float>(3 * kIdentity, 1.0F), std::vector<float>(3 * kExpression, 1.0F),
                                                 std::vector<float>(3 * kIdentity)};
        std::array<uint64_t, 3> addresses{};
        for (size_t i = 0; i < 3; ++i) {
            addresses.at(i) = reinterpret_cast<uint64_t>(memory.at(i).data());
        }
        const int32_t s = ksn_ctx_run_device(ctx, addresses.data(), 3, nullptr, error_.data(), static_cast<int32_t>(error_.size()));
        return s != KSN_OK || memory[2].back() == 10 ? s : -100;
    }

    std::string double_, driver_;
    const std::string& toy_;
    std::array<char, 512> error_{};
    ksn_lib* lib_ = nullptr;
    ksn_blob *plan_ = nullptr, *timing_ = nullptr, *jit_ = nullptr;
    ksn_engine* engine_ = nullptr;
    ksn_ctx *ctx_ = nullptr, *other_ = nullptr;
    bool logged_ = false;
};

int complain(const std::string& text) {
    (void)std::fprintf(stderr, "lifecycle: %s\n", text.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        return complain("usage: lifecycle DOUBLE DRIVER TOY.ONNX");
    }
    const std::string library = argv[1];
    const std::string driver = argv[2];
    std::ifstream file(argv[3], std::ios::binary);
    const std::string toy((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const Half cuda(driver.c_str(), "fake_cuda");
    const Half trt(library.c_str(), "fake_trt");
    int64_t swept = 0;
    for (const Half* half : {&cuda, &trt}) {
        for (int64_t n = 1;; ++n) {
            const int64_t before = cuda.live() + trt.live();
            half->arm(n);
            Life life(library, driver, toy);
            const int32_t status = life.run();
            const std::string failed = half->failed();
            const bool reached = half->calls() >= n;
            half->arm(0);
            if (!reached) {
                if (status != KSN_OK) {
                    return complain("no failure injected, yet status " + std::to_string(status) + ": " + life.error());
                }
                if (!life.logged()) {
                    return complain("nothing in the log");
                }
                break;
            }
            ++swept;
            // While things are released a failure can be told to nobody.
            const bool releasing = status == KSN_OK && (failed == "cuCtxPushCurrent" || failed == "cuStreamSynchronize");
            const bool optional = status == KSN_OK && (failed == "setInputShape" || failed == "createTimingCache");
            if (status == -100 || (status == KSN_OK && !releasing && !optional)) {
                return complain("call " + std::to_string(n) + " (" + failed + ") failed, status " + std::to_string(status));
            }
            if (status != KSN_OK && *life.error() == '\0') {
                return complain(failed + " failed without a text");
            }
            const int64_t leaked = cuda.live() + trt.live() - before;
            if (leaked != 0) {
                return complain(std::to_string(leaked) + " objects leaked after " + failed + " failed");
            }
        }
    }
    const int64_t before = cuda.live() + trt.live();
    std::array<std::thread, 4> threads;
    std::array<int32_t, 4> statuses{};
    for (size_t i = 0; i < threads.size(); ++i) {
        threads.at(i) = std::thread([&, i] { statuses.at(i) = Life(library, driver, toy).run(); });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (const int32_t status : statuses) {
        if (status != KSN_OK) {
            return complain("four at once: status " + std::to_string(status));
        }
    }
    if (cuda.live() + trt.live() != before) {
        return complain("four at once: objects leaked");
    }
    (void)std::printf("%s: %lld injected failures, no leak\n", ksn_flavour(), static_cast<long long>(swept));
    return 0;
}
