// The double's plan: where it was built, its profiles, and the ONNX model itself.
#pragma once

#include <NvInfer.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace fake {

struct Range {
    nvinfer1::Dims min, opt, max;
};

struct Plan {
    int32_t version = 0;
    int32_t cc = 0;
    int32_t fp16 = 0;
    std::vector<std::map<std::string, Range>> profiles;
    std::string onnx;

    std::string write() const {
        std::string out = "FAKEPLAN";
        put(out, version);
        put(out, cc);
        put(out, fp16);
        put(out, static_cast<int32_t>(profiles.size()));
        for (const auto& profile : profiles) {
            put(out, static_cast<int32_t>(profile.size()));
            for (const auto& [name, range] : profile) {
                put(out, static_cast<int32_t>(name.size()));
                out += name;
                out.append(reinterpret_cast<const char*>(&range), sizeof range);
            }
        }
        return out + onnx + "END.";
    }

    static bool read(const std::string& bytes, Plan& plan) {
        size_t at = 8;
        const auto take = [&](void* to, size_t n) {
            if (bytes.size() - at < n) {
                return false;
            }
            std::memcpy(to, bytes.data() + at, n);
            at += n;
            return true;
        };
        int32_t profiles = 0;
        if (bytes.size() < 28 || bytes.compare(0, 8, "FAKEPLAN") != 0 || bytes.compare(bytes.size() - 4, 4, "END.") != 0 ||
            !take(&plan.version, 4) || !take(&plan.cc, 4) || !take(&plan.fp16, 4) || !take(&profiles, 4)) {
            return false;
        }
        for (int32_t p = 0; p < profiles; ++p) {
            int32_t count = 0;
            if (!take(&count, 4)) {
                return false;
            }
            plan.profiles.emplace_back();
            for (int32_t i = 0; i < count; ++i) {
                int32_t length = 0;
                if (!take(&length, 4) || length < 0 || length > 255) {
                    return false;
                }
                std::string name(static_cast<size_t>(length), '\0');
                Range range{};
                if (!take(name.data(), name.size()) || !take(&range, sizeof range)) {
                    return false;
                }
                plan.profiles.back()[name] = range;
            }
        }
        plan.onnx = bytes.substr(at, bytes.size() - at - 4);
        return true;
    }

  private:
    static void put(std::string& out, int32_t v) { out.append(reinterpret_cast<const char*>(&v), sizeof v); }
};

}  // namespace fake
