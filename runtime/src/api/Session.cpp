//===- Session.cpp - one caller of a program ------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Session.h"

#include "api/SessionImpl.h"

namespace torchc::runtime {

namespace {

/// Holds a call's inputs against the signature.
class InputChecker {
public:
  InputChecker(const schema::Export &function, std::span<int64_t> symbols) : function(function), symbols(symbols) {
    for (int64_t &symbol : symbols)
      symbol = -1;
  }

  Status check(unsigned index, const Tensor &given) {
    const schema::Value &wanted = *function.inputs()->Get(index);
    const auto type = ElementType(wanted.element_type());
    const std::span<const int64_t> dims(wanted.dims()->data(), wanted.dims()->size());
    if (given.isNull())
      return fail(index, "is missing");
    bool fits = given.getElementType() == type && given.getDims().size() == dims.size();
    for (size_t i = 0; fits && i < dims.size(); ++i)
      fits = dims[i] < 0 || dims[i] == given.getDims()[i];
    if (!fits)
      return fail(index, "is %s, must be %s", ShapeText(given.getElementType(), given.getDims()).get(),
                  ShapeText(type, dims).get());
    for (size_t i = 0; i < dims.size(); ++i)
      if (dims[i] < 0)
        TORCHC_RETURN_IF_ERROR(checkSymbol(index, unsigned(i), unsigned(-1 - dims[i]), given.getDims()[i]));
    return wanted.is_fixed() ? checkFixed(index, wanted, given) : Status();
  }

private:
  /// The export has taken a Python scalar for granted.
  Status checkFixed(unsigned index, const schema::Value &wanted, const Tensor &given) {
    const char *why = "the model was exported for that value";
    const int64_t bits = wanted.fixed_bits();
    if (ValueKind(wanted.kind()) == ValueKind::Float) {
      double value, fixed;
      std::memcpy(&value, given.getData(), sizeof value);
      std::memcpy(&fixed, &bits, sizeof fixed);
      return std::memcmp(&value, &fixed, sizeof value) == 0
                 ? Status()
                 : fail(index, "is %.17g, must be %.17g: %s", value, fixed, why);
    }
    if (ValueKind(wanted.kind()) == ValueKind::Bool) {
      const bool value = *given.getData() != 0, fixed = bits != 0;
      return value == fixed
                 ? Status()
                 : fail(index, "is %s, must be %s: %s", value ? "true" : "false", fixed ? "true" : "false", why);
    }
    int64_t value;
    std::memcpy(&value, given.getData(), sizeof value);
    return value == bits ? Status() : fail(index, "is %lld, must be %lld: %s", (long long)value, (long long)bits, why);
  }

  Status checkSymbol(unsigned input, unsigned dim, unsigned symbol, int64_t value) {
    const schema::Symbol &range = *function.symbols()->Get(symbol);
    const char *name = range.name()->c_str();
    if (symbols[symbol] >= 0 && symbols[symbol] != value)
      return fail(input, "has %lld for dimension %u (%s), but an earlier dimension of that name is %lld",
                  (long long)value, dim, name, (long long)symbols[symbol]);
    symbols[symbol] = value;
    if (value < range.min() || value > range.max())
      return fail(input, "has %lld for dimension %u (%s), must be %lld to %lld", (long long)value, dim, name,
                  (long long)range.min(), (long long)range.max());
    if (value % range.multiple_of() != 0)
      return fail(input, "has %lld for dimension %u (%s), must be a multiple of %lld", (long long)value, dim, name,
                  (long long)range.multiple_of());
    return {};
  }

  __attribute__((format(printf, 3, 4))) Status fail(unsigned input, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const Status reason = Status::errorV(StatusCode::InvalidArgument, format, arguments);
    va_end(arguments);
    return Status::error(StatusCode::InvalidArgument, "%s: input %u '%s' %s", function.name()->c_str(), input,
                         function.inputs()->Get(input)->name()->c_str(), reason.getMessage());
  }

  const schema::Export &function;
  std::span<int64_t> symbols;
};

Status checkCount(const schema::Export &function, const char *what, size_t given, size_t wanted) {
  if (given == wanted)
    return {};
  return Status::error(StatusCode::InvalidArgument, "%s takes %zu %s, not %zu", function.name()->c_str(), wanted, what,
                       given);
}

/// Results are written while inputs are still read, and in any order.
Status checkOutputs(const schema::Export &function, std::span<const Tensor> inputs, std::span<const Tensor> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].isNull())
      continue;
    const char *name = function.name()->c_str();
    if (outputs[i].getAccess() != Access::ReadWrite)
      return Status::error(StatusCode::InvalidArgument, "%s: output %zu is read-only", name, i);
    for (const Tensor &input : inputs)
      if (outputs[i].overlaps(input))
        return Status::error(StatusCode::InvalidArgument, "%s: output %zu overlaps an input", name, i);
    for (size_t other = 0; other < i; ++other)
      if (outputs[i].overlaps(outputs[other]))
        return Status::error(StatusCode::InvalidArgument, "%s: outputs %zu and %zu overlap", name, other, i);
  }
  return {};
}

} // namespace

