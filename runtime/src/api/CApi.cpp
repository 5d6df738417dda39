//===- CApi.cpp - the runtime's C API -------------------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/linked.h"

#include "base/Array.h"
#include "torchc/runtime/Session.h"

#include <algorithm>

using namespace torchc::runtime;

struct torchc_program {
  Program program;
};
struct torchc_device {
  Device device;
};
struct torchc_tensor {
  Tensor tensor;
};
struct torchc_parameters {
  Parameters parameters;
};
struct torchc_session {
  Array<torchc_op> ops; ///< Contexts of the session's externals.
  Session session;
  torchc_profiler profiler = {};
};
struct torchc_status {
  Status status;
};

static_assert(int(TORCHC_CANCELLED) == int(StatusCode::Cancelled));
static_assert(TORCHC_F32 == int(ElementType::F32) && TORCHC_I1 == int(ElementType::I1) &&
              TORCHC_COMPLEX_F64 == int(ElementType::ComplexF64) && TORCHC_BF16 == int(ElementType::BF16) &&
              TORCHC_F8E4M3FN == int(ElementType::F8E4M3FN) && TORCHC_U64 == int(ElementType::U64));
// Arguments of custom ops are handles where they are.
static_assert(sizeof(torchc_tensor) == sizeof(Tensor));

namespace {

/// Stands for "out of memory" where there is none for a status.
constinit torchc_status outOfMemory{Status()};

torchc_status *wrap(Status status) {
  if (status.isOk())
    return nullptr;
  void *memory = std::malloc(sizeof(torchc_status));
  return memory ? new (memory) torchc_status{std::move(status)} : &outOfMemory;
}

template <typename Handle> void freeHandle(Handle *handle) {
  if (!handle)
    return;
  handle->~Handle();
  std::free(handle);
}

/// Makes a handle.
template <typename Handle, typename... Members> torchc_status *create(Handle **handle, Members &&...members) {
  void *memory = std::malloc(sizeof(Handle));
  if (!memory)
    return &outOfMemory;
  *handle = new (memory) Handle{std::forward<Members>(members)...};
  return nullptr;
}

/// Moves a result to a new handle.
template <typename Handle, typename T> torchc_status *give(Result<T> result, Handle **handle) {
  return result.isOk() ? create(handle, result.take()) : wrap(result.takeStatus());
}

/// The caller's options as far as they go, zero beyond.
template <typename Options> Options readOptions(const Options *given) {
  Options options = {};
  if (given)
    std::memcpy(&options, given, std::min(given->struct_size, sizeof options));
  return options;
}

/// Writes what the caller's version of the struct has room for.
template <typename Info> void writeInfo(Info info, Info *to) {
  info.struct_size = to->struct_size;
  std::memcpy(to, &info, std::min(to->struct_size, sizeof info));
}

LoadOptions readLoadOptions(const torchc_load_options *given) {
  const torchc_load_options options = readOptions(given);
  LoadOptions how;
  how.verifyConstants = options.verify_constants != 0;
  how.loadKernels = options.inspect_only == 0;
  how.variant = options.variant;
  return how;
}

torchc_status *checkIndex(const char *what, uint32_t index, uint32_t count) {
  if (index < count)
    return nullptr;
  return wrap(Status::error(StatusCode::InvalidArgument, "there is no %s %u", what, index));
}

torchc_status *checkFunction(const torchc_program *program, uint32_t function) {
  return checkIndex("function", function, program->program.getFunctionCount());
}

void writeValue(const ValueInfo &value, torchc_value_info *info) {
  writeInfo({0, value.name, uint8_t(value.kind), uint8_t(value.type), uint8_t(value.dims.size()), value.dims.data()},
            info);
}

} // namespace

uint32_t torchc_get_abi_version(void) { return TORCHC_RUNTIME_ABI_VERSION; }

const char *torchc_get_version(void) { return TORCHC_VERSION; }

torchc_status *torchc_status_create(torchc_status_code code, const char *message) {
  const bool isError = code > TORCHC_OK && code <= TORCHC_CANCELLED;
  return wrap(Status::error(isError ? StatusCode(code) : StatusCode::Failed, "%s", message));
}

