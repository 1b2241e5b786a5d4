// What the double computes: the toy network of the conformance suite, by hand, or any ONNX model, by ONNX Runtime.
#pragma once

#include <NvInfer.h>

#include <memory>
#include <string>
#include <vector>

namespace fake {

struct Tensor {
    std::string name;
    bool input;
    nvinfer1::Dims dims;  // -1 = free
};

class Network {
  public:
    virtual ~Network() = default;
    Network() = default;
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;
    virtual const std::vector<Tensor>& tensors() const = 0;
    // Fills the outputs' dims from the inputs'; false if the inputs contradict each other.
    virtual bool infer(std::vector<nvinfer1::Dims>& dims) = 0;
    virtual bool compute(const std::vector<nvinfer1::Dims>& dims, const std::vector<void*>& addresses) = 0;
};

// Null, and why, for bytes that are no model. $FAKE_TRT_ORT names the ONNX Runtime library that other models than the toy
// need.
std::shared_ptr<Network> makeNetwork(const std::string& onnx, std::string& why);

}  // namespace fake
