//===- StaticHeader.cpp - the C header of a static library ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleBytes.h"

#include "torchc/runtime/Format.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

using namespace torchc;
using llvm::StringRef;
namespace schema = torchc::runtime::schema;

std::string torchc::makeIdentifier(StringRef text) {
  std::string name;
  for (char c : text)
    name += llvm::isAlnum(c) ? c : '_';
  return name.empty() || llvm::isDigit(name.front()) ? "_" + name : name;
}

/// The C type that has an element's bytes; half types and complex ones are their bits and parts.
static StringRef getCType(uint8_t type) {
  switch (runtime::ElementType(type)) {
  case runtime::ElementType::F32:
  case runtime::ElementType::ComplexF32: return "float";
  case runtime::ElementType::F64:
  case runtime::ElementType::ComplexF64: return "double";
  case runtime::ElementType::I8: return "int8_t";
  case runtime::ElementType::I16: return "int16_t";
  case runtime::ElementType::I32: return "int32_t";
  case runtime::ElementType::I64: return "int64_t";
  case runtime::ElementType::U16:
  case runtime::ElementType::F16:
  case runtime::ElementType::BF16: return "uint16_t";
  case runtime::ElementType::U32: return "uint32_t";
  case runtime::ElementType::U64: return "uint64_t";
  default: return "uint8_t";
  }
}

namespace {
/// One function of the header.
class HeaderFunction {
public:
  HeaderFunction(StringRef library, const schema::ExportT &entry, unsigned ordinal)
      : library(library), entry(entry), ordinal(ordinal) {
    for (const char *taken :
         {"session",  "inputs",   "outputs",  "auto",     "break",  "case",   "char",     "const",
          "continue", "default",  "do",       "double",   "else",   "enum",   "extern",   "float",
          "for",      "goto",     "if",       "inline",   "int",    "long",   "register", "restrict",
          "return",   "short",    "signed",   "sizeof",   "static", "struct", "switch",   "typedef",
          "union",    "unsigned", "void",     "volatile", "while",  "class",  "new",      "delete",
          "this",     "template", "operator", "bool",     "true",   "false"})
      names.insert(taken);
  }

  std::string write();

private:
  struct Value {
    const schema::ValueT *info;
    std::string name;
  };

  std::string addName(StringRef wanted) {
    std::string name = makeIdentifier(wanted);
    while (names.contains(name) || names.contains(name + "_dims"))
      name += "_";
    names.insert(name);
    names.insert(name + "_dims");
    return name;
  }
  std::string getDim(int64_t dim) const { return dim >= 0 ? std::to_string(dim) : symbols[-1 - dim]; }
  std::string describe(const Value &value) const;
  std::string writeDims(const Value &value) const;
  std::string writeBuffers(StringRef array, llvm::ArrayRef<Value> values) const;

  StringRef library;
  const schema::ExportT &entry;
  unsigned ordinal;
  llvm::StringSet<> names;
  std::vector<std::string> symbols;
  std::vector<Value> inputs, outputs;
};
} // namespace

/// "1 x 3 x 224 x 224 f32"
std::string HeaderFunction::describe(const Value &value) const {
  std::string text;
  for (int64_t dim : value.info->dims)
    text += (text.empty() ? "" : " x ") + getDim(dim);
  return text + (text.empty() ? "" : " ") + runtime::getElementName(runtime::ElementType(value.info->element_type));
}

std::string HeaderFunction::writeDims(const Value &value) const {
  if (value.info->dims.empty())
    return "";
  std::string dims;
  for (int64_t dim : value.info->dims)
    dims += (dims.empty() ? "" : ", ") + getDim(dim);
  return llvm::formatv("  const int64_t {0}_dims[] = {{{1}};\n", value.name, dims);
}

static bool isScalar(const schema::ValueT &value) { return value.kind != schema::ValueKind::Tensor; }

