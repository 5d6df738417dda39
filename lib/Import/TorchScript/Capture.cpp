//===- Capture.cpp - from a TorchScript file to a captured program --------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArchiveCheck.h"
#include "CaptureError.h"
#include "GraphCleanup.h"
#include "ModelTracer.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/headeronly/version.h>

#include <random>
#include <set>

using namespace torchc;
using namespace torchc::torchscript;

namespace {

/// Which symbol a dynamic dimension is.
struct DynamicDimension {
  size_t input, dimension, symbol;
};

/// The dynamic dimensions of the inputs, each with a symbol of its own or one
/// symbol for each axis.
std::vector<DynamicDimension> assignSymbols(const std::vector<InputShape> &shapes, bool shareByAxis) {
  std::vector<DynamicDimension> dimensions;
  std::map<size_t, size_t> symbolOfAxis;
  size_t count = 0;
  for (size_t i = 0; i < shapes.size(); ++i)
    for (size_t d = 0; d < shapes[i].sizes.size(); ++d) {
      if (shapes[i].sizes[d] != InputShape::dynamic)
        continue;
      auto [axis, isNew] = symbolOfAxis.try_emplace(d, count);
      size_t symbol = shareByAxis ? axis->second : count;
      count += symbol == count;
      dimensions.push_back({i, d, symbol});
    }
  return dimensions;
}

/// Captures a model whose inputs have dynamic dimensions.
class DynamicCapture {
public:
  DynamicCapture(ModelTracer &tracer, const std::vector<InputShape> &shapes, std::vector<DynamicDimension> assigned)
      : tracer(tracer), shapes(shapes), dimensions(std::move(assigned)) {
    std::vector<std::string> names = getInputNames(tracer.getSchema(), shapes);
    for (const DynamicDimension &dimension : dimensions)
      if (dimension.symbol == symbols.size())
        symbols.push_back(
            {"s" + std::to_string(symbols.size()), names[dimension.input], static_cast<int64_t>(dimension.dimension)});
  }

  /// Traces at sizes from `smallest` on. Throws `CaptureError`.
  CapturedProgram capture(int64_t smallest) {
    std::vector<Sample> samples;
    for (SizePoint &point : choosePoints(smallest))
      samples.push_back(trace(std::move(point)));
    std::string error;
    auto program = fitSamples(samples, symbols, error);
    if (!program) {
      CaptureError failure = unsupported(error);
      failure.isLocated = true;
      throw failure;
    }
    raiseMinima(samples, *program);
    return std::move(*program);
  }

private:
  Sample trace(SizePoint point) {
    std::vector<InputShape> concrete = shapes;
    for (const DynamicDimension &dimension : dimensions)
      concrete[dimension.input].sizes[dimension.dimension] = point[dimension.symbol];
    Sample sample = tracer.trace(concrete);
    sample.sizes = std::move(point);
    return sample;
  }

  /// As many points as the fit has terms, and two to check it. The sizes of a
  /// point differ from each other, so that no two symbols are mixed up, and
  /// from zero and one, which broadcast.
  std::vector<SizePoint> choosePoints(int64_t smallest) const {
    size_t count = Polynomial::countTerms(symbols.size()) + 2;
    int64_t span = 32 + 2 * static_cast<int64_t>(symbols.size());
    std::mt19937 random(static_cast<uint32_t>(smallest));
    std::vector<SizePoint> points;
    std::vector<std::set<int64_t>> taken(symbols.size());
    while (points.size() < count) {
      SizePoint point;
      std::set<int64_t> inPoint;
      for (size_t i = 0; i < symbols.size(); ++i) {
        int64_t size;
        // Fresh values as long as there are enough of them.
        do
          size = smallest + static_cast<int64_t>(random() % span);
        while (inPoint.count(size) || (taken[i].count(size) && taken[i].size() < static_cast<size_t>(span) / 2));
        inPoint.insert(size);
        taken[i].insert(size);
        point.push_back(size);
      }
      points.push_back(std::move(point));
    }
    return points;
  }