torchc_status_code torchc_status_get_code(const torchc_status *status) {
  if (status == &outOfMemory)
    return TORCHC_RESOURCE_EXHAUSTED;
  return status ? torchc_status_code(status->status.getCode()) : TORCHC_OK;
}

const char *torchc_status_get_message(const torchc_status *status) {
  if (status == &outOfMemory)
    return "out of memory";
  return status ? status->status.getMessage() : "ok";
}

void torchc_status_free(torchc_status *status) {
  if (status != &outOfMemory)
    freeHandle(status);
}

torchc_status *torchc_program_load(const char *path, const torchc_load_options *options, torchc_program **program) {
  return give(Program::load(path, readLoadOptions(options)), program);
}

torchc_status *torchc_program_copy_bytes(const void *bytes, size_t size, const torchc_load_options *options,
                                         torchc_program **program) {
  return give(Program::copyBytes({static_cast<const uint8_t *>(bytes), size}, readLoadOptions(options)), program);
}

torchc_status *torchc_program_borrow_bytes(const void *bytes, size_t size, void (*release)(void *context),
                                           void *context, const torchc_load_options *options,
                                           torchc_program **program) {
  return give(
      Program::borrowBytes({static_cast<const uint8_t *>(bytes), size}, release, context, readLoadOptions(options)),
      program);
}

void torchc_program_free(torchc_program *program) { freeHandle(program); }

uint32_t torchc_program_get_function_count(const torchc_program *program) {
  return program->program.getFunctionCount();
}

torchc_status *torchc_program_find_function(const torchc_program *program, const char *name, uint32_t *function) {
  auto found = program->program.findFunction(name);
  if (!found.isOk())
    return wrap(found.takeStatus());
  *function = *found;
  return nullptr;
}

torchc_status *torchc_program_get_function(const torchc_program *program, uint32_t function,
                                           torchc_function_info *info) {
  if (torchc_status *error = checkFunction(program, function))
    return error;
  const FunctionInfo found = program->program.getFunction(function);
  writeInfo({0, found.name, found.inputCount, found.outputCount, found.symbolCount, found.inputSpec, found.outputSpec,
             found.slabBytes, found.liveBytes},
            info);
  return nullptr;
}

torchc_status *torchc_program_get_input(const torchc_program *program, uint32_t function, uint32_t index,
                                        torchc_value_info *info) {
  if (torchc_status *error = checkFunction(program, function))
    return error;
  if (torchc_status *error = checkIndex("input", index, program->program.getFunction(function).inputCount))
    return error;
  writeValue(program->program.getInput(function, index), info);
  return nullptr;
}

torchc_status *torchc_program_get_output(const torchc_program *program, uint32_t function, uint32_t index,
                                         torchc_value_info *info) {
  if (torchc_status *error = checkFunction(program, function))
    return error;
  if (torchc_status *error = checkIndex("output", index, program->program.getFunction(function).outputCount))
    return error;
  writeValue(program->program.getOutput(function, index), info);
  return nullptr;
}

uint32_t torchc_program_get_variant_count(const torchc_program *program) { return program->program.getLibraryCount(); }

torchc_status *torchc_program_get_variant(const torchc_program *program, uint32_t index, torchc_variant_info *info) {
  if (torchc_status *error = checkIndex("variant", index, program->program.getLibraryCount()))
    return error;
  const LibraryInfo found = program->program.getLibrary(index);
  writeInfo({0, found.arch, found.cpu, found.bytes, found.isChosen}, info);
  return nullptr;
}

uint32_t torchc_program_get_kernel_count(const torchc_program *program) { return program->program.getKernelCount(); }

torchc_status *torchc_program_get_kernel(const torchc_program *program, uint32_t kernel, torchc_kernel_info *info) {
  if (torchc_status *error = checkIndex("kernel", kernel, program->program.getKernelCount()))
    return error;
  const KernelInfo found = program->program.getKernel(kernel);
  writeInfo({0, found.name, found.inputCount, found.outputCount, found.scratchBytes}, info);
  return nullptr;
}