std::string HeaderFunction::writeBuffers(StringRef array, llvm::ArrayRef<Value> values) const {
  std::string text;
  for (const Value &value : values) {
    std::string dims = value.info->dims.empty() ? "NULL" : value.name + "_dims";
    StringRef address = array == "inputs" && isScalar(*value.info) ? "&" : "";
    text += llvm::formatv("{0}{{(void *){1}{2}, {3}}", text.empty() ? "" : ", ", address, value.name, dims);
  }
  return values.empty() ? "" : llvm::formatv("  const torchc_buffer {0}[] = {{{1}};\n", array, text).str();
}

std::string HeaderFunction::write() {
  for (const auto &output : entry.outputs)
    if (llvm::is_contained(output->dims, INT64_MIN))
      return llvm::formatv("/* {0}: the extents of '{1}' are known after the call only: use torchc_session_call with\n"
                           " * function {2}. */\n",
                           entry.name, output->name, ordinal);
  std::string comment = "/* " + entry.name + "\n", parameters = "torchc_session *session";
  for (const auto &symbol : entry.symbols) {
    symbols.push_back(addName(symbol->name));
    parameters += ", int64_t " + symbols.back();
    comment += llvm::formatv(" *   {0}: {1} to {2}", symbols.back(), symbol->min, symbol->max);
    comment += symbol->multiple_of == 1 ? "\n" : llvm::formatv(", a multiple of {0}\n", symbol->multiple_of).str();
  }
  for (const auto &input : entry.inputs) {
    inputs.push_back({input.get(), addName(input->name)});
    StringRef type = getCType(input->element_type);
    parameters += llvm::formatv(isScalar(*input) ? ", {0} {1}" : ", const {0} *{1}", type, inputs.back().name);
    comment += " *   " + inputs.back().name + ": " + describe(inputs.back()) + "\n";
  }
  for (const auto &output : entry.outputs) {
    outputs.push_back({output.get(), addName(output->name)});
    parameters += llvm::formatv(", {0} *{1}", getCType(output->element_type), outputs.back().name);
    comment += " *   " + outputs.back().name + ": " + describe(outputs.back()) + ", written\n";
  }
  std::string text =
      comment + " */\n" +
      llvm::formatv("static inline torchc_status *{0}_{1}({2}) {{\n", library, makeIdentifier(entry.name), parameters)
          .str();
  for (const auto *values : {&inputs, &outputs})
    for (const Value &value : *values)
      text += writeDims(value);
  text += writeBuffers("inputs", inputs) + writeBuffers("outputs", outputs);
  text += llvm::formatv("  return torchc_session_call_buffers(session, {0}, {1}, {2});\n}\n", ordinal,
                        inputs.empty() ? "NULL" : "inputs", outputs.empty() ? "NULL" : "outputs");
  return text;
}

std::string torchc::writeStaticHeader(StringRef name, StringRef file, const schema::ModuleT &header) {
  std::string functions, first;
  for (auto [i, entry] : llvm::enumerate(header.exports)) {
    functions += "\n" + HeaderFunction(name, *entry, i).write();
    first = first.empty() ? makeIdentifier(entry->name) : first;
  }
  std::string guard = llvm::StringRef(name).upper() + "_H";
  return llvm::formatv(R"(/* {1}.h - the program in {0}. Written by torchc {2}.
 *
 *   torchc_session *session;
 *   torchc_status *status = {1}_create(&session);
 *   if (!status) status = {1}_{3}(session, ...);
 *   if (status) puts(torchc_status_get_message(status));
 *
 * Link with the runtime: cc main.c {0} libtorchc-runtime.a
 *
 * Functions return NULL, or an error that the caller frees (torchc_status_free). Tensors are
 * the caller's memory, contiguous and row-major. A session serves one thread at a time;
 * torchc_session_free ends it. {1}_create and the first call of a function allocate
 * memory, later calls none. */
#ifndef {4}
#define {4}

#include "torchc/linked.h"

#ifdef __cplusplus
extern "C" {{
#endif

extern const torchc_linked_program {1}_program;

static inline torchc_status *{1}_create(torchc_session **session) {{
  return torchc_linked_create_session(&{1}_program, session);
}
{5}
#ifdef __cplusplus
}
#endif

#endif /* {4} */
)",
                       file, name, header.producer->compiler_version, first, guard, functions);
}
