#include "log.h"

#include <array>

namespace ksn {

thread_local Log::Errors* Log::collector_ = nullptr;

Log& Log::process() {
    static Log* const log = new Log;
    return *log;
}

void Log::log(Severity severity, nvinfer1::AsciiChar const* text) noexcept {
    static constexpr std::array<const char*, 5> kNames = {"FATAL ", "ERROR ", "WARN ", "INFO ", "VERBOSE "};
    const auto level = static_cast<size_t>(severity);
    if (severity > Severity::kWARNING || level >= kNames.size() || text == nullptr) {
        return;
    }
    try {
        const std::lock_guard<std::mutex> guard(mutex_);
        if (severity <= Severity::kERROR) {
            if (collector_ == nullptr) {
                stray_ = text;
            } else if (collector_->first_.empty()) {
                collector_->first_ = text;  // later ones mostly tell that the first one made other things fail
            }
        }
        if (lines_.size() == kLines) {
            lines_.pop_front();
            ++dropped_;
        }
        std::string line = std::string(kNames[level]) + text;
        for (char& c : line) {
            c = c == '\n' ? ' ' : c;
        }
        lines_.push_back(line + '\n');
    } catch (...) {
        // Out of memory: a message is the last thing to worry about.
        return;
    }
}

size_t Log::drain(char* out, size_t cap) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (dropped_ > 0) {
        lines_.push_front("WARN " + std::to_string(dropped_) + " earlier messages were lost\n");
        dropped_ = 0;
    }
    size_t used = 0;
    while (!lines_.empty() && used < cap) {
        std::string& line = lines_.front();
        if (line.size() > cap - used) {
            if (used > 0) {
                break;
            }
            line.resize(cap);  // one line longer than the caller's buffer
            line.back() = '\n';
        }
        line.copy(out + used, line.size());
        used += line.size();
        lines_.pop_front();
    }
    return used;
}

Log::Errors::Errors(Log& log) : log_(log), outer_(collector_) {
    const std::lock_guard<std::mutex> guard(log.mutex_);
    log.stray_.clear();
    collector_ = this;
}

Log::Errors::~Errors() { collector_ = outer_; }

std::string Log::Errors::text() const {
    const std::lock_guard<std::mutex> guard(log_.mutex_);
    if (!first_.empty()) {
        return first_;
    }
    return log_.stray_.empty() ? "no message" : log_.stray_;
}

}  // namespace ksn
