//===- runtime.hpp - the runtime for C++ programs ---------------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//
// Load, make a session, call:
//
//   auto program = torchc::Program::load("model.vmfb");
//   if (!program) return fail(program.status().message());
//   auto session = torchc::Session::create(*program);
//   if (!session) return fail(session.status().message());
//   auto outputs = session->call("forward", {x});
//   if (outputs) use((*outputs)[0].data<float>());
//
// This header is all of the C++ API: C++17, nothing behind it but the C API of
// torchc/runtime.h, which says in full what can go wrong, who owns what and what threads
// may do. So a program works with any compiler, C++ library and later version of the
// runtime. Objects are handles: they free themselves, move, and copy where the C API
// shares.
//
// Errors are values, not exceptions: loading and calling fail for reasons that a program
// must expect (a file, a shape, memory), embedders often build without exceptions, and
// none could pass the C API anyway. A status or result that is not looked at is a
// compiler warning. Only the C++ library's own std::bad_alloc is thrown, from containers.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_RUNTIME_HPP
#define TORCHC_RUNTIME_HPP

#include "torchc/runtime.h"

#include <complex>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace torchc {

namespace detail {
template <typename Handle, void (*Free)(Handle *)> struct Deleter {
  void operator()(Handle *handle) const { Free(handle); }
};
template <typename Handle, void (*Free)(Handle *)> using Owned = std::unique_ptr<Handle, Deleter<Handle, Free>>;
} // namespace detail

/// Success, or a code and one line of text.
class [[nodiscard]] Status {
public:
  Status() = default;
  /// Takes a status of the C API.
  explicit Status(torchc_status *status) : handle(status) {}
  static Status error(torchc_status_code code, const std::string &message) {
    return Status(torchc_status_create(code, message.c_str()));
  }

  explicit operator bool() const { return !handle; } ///< Whether it is success.
  torchc_status_code code() const { return torchc_status_get_code(handle.get()); }
  const char *message() const { return torchc_status_get_message(handle.get()); }
  torchc_status *release() { return handle.release(); }

private:
  detail::Owned<torchc_status, torchc_status_free> handle;
};

/// A T, or the error that took its place. `*result` needs a result that is true.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Status error) : error(std::move(error)) {}

  explicit operator bool() const { return held.has_value(); }
  T &operator*() { return *held; }
  T *operator->() { return &*held; }
  Status &status() { return error; }

private:
  std::optional<T> held;
  Status error;
};

/// The element type of a C++ type: elementType<float> is TORCHC_F32. Others (f16, bf16,
/// f8) are named by their number.
template <typename T> inline constexpr torchc_element_type elementType = 255;
template <> inline constexpr torchc_element_type elementType<uint8_t> = TORCHC_U8;
template <> inline constexpr torchc_element_type elementType<int8_t> = TORCHC_I8;
template <> inline constexpr torchc_element_type elementType<int16_t> = TORCHC_I16;
template <> inline constexpr torchc_element_type elementType<int32_t> = TORCHC_I32;
template <> inline constexpr torchc_element_type elementType<int64_t> = TORCHC_I64;
template <> inline constexpr torchc_element_type elementType<float> = TORCHC_F32;
template <> inline constexpr torchc_element_type elementType<double> = TORCHC_F64;
template <> inline constexpr torchc_element_type elementType<std::complex<float>> = TORCHC_COMPLEX_F32;
template <> inline constexpr torchc_element_type elementType<std::complex<double>> = TORCHC_COMPLEX_F64;
template <> inline constexpr torchc_element_type elementType<bool> = TORCHC_I1;
template <> inline constexpr torchc_element_type elementType<uint16_t> = TORCHC_U16;
template <> inline constexpr torchc_element_type elementType<uint32_t> = TORCHC_U32;
template <> inline constexpr torchc_element_type elementType<uint64_t> = TORCHC_U64;

/// A contiguous, row-major tensor, or (default-constructed) nothing. Copies share elements.
class Tensor {
public:
  Tensor() = default;
  /// Takes a handle of the C API.
  explicit Tensor(torchc_tensor *tensor) : handle(tensor) {}
  /// A copy is nothing if there is no memory for its handle.
  Tensor(const Tensor &other) {
    torchc_tensor *copy = nullptr;
    if (other.handle && Status(torchc_tensor_share(other.get(), &copy)))
      handle.reset(copy);
  }
  Tensor(Tensor &&) noexcept = default;
  Tensor &operator=(Tensor other) noexcept {
    handle.swap(other.handle);
    return *this;
  }

