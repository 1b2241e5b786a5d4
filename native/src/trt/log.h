// TensorRT's messages: errors become the text of the call they belong to, all of them wait in a ring for ksn_log.
#pragma once

#include <NvInfer.h>

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>

namespace ksn {

class Log final : public nvinfer1::ILogger {
  public:
    // The one log of the process, never destroyed: TensorRT keeps the first logger that it is given for good, whatever is
    // closed later.
    static Log& process();

    // Called by the library from threads of its own too.
    void log(Severity severity, nvinfer1::AsciiChar const* text) noexcept override;

    // Moves whole lines out, at most cap bytes; returns their length.
    size_t drain(char* out, size_t cap);

    // Collects, while it lives, the errors that the library reports on this thread. On a builder's own threads there is no
    // collector; their errors serve a collector that found none.
    class Errors {
      public:
        explicit Errors(Log& log);
        ~Errors();
        Errors(const Errors&) = delete;
        Errors& operator=(const Errors&) = delete;
        // What the library said, or "no message".
        std::string text() const;

      private:
        friend class Log;
        Log& log_;
        Errors* outer_;
        std::string first_;
    };

  private:
    static constexpr size_t kLines = 256;
    static thread_local Errors* collector_;

    mutable std::mutex mutex_;
    std::deque<std::string> lines_;
    size_t dropped_ = 0;
    std::string stray_;  // the last error of a thread without collector
};

}  // namespace ksn
