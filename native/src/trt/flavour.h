// Which TensorRT this shim is compiled for, and which versions of the library it may therefore open.
//
// The public classes call through tables of virtual functions whose order is fixed within a generation and moves between
// generations: a wrong one is a crash, not an error. Generations: TensorRT 10, TensorRT 11, TensorRT-RTX 1.5 and later (its
// order moved once inside major 1, after 1.4).
#pragma once

#include <NvInfer.h>

#include <cstdint>
#include <string>

#define KSN_STRING_(x) #x
#define KSN_STRING(x) KSN_STRING_(x)

#if defined(TRT_MAJOR_RTX)
#define KSN_RTX 1
#define KSN_PRODUCT "TensorRT-RTX"
#define KSN_SONAME "libtensorrt_rtx.so." KSN_STRING(NV_TENSORRT_MAJOR)
#define KSN_PARSER_SONAME "libtensorrt_onnxparser_rtx.so." KSN_STRING(NV_TENSORRT_MAJOR)
#if NV_TENSORRT_MAJOR != 1 || NV_TENSORRT_MINOR < 5
#error "TensorRT-RTX 1.5 or a later 1.x is needed"
#endif
#else
#define KSN_RTX 0
#define KSN_PRODUCT "TensorRT"
#define KSN_SONAME "libnvinfer.so." KSN_STRING(NV_TENSORRT_MAJOR)
#define KSN_PARSER_SONAME "libnvonnxparser.so." KSN_STRING(NV_TENSORRT_MAJOR)
#if NV_TENSORRT_MAJOR != 10 && NV_TENSORRT_MAJOR != 11
#error "TensorRT 10 or 11 is needed"
#endif
#endif

namespace ksn {

// First and last version that this generation's tables fit, as getInferLibVersion writes it.
#if KSN_RTX
constexpr int32_t kOldest = 10500;
constexpr int32_t kNewestTested = 10799;  // 1.7
constexpr int32_t kNewest = 19999;        // only if the caller insists
#else
constexpr int32_t kOldest = NV_TENSORRT_MAJOR * 10000;
constexpr int32_t kNewestTested = kOldest + 9999;
constexpr int32_t kNewest = kNewestTested;
#endif

// The name of a version: 8601 is TensorRT 8.6.1, 10701 TensorRT-RTX 1.7.1, 110400 TensorRT 11.4.0.
std::string versionName(int32_t version);

// Empty if the library may be used, else the reason why not, with the way out.
std::string refuseVersion(int32_t version, bool newer);

}  // namespace ksn