  /// New memory, undefined contents.
  static Result<Tensor> allocate(torchc_element_type type, const std::vector<int64_t> &dims) {
    torchc_tensor *tensor = nullptr;
    if (Status status{torchc_tensor_allocate(type, dims.data(), uint8_t(dims.size()), &tensor)}; !status)
      return status;
    return Tensor(tensor);
  }
  /// A copy of as many values as the dims need.
  template <typename T> static Result<Tensor> copy(const std::vector<T> &values, const std::vector<int64_t> &dims) {
    auto tensor = allocate(elementType<T>, dims);
    if (!tensor)
      return tensor;
    if (tensor->byteLength() != values.size() * sizeof(T))
      return Status::error(TORCHC_INVALID_ARGUMENT, "the number of values is not that of the dims");
    if (!values.empty())
      std::memcpy(tensor->template mutableData<T>(), values.data(), tensor->byteLength());
    return tensor;
  }
  /// The caller's elements, `count` of them, which outlive the tensor and its copies.
  template <typename T> static Result<Tensor> borrow(T *data, size_t count, const std::vector<int64_t> &dims) {
    using Element = std::remove_const_t<T>;
    torchc_tensor *tensor = nullptr;
    Status status(torchc_tensor_borrow(const_cast<Element *>(data), count * sizeof(T), elementType<Element>,
                                       dims.data(), uint8_t(dims.size()), std::is_const_v<T>, nullptr, nullptr,
                                       &tensor));
    if (!status)
      return status;
    return Tensor(tensor);
  }

  explicit operator bool() const { return handle != nullptr; }
  torchc_element_type type() const { return torchc_tensor_get_element_type(get()); }
  std::vector<int64_t> dims() const {
    const int64_t *dims = nullptr;
    const uint8_t rank = torchc_tensor_get_dims(get(), &dims);
    return {dims, dims + rank};
  }
  uint64_t byteLength() const { return torchc_tensor_get_byte_length(get()); }
  /// nullptr unless the elements are of type T.
  template <typename T> const T *data() const {
    return type() == elementType<T> ? static_cast<const T *>(torchc_tensor_get_data(get())) : nullptr;
  }
  /// The same; nullptr, too, for a read-only tensor.
  template <typename T> T *mutableData() {
    return type() == elementType<T> ? static_cast<T *>(torchc_tensor_get_mutable_data(get())) : nullptr;
  }
  template <typename T> size_t size() const { return byteLength() / sizeof(T); }

  torchc_tensor *get() const { return handle.get(); }
  torchc_tensor *release() { return handle.release(); }

private:
  detail::Owned<torchc_tensor, torchc_tensor_free> handle;
};

/// The threads that run kernels.
class Device {
public:
  /// Kernels run in the calling thread.
  static Device localSync() { return Device(nullptr); }
  /// In `threads`, the calling one included; 0: one a CPU.
  static Result<Device> localTask(uint32_t threads = 0) {
    torchc_device *device = nullptr;
    if (Status status{torchc_device_create_local_task(threads, &device)}; !status)
      return status;
    return Device(device);
  }
  const torchc_device *get() const { return handle.get(); }

private:
  explicit Device(torchc_device *device) : handle(device) {}
  detail::Owned<torchc_device, torchc_device_free> handle;
};

struct LoadOptions {
  bool verifyConstants = false;
  bool inspectOnly = false;
  /// The kernels to take, by torchc_variant_info::cpu; nullptr: the best that this CPU runs.
  const char *variant = nullptr;
};

/// A verified program.
class Program {
public:
  static Result<Program> load(const std::string &path, const LoadOptions &options = {}) {
    const torchc_load_options how = convert(options);
    torchc_program *program = nullptr;
    return wrap(torchc_program_load(path.c_str(), &how, &program), program);
  }
  static Result<Program> copyBytes(const void *bytes, size_t size, const LoadOptions &options = {}) {
    const torchc_load_options how = convert(options);
    torchc_program *program = nullptr;
    return wrap(torchc_program_copy_bytes(bytes, size, &how, &program), program);
  }
  /// Bytes that are 64-byte aligned and outlive everything made of the program.
  static Result<Program> borrowBytes(const void *bytes, size_t size, const LoadOptions &options = {}) {
    const torchc_load_options how = convert(options);
    torchc_program *program = nullptr;
    return wrap(torchc_program_borrow_bytes(bytes, size, nullptr, nullptr, &how, &program), program);
  }