uint32_t torchc_program_get_source_count(const torchc_program *program, uint32_t instruction) {
  return program->program.getSourceCount(instruction);
}

torchc_status *torchc_program_get_source(const torchc_program *program, uint32_t instruction, uint32_t index,
                                         torchc_source_info *info) {
  if (torchc_status *error = checkIndex("source", index, program->program.getSourceCount(instruction)))
    return error;
  const SourceInfo found = program->program.getSource(instruction, index);
  writeInfo({0, found.op, found.location}, info);
  return nullptr;
}

torchc_status *torchc_program_get_symbol(const torchc_program *program, uint32_t function, uint32_t index,
                                         torchc_symbol_info *info) {
  if (torchc_status *error = checkFunction(program, function))
    return error;
  if (torchc_status *error = checkIndex("symbol", index, program->program.getFunction(function).symbolCount))
    return error;
  const SymbolInfo found = program->program.getSymbol(function, index);
  writeInfo({0, found.name, found.min, found.max, found.multipleOf}, info);
  return nullptr;
}

uint32_t torchc_program_get_parameter_count(const torchc_program *program) {
  return program->program.getParameterCount();
}

torchc_status *torchc_program_get_parameter(const torchc_program *program, uint32_t index,
                                            torchc_parameter_info *info) {
  if (torchc_status *error = checkIndex("parameter", index, program->program.getParameterCount()))
    return error;
  const ParameterInfo found = program->program.getParameter(index);
  writeInfo({0, found.scope, found.key, uint8_t(found.type), uint8_t(found.dims.size()), found.dims.data()}, info);
  return nullptr;
}

uint32_t torchc_program_get_state_count(const torchc_program *program) { return program->program.getStateCount(); }

torchc_status *torchc_program_get_state(const torchc_program *program, uint32_t index, torchc_state_info *info) {
  if (torchc_status *error = checkIndex("state", index, program->program.getStateCount()))
    return error;
  const StateInfo found = program->program.getState(index);
  writeInfo({0, found.name, found.hasValue, uint8_t(found.type), uint8_t(found.dims.size()), found.dims.data()}, info);
  return nullptr;
}

uint32_t torchc_program_get_op_count(const torchc_program *program) { return program->program.getExternalCount(); }

torchc_status *torchc_program_get_op(const torchc_program *program, uint32_t index, const char **name) {
  if (torchc_status *error = checkIndex("op", index, program->program.getExternalCount()))
    return error;
  *name = program->program.getExternal(index);
  return nullptr;
}

torchc_status *torchc_device_create_local_sync(torchc_device **device) {
  return give(Result<Device>(Device::localSync()), device);
}

torchc_status *torchc_device_create_local_task(uint32_t threads, torchc_device **device) {
  return give(Device::localTask(threads), device);
}

void torchc_device_free(torchc_device *device) { freeHandle(device); }

torchc_status *torchc_tensor_allocate(torchc_element_type type, const int64_t *dims, uint8_t rank,
                                      torchc_tensor **tensor) {
  return give(Tensor::allocate(ElementType(type), {dims, rank}), tensor);
}

torchc_status *torchc_tensor_borrow(void *data, uint64_t size, torchc_element_type type, const int64_t *dims,
                                    uint8_t rank, int is_read_only, void (*release)(void *context), void *context,
                                    torchc_tensor **tensor) {
  return give(Tensor::borrow(data, size, ElementType(type), {dims, rank},
                             is_read_only ? Access::ReadOnly : Access::ReadWrite, release, context),
              tensor);
}

torchc_status *torchc_tensor_share(const torchc_tensor *tensor, torchc_tensor **other) {
  return create(other, tensor->tensor);
}

const void *torchc_tensor_get_data(const torchc_tensor *tensor) { return tensor->tensor.getData(); }
void *torchc_tensor_get_mutable_data(torchc_tensor *tensor) { return tensor->tensor.getMutableData(); }
uint64_t torchc_tensor_get_byte_length(const torchc_tensor *tensor) { return tensor->tensor.getByteLength(); }

