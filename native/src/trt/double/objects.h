// What the two files of the double's TensorRT share.
#pragma once

#include <NvInfer.h>

#include <memory>
#include <string>

#include "../flavour.h"
#include "network.h"
#include "plan.h"
#include "slots.h"

namespace fake {

// Reports to the logger of the last runtime or builder that was made.
void say(nvinfer1::ILogger::Severity severity, const char* text);
void setLogger(void* logger);

// A failure as the library has it: a message, and null or false.
inline bool failed(const char* call) {
    if (!faults::fails(call)) {
        return false;
    }
    say(nvinfer1::ILogger::Severity::kERROR, (std::string(call) + ": injected failure").c_str());
    return true;
}

int32_t environment(const char* name, int32_t otherwise);

// The compute capability of the present GPU, as the driver's double has it.
inline int32_t presentGPU() { return environment("FAKE_CUDA_CC", 86); }

class Memory final : public nvinfer1::IHostMemory {
  public:
    explicit Memory(std::string bytes) : bytes_(std::move(bytes)), table_(this) {
        mImpl = reinterpret_cast<nvinfer1::apiv::VHostMemory*>(&table_);
        table_.set(&nvinfer1::apiv::VHostMemory::data, +[](Table* t) -> void* { return t->self<Memory>().bytes_.data(); });
        table_.set(&nvinfer1::apiv::VHostMemory::size, +[](Table* t) -> size_t { return t->self<Memory>().bytes_.size(); });
    }

  private:
    Counted counted_;
    std::string bytes_;
    Table table_;
};

}  // namespace fake