  /// Finds the smallest size of each symbol at which the program still is what
  /// the model does, going down from the traced ones.
  void raiseMinima(std::vector<Sample> &samples, CapturedProgram &program) {
    for (size_t i = 0; i < symbols.size(); ++i) {
      SizePoint point = samples[0].sizes;
      for (const Sample &sample : samples)
        point[i] = std::min(point[i], sample.sizes[i]);
      int64_t lowest = point[i];
      while (lowest > program.symbols[i].min) {
        point[i] = lowest - 1;
        std::string error;
        try {
          samples.push_back(trace(point));
        } catch (...) {
          break;
        }
        bool fits = fitSamples(samples, symbols, error).has_value();
        samples.pop_back();
        if (!fits)
          break;
        --lowest;
      }
      program.symbols[i].min = std::max(program.symbols[i].min, lowest);
    }
  }

  ModelTracer &tracer;
  const std::vector<InputShape> &shapes;
  std::vector<DynamicDimension> dimensions;
  std::vector<SizeSymbol> symbols;
};

CapturedProgram captureDynamic(ModelTracer &tracer, const std::vector<InputShape> &shapes) {
  // Independent symbols first; a model that needs equal sizes (the batch of two
  // inputs) fails with them, as the sizes of a trace differ. Small sizes first;
  // a convolution may need larger ones.
  std::optional<CaptureError> error;
  for (bool shareByAxis : {false, true})
    for (int64_t smallest : {3, 33, 193})
      try {
        return DynamicCapture(tracer, shapes, assignSymbols(shapes, shareByAxis)).capture(smallest);
      } catch (const CaptureError &failure) {
        error.emplace(failure);
      }
  throw *error;
}

void checkShapes(const std::vector<InputShape> &shapes) {
  for (const InputShape &shape : shapes)
    for (int64_t size : shape.sizes)
      if (size < 0 && size != InputShape::dynamic) {
        CaptureError error(CaptureFailure::Usage, "error: an input has the size " + std::to_string(size));
        error.isLocated = true;
        throw error;
      }
}

torch::jit::Module loadModule(const std::string &path) {
  try {
    return torch::jit::load(path, c10::Device(c10::kCPU));
  } catch (const c10::Error &error) {
    std::string message = error.what_without_backtrace();
    bool isUnknownOp = message.find("Unknown builtin op") != std::string::npos;
    // The line that says it comes after an empty one at times.
    size_t begin = isUnknownOp ? message.find("Unknown builtin op") : message.find_first_not_of("\n ");
    message = message.substr(begin, message.find('\n', begin) - begin);
    CaptureError failure(isUnknownOp ? CaptureFailure::UnsupportedOp : CaptureFailure::BadFile,
                         path + ": error: " + message);
    failure.isLocated = true;
    throw failure;
  }
}

CapturedProgram capture(const std::string &path, const TorchScriptOptions &options) {
  checkShapes(options.inputs);
  checkArchive(path, options.trustModel);
  ModelTracer tracer(loadModule(path), options.function);
  getInputNames(tracer.getSchema(), options.inputs);
  CapturedProgram program = assignSymbols(options.inputs, false).empty() ? tracer.trace(options.inputs).program
                                                                         : captureDynamic(tracer, options.inputs);
  closeRegions(program.functions[0].graph);
  return program;
}

} // namespace

extern "C" __attribute__((visibility("default"))) void
torchcCaptureTorchScript(const std::string &path, const TorchScriptOptions &options, CaptureResult &result) {
  auto fail = [&](CaptureFailure failure, const std::string &message) {
    result = CaptureResult::error(failure, message);
  };
  // What is passed to libtorch has another layout in another release.
  constexpr int releaseShift = 48;
  if (aoti_torch_abi_version() >> releaseShift != TORCH_ABI_VERSION >> releaseShift)
    return fail(CaptureFailure::Diagnosed,
                path + ": error: the TorchScript reader needs the libtorch of PyTorch " TORCH_VERSION
                       ", with which it was built, not another one (a .pt2 file of torch.export needs none)");
  try {
    result.program = capture(path, options);
  } catch (const CaptureError &error) {
    fail(error.failure, error.isLocated ? error.message : path + ": error: " + error.message);
  } catch (const ModelRaised &raised) {
    fail(CaptureFailure::Diagnosed, raised.where + "error: the model raises: " + raised.message);
  } catch (const c10::Error &error) {
    std::string message = error.what_without_backtrace();
    fail(CaptureFailure::Diagnosed, path + ": error: " + message.substr(0, message.find('\n')));
  } catch (const std::exception &error) {
    std::string message = error.what();
    fail(CaptureFailure::Diagnosed, path + ": error: " + message.substr(0, message.find('\n')));
  }
}