torchc_element_type torchc_tensor_get_element_type(const torchc_tensor *tensor) {
  return torchc_element_type(tensor->tensor.getElementType());
}

uint8_t torchc_tensor_get_dims(const torchc_tensor *tensor, const int64_t **dims) {
  *dims = tensor->tensor.getDims().data();
  return uint8_t(tensor->tensor.getDims().size());
}

void torchc_tensor_free(torchc_tensor *tensor) { freeHandle(tensor); }

torchc_status *torchc_parameters_create(torchc_parameters **parameters) {
  return give(Parameters::create(), parameters);
}

torchc_status *torchc_parameters_add_file(torchc_parameters *parameters, const char *scope, const char *path) {
  return wrap(parameters->parameters.addFile(scope, path));
}

torchc_status *torchc_parameters_add_tensor(torchc_parameters *parameters, const char *scope, const char *key,
                                            const torchc_tensor *tensor) {
  return wrap(parameters->parameters.add(scope, key, tensor->tensor));
}

void torchc_parameters_free(torchc_parameters *parameters) { freeHandle(parameters); }

/// Calls the op that `context` is, a torchc_op.
static Status callOp(void *context, const char *attributes, std::span<const ExternalValue> arguments,
                     std::span<ExternalValue> results) {
  const auto &op = *static_cast<const torchc_op *>(context);
  Array<torchc_value> values;
  if (!values.resize(arguments.size() + results.size()))
    return Status::outOfMemory();
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto *tensor = const_cast<Tensor *>(&arguments[i].tensor);
    values[i] = {arguments[i].integer, tensor->isNull() ? nullptr : reinterpret_cast<torchc_tensor *>(tensor)};
  }
  torchc_value *const given = values.data() + arguments.size();
  torchc_status *const error =
      op.function(op.context, attributes, values.data(), uint32_t(arguments.size()), given, uint32_t(results.size()));
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].integer = given[i].integer;
    if (given[i].tensor)
      results[i].tensor = given[i].tensor->tensor;
    torchc_tensor_free(given[i].tensor);
  }
  if (!error)
    return {};
  Status status = Status::error(StatusCode(torchc_status_get_code(error)), "%s", torchc_status_get_message(error));
  torchc_status_free(error);
  return status;
}

torchc_status *torchc_session_create(const torchc_program *program, const torchc_device *device,
                                     const torchc_session_options *given, torchc_session **session) {
  const torchc_session_options options = readOptions(given);
  Array<torchc_op> ops;
  Array<ExternalBinding> bindings;
  if (!ops.resize(options.op_count) || !bindings.resize(options.op_count))
    return &outOfMemory;
  for (uint32_t i = 0; i < options.op_count; ++i) {
    const auto *bytes = reinterpret_cast<const char *>(options.ops) + i * options.ops->struct_size;
    ops[i] = readOptions(reinterpret_cast<const torchc_op *>(bytes));
    bindings[i] = {ops[i].name, ops[i].signature, ops[i].function ? callOp : nullptr, &ops[i]};
  }
  SessionOptions how;
  how.maxSteps = options.max_steps;
  how.maxMemoryBytes = options.max_memory_bytes;
  how.externals = {bindings.data(), bindings.size()};
  how.parameters = options.parameters ? &options.parameters->parameters : nullptr;
  auto created = Session::create(program->program, device ? device->device : Device::localSync(), how);
  return created.isOk() ? create(session, std::move(ops), created.take()) : wrap(created.takeStatus());
}

torchc_status *torchc_session_call(torchc_session *session, uint32_t function, const torchc_tensor *const *inputs,
                                   uint32_t input_count, torchc_tensor **outputs, uint32_t output_count) {
  Array<Tensor> given, results;
  Array<void *> handles; // Before the call: once it has run, nothing fails any more.
  if (!given.resize(input_count) || !results.resize(output_count) || !handles.resize(output_count))
    return &outOfMemory;
  for (uint32_t i = 0; i < input_count; ++i)
    if (inputs[i])
      given[i] = inputs[i]->tensor;
  bool hasMemory = true;
  for (uint32_t i = 0; i < output_count; ++i) {
    if (outputs[i])
      results[i] = outputs[i]->tensor;
    else
      hasMemory &= (handles[i] = std::malloc(sizeof(torchc_tensor))) != nullptr;
  }
  Status status = hasMemory
                      ? session->session.call(function, {given.data(), input_count}, {results.data(), output_count})
                      : Status::outOfMemory();
  for (uint32_t i = 0; i < output_count; ++i) {
    if (!status.isOk())
      std::free(handles[i]);
    else if (handles[i])
      outputs[i] = new (handles[i]) torchc_tensor{std::move(results[i])};
  }
  return wrap(std::move(status));
}