  Result<uint32_t> findFunction(const std::string &name) const {
    uint32_t function = 0;
    if (Status status{torchc_program_find_function(get(), name.c_str(), &function)}; !status)
      return status;
    return function;
  }
  // What there is, by index: torchc_function_info and so on.
  uint32_t functionCount() const { return torchc_program_get_function_count(get()); }
  Result<torchc_function_info> function(uint32_t index) const {
    return info<torchc_function_info>(torchc_program_get_function, index);
  }
  Result<torchc_value_info> input(uint32_t function, uint32_t index) const {
    return info<torchc_value_info>(torchc_program_get_input, function, index);
  }
  Result<torchc_value_info> output(uint32_t function, uint32_t index) const {
    return info<torchc_value_info>(torchc_program_get_output, function, index);
  }
  Result<torchc_symbol_info> symbol(uint32_t function, uint32_t index) const {
    return info<torchc_symbol_info>(torchc_program_get_symbol, function, index);
  }
  uint32_t variantCount() const { return torchc_program_get_variant_count(get()); }
  Result<torchc_variant_info> variant(uint32_t index) const {
    return info<torchc_variant_info>(torchc_program_get_variant, index);
  }
  uint32_t parameterCount() const { return torchc_program_get_parameter_count(get()); }
  Result<torchc_parameter_info> parameter(uint32_t index) const {
    return info<torchc_parameter_info>(torchc_program_get_parameter, index);
  }
  uint32_t stateCount() const { return torchc_program_get_state_count(get()); }
  Result<torchc_state_info> state(uint32_t index) const {
    return info<torchc_state_info>(torchc_program_get_state, index);
  }

  const torchc_program *get() const { return handle.get(); }

private:
  explicit Program(torchc_program *program) : handle(program) {}
  static torchc_load_options convert(const LoadOptions &options) {
    return {sizeof(torchc_load_options), options.verifyConstants, options.inspectOnly, options.variant};
  }
  static Result<Program> wrap(torchc_status *error, torchc_program *&program) {
    if (Status status{error}; !status)
      return status;
    return Program(program);
  }
  template <typename Info, typename Ask, typename... Indices> Result<Info> info(Ask ask, Indices... indices) const {
    Info found = {};
    found.struct_size = sizeof(Info);
    if (Status status{ask(get(), indices..., &found)}; !status)
      return status;
    return found;
  }

  detail::Owned<torchc_program, torchc_program_free> handle;
};

/// Weights that lie outside of programs, by scope and key.
class Parameters {
public:
  static Result<Parameters> create() {
    torchc_parameters *parameters = nullptr;
    if (Status status{torchc_parameters_create(&parameters)}; !status)
      return status;
    return Parameters(parameters);
  }
  /// All tensors of a safetensors file, mapped and shared by every session.
  Status addFile(const std::string &scope, const std::string &path) {
    return Status(torchc_parameters_add_file(handle.get(), scope.c_str(), path.c_str()));
  }
  Status add(const std::string &scope, const std::string &key, const Tensor &tensor) {
    return Status(torchc_parameters_add_tensor(handle.get(), scope.c_str(), key.c_str(), tensor.get()));
  }
  const torchc_parameters *get() const { return handle.get(); }

private:
  explicit Parameters(torchc_parameters *parameters) : handle(parameters) {}
  detail::Owned<torchc_parameters, torchc_parameters_free> handle;
};

/// An argument or result of a custom op: a tensor, or (no tensor) an integer.
struct Value {
  Value() = default;
  Value(int64_t integer) : integer(integer) {}
  Value(Tensor tensor) : tensor(std::move(tensor)) {}
  int64_t integer = 0;
  Tensor tensor;
};

/// A function of this program that compiled programs call by name.
struct CustomOp {
  std::string name;      ///< "mylib::foo"
  std::string signature; ///< "(Tensor, int) -> (Tensor)"
  /// Sets all of `results`, which has their number. `attributes` is JSON. Called in the
  /// thread of the call; not to throw, nor to keep arguments.
  std::function<Status(const char *attributes, const std::vector<Value> &arguments, std::vector<Value> &results)>
      function;
};

struct SessionOptions {
  uint64_t maxSteps = 0;       ///< Instructions and work groups of a call; 0: no limit.
  uint64_t maxMemoryBytes = 0; ///< 0: no limit.
  std::vector<CustomOp> ops;
  const Parameters *parameters = nullptr;
};

