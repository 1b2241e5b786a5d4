#include "flavour.h"

#include "ksn_trt.h"

namespace ksn {

namespace {

std::string dotted(int32_t major, int32_t minor, int32_t patch) {
    return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

}  // namespace

std::string versionName(int32_t version) {
    constexpr int32_t kFirstTensorRT10 = 100000;
    constexpr int32_t kFirstRTX = 10000;
    if (version < kFirstRTX) {  // TensorRT up to 9 counted in thousands
        return "TensorRT " + dotted(version / 1000, version / 100 % 10, version % 100);
    }
    const char* product = version < kFirstTensorRT10 ? "TensorRT-RTX " : "TensorRT ";
    return product + dotted(version / 10000, version / 100 % 100, version % 100);
}

std::string refuseVersion(int32_t version, bool newer) {
    const std::string found = "found " + versionName(version) + ", this shim needs ";
    if (version >= kOldest && version <= (newer ? kNewest : kNewestTested)) {
        return {};
    }
#if KSN_RTX
    if (version > kNewestTested && version <= kNewest) {
        return found + "TensorRT-RTX 1.5 to 1.7: a later one is untested and may crash; KSAMENET_TENSORRT_NEWER=1 tries it";
    }
    return found + "TensorRT-RTX 1.5 to 1.7";
#else
    return found + "TensorRT " KSN_STRING(NV_TENSORRT_MAJOR) ".x";
#endif
}

}  // namespace ksn

extern "C" {

int32_t ksn_abi(void) { return KSN_ABI; }

const char* ksn_flavour(void) {
    return KSN_PRODUCT " " KSN_STRING(NV_TENSORRT_MAJOR) "." KSN_STRING(NV_TENSORRT_MINOR) "." KSN_STRING(NV_TENSORRT_PATCH);
}

const char* ksn_soname(void) { return KSN_SONAME; }

const char* ksn_parser_soname(void) { return KSN_PARSER_SONAME; }

}  // extern "C"
