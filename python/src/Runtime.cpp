//===- Runtime.cpp - the runtime's classes in Python ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Program.h"
#include "torchc/runtime/Session.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <vector>

namespace nb = nanobind;
using namespace torchc::runtime;

namespace {

/// torchc.LoadError and torchc.RunError, made when the module is loaded.
nb::object loadError, runError;

[[noreturn]] void raise(const nb::object &type, const Status &status) {
  PyErr_SetString(type.ptr(), status.getMessage());
  throw nb::python_error();
}

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

enum class DlpackCode : uint8_t { Int = 0, UInt = 1, Float = 2, Bfloat = 4, Complex = 5, Bool = 6, Float8E4M3FN = 10, Float8E5M2 = 12 };

struct DlpackType {
  ElementType type;
  DlpackCode code;
};

constexpr DlpackType kDlpackTypes[] = {
    {ElementType::U8, DlpackCode::UInt},          {ElementType::U16, DlpackCode::UInt},
    {ElementType::U32, DlpackCode::UInt},         {ElementType::U64, DlpackCode::UInt},
    {ElementType::I8, DlpackCode::Int},           {ElementType::I16, DlpackCode::Int},
    {ElementType::I32, DlpackCode::Int},          {ElementType::I64, DlpackCode::Int},
    {ElementType::F16, DlpackCode::Float},        {ElementType::F32, DlpackCode::Float},
    {ElementType::F64, DlpackCode::Float},        {ElementType::BF16, DlpackCode::Bfloat},
    {ElementType::ComplexF32, DlpackCode::Complex}, {ElementType::ComplexF64, DlpackCode::Complex},
    {ElementType::I1, DlpackCode::Bool},          {ElementType::F8E4M3FN, DlpackCode::Float8E4M3FN},
    {ElementType::F8E5M2, DlpackCode::Float8E5M2},
};

nb::dlpack::dtype toDlpack(ElementType type) {
  for (const DlpackType &entry : kDlpackTypes)
    if (entry.type == type)
      return {static_cast<uint8_t>(entry.code), static_cast<uint8_t>(getElementSize(type) * 8), 1};
  throw nb::type_error("an element type that DLPack does not know");
}

ElementType fromDlpack(nb::dlpack::dtype dtype) {
  for (const DlpackType &entry : kDlpackTypes)
    if (static_cast<uint8_t>(entry.code) == dtype.code && getElementSize(entry.type) * 8 == dtype.bits && dtype.lanes == 1)
      return entry.type;
  throw nb::type_error("an element type that torchc does not know");
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

using InputArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

/// A tensor on the array's memory, which it keeps alive.
Tensor borrowArray(const InputArray &array) {
  std::vector<int64_t> dims(array.ndim());
  for (size_t i = 0; i < dims.size(); ++i)
    dims[i] = static_cast<int64_t>(array.shape(i));
  auto owner = std::make_unique<InputArray>(array);
  auto release = [](void *context) {
    nb::gil_scoped_acquire lock;
    delete static_cast<InputArray *>(context);
  };
  Result<Tensor> tensor = Tensor::borrow(const_cast<void *>(array.data()), array.nbytes(), fromDlpack(array.dtype()),
                                         dims, Access::ReadOnly, release, owner.get());
  if (!tensor.isOk())
    raise(runError, tensor.getStatus());
  owner.release();
  return tensor.take();
}

/// An array on the tensor's memory, which it keeps alive: it has the buffer
/// protocol, but for types that Python's buffers lack, and DLPack.
nb::object exportTensor(Tensor tensor) {
  auto owner = std::make_unique<Tensor>(std::move(tensor));
  std::vector<size_t> shape(owner->getDims().begin(), owner->getDims().end());
  void *data = owner->getMutableData() ? owner->getMutableData() : const_cast<uint8_t *>(owner->getData());
  nb::dlpack::dtype dtype = toDlpack(owner->getElementType());
  nb::capsule capsule(owner.get(), [](void *pointer) noexcept { delete static_cast<Tensor *>(pointer); });
  owner.release();
  return nb::cast(nb::ndarray<nb::array_api>(data, shape.size(), shape.data(), capsule, nullptr, dtype));
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

Program loadFile(const std::string &path) {
  nb::gil_scoped_release unlock;
  Result<Program> program = Program::load(path.c_str(), LoadOptions());
  if (!program.isOk()) {
    nb::gil_scoped_acquire lock;
    raise(loadError, program.getStatus());
  }
  return program.take();
}

Program loadBytes(nb::bytes bytes) {
  std::span<const uint8_t> span(reinterpret_cast<const uint8_t *>(bytes.c_str()), bytes.size());
  Result<Program> program = Program::copyBytes(span, LoadOptions());
  if (!program.isOk())
    raise(loadError, program.getStatus());
  return program.take();
}

unsigned findFunction(const Program &program, const std::string &name) {
  Result<unsigned> function = program.findFunction(name);
  if (!function.isOk())
    raise(runError, function.getStatus());
  return *function;
}

/// {name, kind, dtype, dims, leaf, mutates}: a dim is an int, a symbol's name, or
/// None; leaf and mutates are None where the file has none.
nb::dict describeValue(const Program &program, unsigned function, const ValueInfo &info) {
  nb::list dims;
  for (int64_t dim : info.dims) {
    if (dim >= 0)
      dims.append(dim);
    else if (dim == INT64_MIN)
      dims.append(nb::none());
    else
      dims.append(program.getSymbol(function, static_cast<unsigned>(-1 - dim)).name);
  }
  nb::dict value;
  static constexpr const char *kinds[] = {"tensor", "int", "float", "bool"};
  auto orNone = [](int number) { return number < 0 ? nb::object(nb::none()) : nb::object(nb::int_(number)); };
  value["name"] = info.name;
  value["kind"] = kinds[static_cast<unsigned>(info.kind)];
  value["leaf"] = orNone(info.leaf);
  value["mutates"] = orNone(info.mutates);
  value["dtype"] = getElementName(info.type);
  value["dims"] = nb::tuple(dims);
  return value;
}

nb::dict describeFunction(const Program &program, const std::string &name) {
  unsigned function = findFunction(program, name);
  FunctionInfo info = program.getFunction(function);
  nb::list inputs, outputs;
  for (unsigned i = 0; i < info.inputCount; ++i)
    inputs.append(describeValue(program, function, program.getInput(function, i)));
  for (unsigned i = 0; i < info.outputCount; ++i)
    outputs.append(describeValue(program, function, program.getOutput(function, i)));
  nb::dict description;
  description["inputs"] = inputs;
  description["outputs"] = outputs;
  description["input_spec"] = info.inputSpec;
  description["output_spec"] = info.outputSpec;
  return description;
}

std::vector<std::string> listFunctions(const Program &program) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < program.getFunctionCount(); ++i)
    names.push_back(program.getFunction(i).name);
  return names;
}

Session createSession(const Program &program, unsigned threads) {
  Device device = Device::localSync();
  if (threads != 1) {
    Result<Device> pool = Device::localTask(threads);
    if (!pool.isOk())
      raise(runError, pool.getStatus());
    device = pool.take();
  }
  Result<Session> session = Session::create(program, device, SessionOptions());
  if (!session.isOk())
    raise(runError, session.getStatus());
  return session.take();
}

nb::list call(Session &session, const Program &program, const std::string &name, std::vector<InputArray> arrays) {
  unsigned function = findFunction(program, name);
  std::vector<Tensor> inputs;
  for (const InputArray &array : arrays)
    inputs.push_back(borrowArray(array));
  std::vector<Tensor> outputs(program.getFunction(function).outputCount);
  Status status;
  {
    nb::gil_scoped_release unlock;
    status = session.call(function, inputs, outputs);
  }
  if (!status.isOk())
    raise(runError, status);
  nb::list results;
  for (Tensor &output : outputs)
    results.append(exportTensor(std::move(output)));
  return results;
}

} // namespace

NB_MODULE(_runtime, m) {
  m.doc() = "Loads and runs .vmfb programs.";
  nb::object errors = nb::module_::import_("torchc.errors");
  loadError = errors.attr("LoadError");
  runError = errors.attr("RunError");
  // Static storage would outlive the interpreter.
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([] {
    loadError.reset();
    runError.reset();
  }));

  nb::class_<Program>(m, "Program", "A verified program; immutable, shared by any number of sessions.")
      .def_static("load", &loadFile, nb::arg("path"))
      .def_static("from_bytes", &loadBytes, nb::arg("data"))
      .def_prop_ro("functions", &listFunctions)
      .def("describe", &describeFunction, nb::arg("function"));
  nb::class_<Session>(m, "Session", "A program's state for one caller.")
      .def("call", &call, nb::arg("program"), nb::arg("function"), nb::arg("inputs"));
  m.def("create_session", &createSession, nb::arg("program"), nb::arg("threads"));
}