/// A program's state for one caller; one thread at a time.
class Session {
public:
  static Result<Session> create(const Program &program, const Device &device = Device::localSync(),
                                const SessionOptions &options = {}) {
    Session session;
    session.ops = std::make_unique<std::vector<CustomOp>>(options.ops);
    std::vector<torchc_op> ops;
    for (CustomOp &op : *session.ops)
      ops.push_back({sizeof(torchc_op), op.name.c_str(), op.signature.c_str(), callOp, &op});
    torchc_session_options how = {};
    how.struct_size = sizeof how;
    how.max_steps = options.maxSteps;
    how.max_memory_bytes = options.maxMemoryBytes;
    how.ops = ops.data();
    how.op_count = uint32_t(ops.size());
    how.parameters = options.parameters ? options.parameters->get() : nullptr;
    torchc_session *handle = nullptr;
    if (Status status{torchc_session_create(program.get(), device.get(), &how, &handle)}; !status)
      return status;
    session.handle.reset(handle);
    for (uint32_t i = 0; i < program.functionCount(); ++i)
      if (auto function = program.function(i))
        session.functions.push_back({function->name, function->output_count});
    return session;
  }

  /// Calls a function of the program; gives its outputs.
  Result<std::vector<Tensor>> call(const std::string &function, const std::vector<Tensor> &inputs) {
    for (uint32_t i = 0; i < functions.size(); ++i) {
      if (functions[i].name != function)
        continue;
      std::vector<Tensor> outputs(functions[i].outputCount);
      if (Status status = call(i, inputs, outputs); !status)
        return status;
      return outputs;
    }
    return Status::error(TORCHC_INVALID_ARGUMENT, "no function '" + function + "'");
  }
  /// The same by number. Outputs that are tensors already are written in place.
  Status call(uint32_t function, const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs) {
    std::vector<const torchc_tensor *> given;
    std::vector<torchc_tensor *> results;
    for (const Tensor &input : inputs)
      given.push_back(input.get());
    for (const Tensor &output : outputs)
      results.push_back(output.get());
    Status status(torchc_session_call(handle.get(), function, given.data(), uint32_t(given.size()), results.data(),
                                      uint32_t(results.size())));
    for (size_t i = 0; i < outputs.size(); ++i)
      if (status && !outputs[i])
        outputs[i] = Tensor(results[i]);
    return status;
  }
  /// Ends the running call, and later ones until it is called with false. Any thread.
  void setCancelled(bool isCancelled) { torchc_session_set_cancelled(handle.get(), isCancelled); }

  // What the program keeps between calls: Program::state.
  Status reset() { return Status(torchc_session_reset(handle.get())); }
  Result<Tensor> state(const std::string &name) {
    torchc_tensor *value = nullptr;
    if (Status status{torchc_session_get_state(handle.get(), name.c_str(), &value)}; !status)
      return status;
    return Tensor(value);
  }
  Status setState(const std::string &name, const Tensor &value) {
    return Status(torchc_session_set_state(handle.get(), name.c_str(), value.get()));
  }
  Status saveState(const std::string &path) { return Status(torchc_session_save_state(handle.get(), path.c_str())); }
  Status loadState(const std::string &path) { return Status(torchc_session_load_state(handle.get(), path.c_str())); }

  torchc_session_stats stats() const {
    torchc_session_stats stats = {};
    stats.struct_size = sizeof stats;
    torchc_session_get_stats(handle.get(), &stats);
    return stats;
  }

private:
  struct Function {
    std::string name;
    uint32_t outputCount;
  };

  Session() = default;
  static torchc_status *callOp(void *context, const char *attributes, const torchc_value *arguments,
                               uint32_t argumentCount, torchc_value *results, uint32_t resultCount) {
    std::vector<Value> given(argumentCount), made(resultCount);
    for (uint32_t i = 0; i < argumentCount; ++i) {
      given[i].integer = arguments[i].integer;
      torchc_tensor *shared = nullptr;
      if (arguments[i].tensor)
        if (torchc_status *error = torchc_tensor_share(arguments[i].tensor, &shared))
          return error;
      given[i].tensor = Tensor(shared);
    }
    Status status = static_cast<CustomOp *>(context)->function(attributes, given, made);
    if (status && made.size() != resultCount)
      status = Status::error(TORCHC_FAILED, "the number of results has changed");
    for (uint32_t i = 0; status && i < resultCount; ++i)
      results[i] = {made[i].integer, made[i].tensor.release()};
    return status.release();
  }

  std::unique_ptr<std::vector<CustomOp>> ops; ///< Where the handle finds them.
  std::vector<Function> functions;
  detail::Owned<torchc_session, torchc_session_free> handle;
};

} // namespace torchc

#endif // TORCHC_RUNTIME_HPP