Result<Session> Session::create(const Program &program, const Device &device, const SessionOptions &options) {
  Session session(SessionImpl::create(program, device));
  if (!session.impl)
    return Status::outOfMemory();
  TORCHC_RETURN_IF_ERROR(session.impl->prepare(options));
  return session;
}

Result<Session> Session::create(const Program &program) {
  Session session(SessionImpl::create(program, Device::localSync()));
  if (!session.impl)
    return Status::outOfMemory();
  TORCHC_RETURN_IF_ERROR(session.impl->prepare());
  return session;
}

Session::~Session() {
  if (impl)
    impl->drop();
}

Status Session::call(std::string_view function, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  TORCHC_ASSIGN_OR_RETURN(const unsigned index, impl->program.findFunction(function));
  return call(index, inputs, outputs);
}

static Status callExclusively(SessionImpl &session, const schema::Export &function, std::span<const Tensor> inputs,
                              std::span<Tensor> outputs) {
  if (!session.symbols.resize(function.symbols()->size()))
    return Status::outOfMemory();
  InputChecker checker(function, {session.symbols.data(), session.symbols.size()});
  for (unsigned i = 0; i < inputs.size(); ++i)
    TORCHC_RETURN_IF_ERROR(checker.check(i, inputs[i]));
  TORCHC_RETURN_IF_ERROR(checkOutputs(function, inputs, outputs));
  ++session.calls;
  return session.machine.call(function, inputs, outputs);
}

Status Session::call(unsigned index, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (index >= impl->getModule().exports()->size())
    return Status::error(StatusCode::InvalidArgument, "there is no function number %u", index);
  const schema::Export &function = *impl->getModule().exports()->Get(index);
  TORCHC_RETURN_IF_ERROR(checkCount(function, "inputs", inputs.size(), function.inputs()->size()));
  TORCHC_RETURN_IF_ERROR(checkCount(function, "outputs", outputs.size(), function.outputs()->size()));
  return impl->exclusively([&] { return callExclusively(*impl, function, inputs, outputs); });
}

using Values = flatbuffers::Vector<flatbuffers::Offset<schema::Value>>;

static Status borrowBuffers(const Values &values, const Buffer *buffers, Access access, Array<Tensor> &tensors) {
  if (!tensors.resize(values.size()))
    return Status::outOfMemory();
  for (unsigned i = 0; i < values.size(); ++i) {
    const schema::Value &value = *values.Get(i);
    TORCHC_RETURN_IF_ERROR(tensors[i].borrowAgain(buffers[i].data, ElementType(value.element_type()),
                                                  {buffers[i].dims, value.dims()->size()}, access));
  }
  return {};
}

Status Session::callBuffers(unsigned index, const Buffer *inputs, const Buffer *outputs) {
  if (index >= impl->getModule().exports()->size())
    return Status::error(StatusCode::InvalidArgument, "there is no function number %u", index);
  const schema::Export &function = *impl->getModule().exports()->Get(index);
  return impl->exclusively([&]() -> Status {
    TORCHC_RETURN_IF_ERROR(borrowBuffers(*function.inputs(), inputs, Access::ReadOnly, impl->bufferInputs));
    TORCHC_RETURN_IF_ERROR(borrowBuffers(*function.outputs(), outputs, Access::ReadWrite, impl->bufferOutputs));
    return callExclusively(*impl, function, {impl->bufferInputs.data(), function.inputs()->size()},
                           {impl->bufferOutputs.data(), function.outputs()->size()});
  });
}

void Session::setCancelled(bool isCancelled) {
  impl->machine.isCancelled.store(isCancelled, std::memory_order_relaxed);
}

void Session::setProfiler(const Profiler &profiler) { impl->machine.setProfiler(profiler); }

SessionStats Session::getStats() const {
  const Machine &machine = impl->machine;
  const MemoryPool &memory = machine.getMemory();
  return {impl->calls,
          memory.getHeldBytes(),
          memory.getPeakBytes(),
          machine.getScratchBytes(),
          machine.getDispatches(),
          memory.getPeakSlabBytes(),
          machine.getOutputBytes()};
}

} // namespace torchc::runtime
