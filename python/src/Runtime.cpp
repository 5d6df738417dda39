//===- Runtime.cpp - the runtime's classes in Python ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/runtime/Program.h"
#include "torchc/runtime/Session.h"

#include "DlpackTypes.h"
#include "Structure.h"
#include "TorchTensors.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace nb = nanobind;
using namespace torchc;
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

/// The same memory under another element type of the same size.
nb::object reinterpret(const InputArray &array, const std::string &name) {
  for (const DlpackType &entry : kDlpackTypes)
    if (name == getElementName(entry.type) && getElementSize(entry.type) * 8 == array.dtype().bits) {
      std::vector<int64_t> dims;
      for (size_t i = 0; i < array.ndim(); ++i)
        dims.push_back(static_cast<int64_t>(array.shape(i)));
      Tensor tensor = borrowArray(array);
      return exportTensor(takeOrRaise(tensor.view(0, entry.type, dims), runError));
    }
  throw nb::value_error(("no element type '" + name + "' of that size").c_str());
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

LoadOptions makeLoadOptions(const std::optional<std::string> &variant) {
  LoadOptions options;
  options.variant = variant ? variant->c_str() : nullptr;
  return options;
}

Program loadFile(const std::string &path, const std::optional<std::string> &variant) {
  nb::gil_scoped_release unlock;
  Result<Program> program = Program::load(path.c_str(), makeLoadOptions(variant));
  if (!program.isOk()) {
    nb::gil_scoped_acquire lock;
    raise(loadError, program.getStatus());
  }
  return program.take();
}

Program loadBytes(nb::bytes bytes, const std::optional<std::string> &variant) {
  std::span<const uint8_t> span(reinterpret_cast<const uint8_t *>(bytes.c_str()), bytes.size());
  Result<Program> program = Program::copyBytes(span, makeLoadOptions(variant));
  if (!program.isOk())
    raise(loadError, program.getStatus());
  return program.take();
}

/// Uses the bytes of a buffer where they are, which the program keeps alive.
Program borrowBuffer(nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> buffer) {
  using Buffer = decltype(buffer);
  auto owner = std::make_unique<Buffer>(buffer);
  auto release = [](void *context) {
    nb::gil_scoped_acquire lock;
    delete static_cast<Buffer *>(context);
  };
  Result<Program> program = Program::borrowBytes({buffer.data(), buffer.size()}, release, owner.get(), LoadOptions());
  if (!program.isOk())
    raise(loadError, program.getStatus());
  owner.release();
  return program.take();
}

/// The CPU names of the variants, and of the one that runs.
nb::tuple listVariants(const Program &program) {
  nb::list names;
  nb::object chosen = nb::none();
  for (unsigned i = 0; i < program.getLibraryCount(); ++i) {
    const LibraryInfo library = program.getLibrary(i);
    names.append(library.cpu);
    if (library.isChosen)
      chosen = nb::str(library.cpu);
  }
  return nb::make_tuple(names, chosen);
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

/// A session, the functions that its program calls, and what a profile is told.
struct PythonSession {
  /// Waits for other threads' calls, not holding the GIL.
  template <typename Function> auto exclusively(Function function) {
    nb::gil_scoped_release unlock;
    std::lock_guard<std::mutex> lock(*mutex);
    return function();
  }

  Program program;
  std::vector<std::unique_ptr<nb::object>> ops;
  std::unique_ptr<Session> session;
  std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>();
  std::unique_ptr<std::vector<DispatchEvent>> events;
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

PythonSession createSession(const Program &program, const Device &device, const PythonParameters &parameters,
                            const std::vector<std::pair<std::string, nb::object>> &ops) {
  PythonSession result{.program = program, .ops = {}, .session = nullptr, .events = nullptr};
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

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// An entry point of a session, ready to be called.
class BoundFunction {
public:
  /// `takes` and `gives` are what Structure is made of, of (positional inputs, inputs by name) and of the result;
  /// both None where `callNested` takes nothing. `convert` (array, dtype) makes what a result is where no input is
  /// torch's, `writeBack` (input, value) sets an input that the model writes; neither knows the session's owner.
  BoundFunction(PythonSession &session, const std::string &name, nb::handle takes, nb::handle gives, nb::object convert,
                nb::object writeBack)
      : session(session), index(findFunction(session.program, name)), convert(std::move(convert)),
        writeBack(std::move(writeBack)) {
    FunctionInfo info = session.program.getFunction(index);
    for (unsigned i = 0; i < info.inputCount; ++i)
      inputs.push_back(session.program.getInput(index, i));
    for (unsigned i = 0; i < info.outputCount; ++i)
      outputs.push_back(session.program.getOutput(index, i));
    if (!takes.is_none())
      nesting.emplace(inputs, outputs, takes, gives);
  }

  /// Calls it with torch tensors, numpy arrays and numbers. Returns the results, which are
  /// torch tensors, or arrays where no input is one, and numbers; and whether they are
  /// torch's. None where an input must first be made
  /// one that can be read in place: unless it `isPrepared`, only plain torch and numpy
  /// tensors and numbers are taken.
  nb::object call(nb::handle given, bool isPrepared, bool wantsTorch) {
    nb::object sequence = nb::steal(PySequence_Fast(given.ptr(), "the inputs are a list or a tuple"));
    if (!sequence.is_valid())
      throw nb::python_error();
    std::vector<Tensor> results;
    if (!run({PySequence_Fast_ITEMS(sequence.ptr()), static_cast<size_t>(PySequence_Fast_GET_SIZE(sequence.ptr()))},
             isPrepared, wantsTorch, results))
      return nb::none();
    nb::object list = nb::steal(PyList_New(results.size()));
    for (size_t i = 0; i < results.size(); ++i)
      PyList_SET_ITEM(list.ptr(), i, give(results[i], outputs[i].kind, wantsTorch).release().ptr());
    return nb::make_tuple(list, wantsTorch);
  }

  /// Calls it as the model is called, and returns what the model does. NotImplemented where an input must first be
  /// made one that can be read in place, or does not fit.
  nb::object callNested(nb::handle args, nb::handle kwargs) {
    std::vector<PyObject *> leaves;
    if (!nesting || !nesting->flatten(nb::make_tuple(args, kwargs), leaves))
      return nb::borrow(Py_NotImplemented);
    std::vector<PyObject *> given;
    for (size_t leaf : nesting->inputLeaves)
      given.push_back(leaves[leaf]);
    // Those of lists and dicts, which other threads may change while this one runs.
    std::vector<nb::object> written;
    for (const ValueInfo &output : outputs)
      if (output.mutates >= 0)
        written.push_back(nb::borrow(given[output.mutates]));
    bool isTorch = false;
    std::vector<Tensor> results;
    if (!run(given, false, isTorch, results))
      return nb::borrow(Py_NotImplemented);

    // A leaf that the program does not compute is None.
    std::vector<nb::object> values(nesting->gives.getLeafCount(), nb::none());
    auto target = written.begin();
    for (size_t i = 0; i < results.size(); ++i) {
      nb::object value = give(results[i], outputs[i].kind, isTorch);
      if (!isTorch && outputs[i].kind == ValueKind::Tensor)
        value = convert(value, nesting->dtypes[i]);
      if (outputs[i].mutates >= 0)
        writeBack(*target++, value);
      else
        values[nesting->outputLeaves[i]] = std::move(value);
    }
    return nesting->gives.unflatten(values);
  }

private:
  /// How values are nested, and where among the leaves the inputs and outputs are.
  struct Nesting {
    Nesting(const std::vector<ValueInfo> &inputs, const std::vector<ValueInfo> &outputs, nb::handle takes,
            nb::handle gives)
        : takes(takes), gives(gives) {
      isTaken.resize(this->takes.getLeafCount());
      for (size_t i = 0; i < inputs.size(); ++i) {
        inputLeaves.push_back(checkLeaf(inputs[i].leaf, i, this->takes));
        isTaken[inputLeaves[i]] = true;
      }
      size_t place = 0;
      for (const ValueInfo &output : outputs) {
        dtypes.emplace_back(getElementName(output.type));
        if (output.mutates >= static_cast<int>(inputs.size()))
          raise(loadError, Status::error(StatusCode::Failed, "an output writes an input that there is not"));
        outputLeaves.push_back(output.mutates >= 0 ? 0 : checkLeaf(output.leaf, place++, this->gives));
      }
    }

    static size_t checkLeaf(int leaf, size_t place, const Structure &structure) {
      size_t found = leaf < 0 ? place : static_cast<size_t>(leaf);
      if (found >= structure.getLeafCount())
        raise(loadError,
              Status::error(StatusCode::Failed, "a value is at leaf %zu of %zu", found, structure.getLeafCount()));
      return found;
    }

    bool flatten(nb::handle call, std::vector<PyObject *> &leaves) const {
      if (!takes.flatten(call.ptr(), leaves))
        return false;
      for (size_t i = 0; i < leaves.size(); ++i) // What the export took for granted is checked elsewhere.
        if (!isTaken[i] && leaves[i] != Py_None && !PyUnicode_Check(leaves[i]))
          return false;
      return true;
    }

    Structure takes, gives;
    std::vector<bool> isTaken;
    std::vector<size_t> inputLeaves, outputLeaves;
    std::vector<nb::str> dtypes;
  };

  /// False where an input must first be made one that can be read in place.
  bool run(std::span<PyObject *const> given, bool isPrepared, bool &isTorch, std::vector<Tensor> &results) {
    std::vector<Tensor> arguments(given.size());
    for (size_t i = 0; i < given.size(); ++i)
      if (!take(given[i], i, isPrepared, arguments[i], isTorch))
        return false;
    results.resize(outputs.size());
    Status status = session.exclusively([&] { return session.session->call(index, arguments, results); });
    if (!status.isOk())
      raise(runError, status);
    return true;
  }

  bool take(PyObject *value, size_t position, bool isPrepared, Tensor &tensor, bool &isTorch) {
    TorchTensors &torch = TorchTensors::get();
    if (torch.isTensor(value)) {
      isTorch = true;
      return torch.borrow(value, tensor);
    }
    if (position < inputs.size() && inputs[position].kind != ValueKind::Tensor &&
        takeNumber(value, inputs[position], tensor))
      return true;
    isTorch |= torch.isInstance(value);
    InputArray array;
    if (!(isPrepared || isNumpyArray(value)) || !nb::try_cast(nb::handle(value), array))
      return false;
    tensor = borrowArray(array);
    return true;
  }

  static bool isNumpyArray(PyObject *value) {
    const char *name = Py_TYPE(value)->tp_name;
    return std::strcmp(name, "numpy.ndarray") == 0;
  }

  /// Takes a Python number of the kind that is wanted. An int is a float, too; a bool is no int.
  static bool takeNumber(PyObject *value, const ValueInfo &info, Tensor &tensor) {
    union {
      int64_t integer;
      double number;
    } bits{0};
    if (info.kind == ValueKind::Bool && PyBool_Check(value)) {
      bits.integer = value == Py_True;
    } else if (info.kind == ValueKind::Int && PyLong_CheckExact(value)) {
      bits.integer = PyLong_AsLongLong(value);
    } else if (info.kind == ValueKind::Float && (PyFloat_CheckExact(value) || PyLong_CheckExact(value))) {
      bits.number = PyFloat_AsDouble(value);
    } else {
      return false;
    }
    if (PyErr_Occurred()) { // Too large.
      PyErr_Clear();
      return false;
    }
    tensor = takeOrRaise(Tensor::allocate(info.type, {}), runError);
    std::memcpy(tensor.getMutableData(), &bits, getElementSize(info.type));
    return true;
  }

  static nb::object giveTorch(Tensor tensor) {
    TorchTensors &torch = TorchTensors::get();
    return torch.hasTable() ? torch.give(std::move(tensor)) : torch.convert(exportTensor(std::move(tensor)));
  }

  static nb::object give(Tensor &tensor, ValueKind kind, bool asTorch) {
    union {
      int64_t integer;
      double number;
    } bits{0};
    if (kind == ValueKind::Tensor)
      return asTorch ? giveTorch(std::move(tensor)) : exportTensor(std::move(tensor));
    std::memcpy(&bits, tensor.getData(), tensor.getByteLength());
    if (kind == ValueKind::Bool)
      return nb::bool_(bits.integer != 0);
    return kind == ValueKind::Int ? nb::object(nb::int_(bits.integer)) : nb::object(nb::float_(bits.number));
  }

  PythonSession &session;
  unsigned index;
  nb::object convert, writeBack;
  std::vector<ValueInfo> inputs, outputs;
  std::optional<Nesting> nesting;
};

/// The base of torchc.Program, whose calls run no Python: two frames of it take a third of a call's time.
struct ProgramBase {
  /// Calls of the object are calls of the entry point of that name, a BoundFunction or None.
  ProgramBase(nb::str name, nb::object function) : name(std::move(name)), function(std::move(function)) {}

  nb::str name;
  nb::object function;
};

nb::object callObject(nb::handle object, nb::handle args, nb::handle kwargs) {
  if (!nb::inst_ready(object))
    throw nb::type_error("__init__ was not called");
  const ProgramBase &program = *nb::inst_ptr<ProgramBase>(object);
  BoundFunction *function;
  if (nb::try_cast(program.function, function) && function)
    if (nb::object result = function->callNested(args, kwargs); !result.is(nb::handle(Py_NotImplemented)))
      return result;
  return object.attr("_call_converted")(program.name, args, kwargs);
}

/// tp_call of ProgramBase.
PyObject *callSlot(PyObject *object, PyObject *args, PyObject *kwargs) noexcept {
  try {
    return callObject(object, args, kwargs ? nb::borrow(kwargs) : nb::object(nb::dict())).release().ptr();
  } catch (nb::python_error &error) {
    error.restore();
  } catch (const std::bad_alloc &) {
    PyErr_NoMemory();
  } catch (const nb::builtin_exception &error) {
    PyErr_SetString(PyExc_TypeError, error.what());
  } catch (const std::exception &error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Profiles
//===----------------------------------------------------------------------===//

void startProfile(PythonSession &session) {
  session.exclusively([&] {
    session.events = std::make_unique<std::vector<DispatchEvent>>();
    Profiler profiler;
    profiler.context = session.events.get();
    profiler.onDispatch = [](void *context, const DispatchEvent &event) {
      static_cast<std::vector<DispatchEvent> *>(context)->push_back(event);
    };
    session.session->setProfiler(profiler);
  });
}

/// The dispatches since the start: kernel, begin and end in nanoseconds, work groups, bytes
/// read and written, and the ops and source lines of the model that the kernel computes.
nb::list stopProfile(PythonSession &session) {
  session.exclusively([&] { session.session->setProfiler({}); });
  nb::list dispatches;
  if (!session.events)
    return dispatches;
  std::unique_ptr<std::vector<DispatchEvent>> events = std::move(session.events);
  for (const DispatchEvent &event : *events) {
    nb::list sources;
    for (unsigned i = 0; i < session.program.getSourceCount(event.instruction); ++i) {
      SourceInfo source = session.program.getSource(event.instruction, i);
      sources.append(nb::make_tuple(source.op, source.location));
    }
    nb::dict dispatch;
    dispatch["kernel"] = session.program.getKernel(event.kernel).name;
    dispatch["begin"] = event.begin;
    dispatch["end"] = event.end;
    dispatch["workgroups"] = event.workgroups;
    dispatch["bytes_read"] = event.bytesRead;
    dispatch["bytes_written"] = event.bytesWritten;
    dispatch["sources"] = sources;
    dispatches.append(dispatch);
  }
  return dispatches;
}

} // namespace

NB_MODULE(_runtime, m) {
  // Programs and devices may live as long as the process.
  nb::set_leak_warnings(false);
  m.doc() = "Loads and runs .vmfb programs.";
  nb::object errors = nb::module_::import_("torchc.errors");
  loadError = errors.attr("LoadError");
  runError = errors.attr("RunError");
  // Static storage would outlive the interpreter.
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([] {
    TorchTensors::get().reset();
    loadError.reset();
    runError.reset();
  }));

  nb::class_<Program>(m, "Program", "A verified program; immutable, shared by any number of sessions.")
      .def_static("load", &loadFile, nb::arg("path"), nb::arg("variant").none() = nb::none())
      .def_static("from_bytes", &loadBytes, nb::arg("data"), nb::arg("variant").none() = nb::none())
      .def_static("borrow", &borrowBuffer, nb::arg("buffer"))
      .def_prop_ro("variants", &listVariants)
      .def_prop_ro("functions", &listFunctions)
      .def_prop_ro("state", &listState)
      .def("describe", &describeFunction, nb::arg("function"));
  nb::class_<PythonParameters>(m, "Parameters", "Weights outside of programs, by scope and key.")
      .def(nb::init<>())
      .def("add_file", &PythonParameters::addFile, nb::arg("scope"), nb::arg("path"))
      .def("add", &PythonParameters::add, nb::arg("scope"), nb::arg("key"), nb::arg("array"));
  nb::class_<PythonSession>(m, "Session", "A program's state for one caller.")
      .def("reset",
           [](PythonSession &session) { raiseIfError(session.exclusively([&] { return session.session->reset(); })); })
      .def(
          "get_state",
          [](PythonSession &session, const std::string &name) {
            return exportTensor(
                takeOrRaise(session.exclusively([&] { return session.session->getState(name); }), runError));
          },
          nb::arg("name"))
      .def(
          "set_state",
          [](PythonSession &session, const std::string &name, const InputArray &array) {
            Tensor tensor = borrowArray(array);
            raiseIfError(session.exclusively([&] { return session.session->setState(name, tensor); }));
          },
          nb::arg("name"), nb::arg("array"))
      .def(
          "save_state",
          [](PythonSession &session, const std::string &path) {
            raiseIfError(session.exclusively([&] { return session.session->saveState(path.c_str()); }));
          },
          nb::arg("path"))
      .def(
          "load_state",
          [](PythonSession &session, const std::string &path) {
            raiseIfError(session.exclusively([&] { return session.session->loadState(path.c_str()); }));
          },
          nb::arg("path"))
      .def("start_profile", &startProfile)
      .def("stop_profile", &stopProfile)
      .def(
          "bind",
          [](PythonSession &session, const std::string &name, nb::handle takes, nb::handle gives, nb::object convert,
             nb::object writeBack) {
            return BoundFunction(session, name, takes, gives, std::move(convert), std::move(writeBack));
          },
          nb::keep_alive<0, 1>(), nb::arg("function"), nb::arg("takes").none(), nb::arg("gives").none(),
          nb::arg("convert"), nb::arg("write_back"));
  nb::class_<BoundFunction>(m, "BoundFunction", "An entry point of a session.")
      .def("call", &BoundFunction::call, nb::arg("inputs"), nb::arg("is_prepared"), nb::arg("wants_torch"))
      .def("call_nested", &BoundFunction::callNested, nb::arg("args"), nb::arg("kwargs"));
  static PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void *>(&callSlot)}, {0, nullptr}};
  nb::class_<ProgramBase>(m, "ProgramBase", "An object whose call is that of an entry point.", nb::type_slots(slots))
      .def(nb::init<nb::str, nb::object>(), nb::arg("name"), nb::arg("function").none());
  m.def(
      "use_torch",
      [](nb::object tensor, nb::object parameter, nb::object fromDlpack) {
        TorchTensors::get().use(tensor, parameter, fromDlpack);
      },
      nb::arg("tensor"), nb::arg("parameter"), nb::arg("from_dlpack"));
  m.def("reinterpret", &reinterpret, nb::arg("array"), nb::arg("dtype"));
  nb::class_<Device>(m, "Device", "Threads that run kernels; any number of sessions may share them.")
      .def_static("local_sync", &Device::localSync)
      .def_static(
          "local_task", [](unsigned threads) { return takeOrRaise(Device::localTask(threads), runError); },
          nb::arg("threads"))
      .def_prop_ro("worker_count", &Device::getWorkerCount);
  m.def("create_session", &createSession, nb::arg("program"), nb::arg("device"), nb::arg("parameters"), nb::arg("ops"));
}
