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
#include <nanobind/stl/pair.h>
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

template <typename T> T takeOrRaise(Result<T> result, const nb::object &type) {
  if (!result.isOk())
    raise(type, result.getStatus());
  return result.take();
}

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

enum class DlpackCode : uint8_t {
  Int = 0,
  UInt = 1,
  Float = 2,
  Bfloat = 4,
  Complex = 5,
  Bool = 6,
  Float8E4M3FN = 10,
  Float8E5M2 = 12
};

struct DlpackType {
  ElementType type;
  DlpackCode code;
};

constexpr DlpackType kDlpackTypes[] = {
    {ElementType::U8, DlpackCode::UInt},
    {ElementType::U16, DlpackCode::UInt},
    {ElementType::U32, DlpackCode::UInt},
    {ElementType::U64, DlpackCode::UInt},
    {ElementType::I8, DlpackCode::Int},
    {ElementType::I16, DlpackCode::Int},
    {ElementType::I32, DlpackCode::Int},
    {ElementType::I64, DlpackCode::Int},
    {ElementType::F16, DlpackCode::Float},
    {ElementType::F32, DlpackCode::Float},
    {ElementType::F64, DlpackCode::Float},
    {ElementType::BF16, DlpackCode::Bfloat},
    {ElementType::ComplexF32, DlpackCode::Complex},
    {ElementType::ComplexF64, DlpackCode::Complex},
    {ElementType::I1, DlpackCode::Bool},
    {ElementType::F8E4M3FN, DlpackCode::Float8E4M3FN},
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
    if (static_cast<uint8_t>(entry.code) == dtype.code && getElementSize(entry.type) * 8 == dtype.bits &&
        dtype.lanes == 1)
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

/// Tensors by scope and key; as Parameters, made without arguments.
struct PythonParameters {
  PythonParameters() : parameters(takeOrRaise(Parameters::create(), loadError)) {}
  void addFile(const std::string &scope, const std::string &path) {
    if (Status status = parameters.addFile(scope, path.c_str()); !status.isOk())
      raise(loadError, status);
  }
  void add(const std::string &scope, const std::string &key, const InputArray &array) {
    if (Status status = parameters.add(scope, key, borrowArray(array)); !status.isOk())
      raise(loadError, status);
  }
  Parameters parameters;
};

/// A session and the functions that its program calls.
struct PythonSession {
  std::vector<std::unique_ptr<nb::object>> ops;
  std::unique_ptr<Session> session;
};

/// Calls a Python function (attributes, arguments) -> results, numbers and arrays.
Status callOp(void *context, const char *attributes, std::span<const ExternalValue> arguments,
              std::span<ExternalValue> results) {
  nb::gil_scoped_acquire lock;
  try {
    nb::list given;
    for (const ExternalValue &argument : arguments)
      given.append(argument.tensor.isNull() ? nb::object(nb::int_(argument.integer)) : exportTensor(argument.tensor));
    nb::list made = nb::cast<nb::list>((*static_cast<nb::object *>(context))(attributes, given));
    if (made.size() != results.size())
      return Status::error(StatusCode::Failed, "gave %zu results, not %zu", made.size(), results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      if (nb::isinstance<nb::int_>(made[i]))
        results[i].integer = nb::cast<int64_t>(made[i]);
      else
        results[i].tensor = borrowArray(nb::cast<InputArray>(made[i]));
    }
    return {};
  } catch (const nb::python_error &error) { // One line, without the stack.
    const nb::str type = nb::str(error.type().attr("__name__")), text = nb::str(error.value());
    return Status::error(StatusCode::Failed, "%s: %s", type.c_str(), text.c_str());
  } catch (const std::exception &error) {
    return Status::error(StatusCode::Failed, "%s", error.what());
  }
}

PythonSession createSession(const Program &program, unsigned threads, const PythonParameters &parameters,
                            const std::vector<std::pair<std::string, nb::object>> &ops) {
  Device device = threads == 1 ? Device::localSync() : takeOrRaise(Device::localTask(threads), runError);
  PythonSession result;
  std::vector<ExternalBinding> bindings;
  for (const auto &[name, function] : ops) {
    result.ops.push_back(std::make_unique<nb::object>(function));
    bindings.push_back({name.c_str(), nullptr, callOp, result.ops.back().get()});
  }
  SessionOptions options;
  options.parameters = &parameters.parameters;
  options.externals = bindings;
  result.session = std::make_unique<Session>(takeOrRaise(Session::create(program, device, options), loadError));
  return result;
}

std::vector<std::string> listState(const Program &program) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < program.getStateCount(); ++i)
    names.push_back(program.getState(i).name);
  return names;
}

void raiseIfError(const Status &status) {
  if (!status.isOk())
    raise(runError, status);
}

nb::list call(PythonSession &session, const Program &program, const std::string &name, std::vector<InputArray> arrays) {
  unsigned function = findFunction(program, name);
  std::vector<Tensor> inputs;
  for (const InputArray &array : arrays)
    inputs.push_back(borrowArray(array));
  std::vector<Tensor> outputs(program.getFunction(function).outputCount);
  Status status;
  {
    nb::gil_scoped_release unlock;
    status = session.session->call(function, inputs, outputs);
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
      .def_prop_ro("state", &listState)
      .def("describe", &describeFunction, nb::arg("function"));
  nb::class_<PythonParameters>(m, "Parameters", "Weights outside of programs, by scope and key.")
      .def(nb::init<>())
      .def("add_file", &PythonParameters::addFile, nb::arg("scope"), nb::arg("path"))
      .def("add", &PythonParameters::add, nb::arg("scope"), nb::arg("key"), nb::arg("array"));
  nb::class_<PythonSession>(m, "Session", "A program's state for one caller.")
      .def("reset", [](PythonSession &session) { raiseIfError(session.session->reset()); })
      .def("get_state",
           [](PythonSession &session, const std::string &name) {
             return exportTensor(takeOrRaise(session.session->getState(name), runError));
           })
      .def("set_state",
           [](PythonSession &session, const std::string &name, const InputArray &array) {
             raiseIfError(session.session->setState(name, borrowArray(array)));
           })
      .def("save_state", [](PythonSession &session,
                            const std::string &path) { raiseIfError(session.session->saveState(path.c_str())); })
      .def("load_state", [](PythonSession &session,
                            const std::string &path) { raiseIfError(session.session->loadState(path.c_str())); })
      .def("call", &call, nb::arg("program"), nb::arg("function"), nb::arg("inputs"));
  m.def("create_session", &createSession, nb::arg("program"), nb::arg("threads"), nb::arg("parameters"),
        nb::arg("ops"));
}