void torchc_session_set_cancelled(torchc_session *session, int is_cancelled) {
  session->session.setCancelled(is_cancelled != 0);
}

torchc_status *torchc_session_reset(torchc_session *session) { return wrap(session->session.reset()); }

torchc_status *torchc_session_get_state(torchc_session *session, const char *name, torchc_tensor **value) {
  return give(session->session.getState(name), value);
}

torchc_status *torchc_session_set_state(torchc_session *session, const char *name, const torchc_tensor *value) {
  return wrap(session->session.setState(name, value->tensor));
}

torchc_status *torchc_session_save_state(torchc_session *session, const char *path) {
  return wrap(session->session.saveState(path));
}

torchc_status *torchc_session_load_state(torchc_session *session, const char *path) {
  return wrap(session->session.loadState(path));
}

void torchc_session_get_stats(const torchc_session *session, torchc_session_stats *stats) {
  const SessionStats found = session->session.getStats();
  writeInfo({0, found.calls, found.poolBytes, found.peakBytes, found.scratchBytes, found.dispatches, found.slabBytes,
             found.outputBytes},
            stats);
}

void torchc_session_set_profiler(torchc_session *session, const torchc_profiler *profiler) {
  session->profiler = readOptions(profiler);
  Profiler functions;
  functions.context = session;
  if (session->profiler.on_dispatch)
    functions.onDispatch = [](void *context, const DispatchEvent &event) {
      const torchc_profiler &given = static_cast<torchc_session *>(context)->profiler;
      const torchc_dispatch_event copy = {sizeof copy, event.kernel,     event.instruction, event.begin,
                                          event.end,   event.workgroups, event.bytesRead,   event.bytesWritten};
      given.on_dispatch(given.context, &copy);
    };
  if (session->profiler.on_batch)
    functions.onBatch = [](void *context, const BatchEvent &event) {
      const torchc_profiler &given = static_cast<torchc_session *>(context)->profiler;
      const torchc_batch_event copy = {sizeof copy, event.kernel, event.instruction,    event.worker,
                                       event.begin, event.end,    event.firstWorkgroup, event.workgroupCount};
      given.on_batch(given.context, &copy);
    };
  session->session.setProfiler(functions);
}

void torchc_session_free(torchc_session *session) { freeHandle(session); }

static_assert(sizeof(torchc_buffer) == sizeof(Buffer) && offsetof(torchc_buffer, dims) == offsetof(Buffer, dims));

static Result<Program> linkProgram(const torchc_linked_program &linked) {
  return Program::link({static_cast<const uint8_t *>(linked.bytes), linked.size},
                       {linked.libraries, linked.library_count});
}

torchc_status *torchc_program_link(const torchc_linked_program *linked, torchc_program **program) {
  return give(linkProgram(*linked), program);
}

torchc_status *torchc_linked_create_session(const torchc_linked_program *linked, torchc_session **session) {
  auto program = linkProgram(*linked);
  if (!program.isOk())
    return wrap(program.takeStatus());
  auto created = Session::create(*program);
  return created.isOk() ? create(session, Array<torchc_op>(), created.take()) : wrap(created.takeStatus());
}

torchc_status *torchc_session_call_buffers(torchc_session *session, uint32_t function, const torchc_buffer *inputs,
                                           const torchc_buffer *outputs) {
  return wrap(session->session.callBuffers(function, reinterpret_cast<const Buffer *>(inputs),
                                           reinterpret_cast<const Buffer *>(outputs)));
}
