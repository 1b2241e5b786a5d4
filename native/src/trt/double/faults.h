// What both halves of the test double share: each counts its calls and its living objects, and fails a chosen call.
//
// Exported, under a prefix of each half: arm (fail the n-th call from now; 0: none), calls (since arm), live (objects), and
// failed (the name of the call that failed, or "").
#pragma once

#include <atomic>
#include <cstdint>

#define KSN_DOUBLE_API extern "C" __attribute__((visibility("default")))

namespace faults {

inline std::atomic<int64_t> armed{0};
inline std::atomic<int64_t> calls{0};
inline std::atomic<int64_t> live{0};
inline std::atomic<const char*> failed{""};

// Says whether this call is the one to fail.
inline bool fails(const char* name) {
    if (++calls != armed.load()) {
        return false;
    }
    failed = name;
    return true;
}

inline void arm(int64_t n) {
    armed = n;
    calls = 0;
    failed = "";
}

}  // namespace faults

#define KSN_DOUBLE_EXPORTS(prefix)                                                           \
    KSN_DOUBLE_API void prefix##_arm(int64_t n) { faults::arm(n); }                           \
    KSN_DOUBLE_API int64_t prefix##_calls(void) { return faults::calls.load(); }              \
    KSN_DOUBLE_API int64_t prefix##_live(void) { return faults::live.load(); }                \
    KSN_DOUBLE_API const char* prefix##_failed(void) { return faults::failed.load(); }
