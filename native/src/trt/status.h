// Failures inside the shim are exceptions of one type; the C functions turn them, and everything else that is thrown, into a
// status and a text.
#pragma once

#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "ksn_trt.h"

namespace ksn {

class Failure final : public std::exception {
  public:
    Failure(int32_t status, std::string text) : status_(status), text_(std::move(text)) {}
    int32_t status() const noexcept { return status_; }
    const char* what() const noexcept override { return text_.c_str(); }

  private:
    int32_t status_;
    std::string text_;
};

inline int32_t report(int32_t status, const char* text, char* err, int32_t cap) noexcept {
    if (err != nullptr && cap > 0) {
        // A text longer than the caller's buffer is cut; the status still tells what happened.
        (void)std::snprintf(err, static_cast<size_t>(cap), "%s", text);
    }
    return status;
}

// Runs the body of a C function: nothing is thrown into C.
template <class Body>
int32_t guarded(char* err, int32_t cap, Body body) noexcept {
    try {
        body();
        return KSN_OK;
    } catch (const Failure& failure) {
        return report(failure.status(), failure.what(), err, cap);
    } catch (const std::bad_alloc&) {
        return report(KSN_EMEM, "out of memory", err, cap);
    } catch (const std::exception& other) {
        return report(KSN_ERUN, other.what(), err, cap);
    } catch (...) {
        return report(KSN_ERUN, "unknown exception", err, cap);
    }
}

// A condition that only a bug of the caller can break.
inline void require(bool condition, const char* text) {
    if (!condition) {
        throw Failure(KSN_EARG, text);
    }
}

}  // namespace ksn
