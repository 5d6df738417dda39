//===- ScalarNode.h - numbers that are known only at run time -------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_TORCHSCRIPT_SCALARNODE_H
#define TORCHC_LIB_IMPORT_TORCHSCRIPT_SCALARNODE_H

#include "torchc/Import/CapturedProgram.h"

#include <ATen/core/ivalue.h>
#include <c10/core/SymNodeImpl.h>

namespace torchc::torchscript {

/// A number of the captured graph, as libtorch's kernels pass it around: the
/// payload of a `c10::SymInt`, `SymFloat` or `SymBool`. It has no value, so
/// code that asks for one gets an error.
class ScalarNode : public c10::SymNodeImpl {
public:
  ScalarNode(std::string name, ValueType::Kind kind) : name(std::move(name)), kind(kind) {}

  const std::string name; ///< In the graph.
  const ValueType::Kind kind;

  bool is_int() override { return kind == ValueType::Kind::Int; }
  bool is_float() override { return kind == ValueType::Kind::Float; }
  bool is_bool() override { return kind == ValueType::Kind::Bool; }
  bool has_hint() override { return false; }
  std::string str() override { return name; }
  std::string _graph_repr() override { return name; }

  int64_t guard_int(const char *, int64_t) override { refuse(); }
  double guard_float(const char *, int64_t) override { refuse(); }
  bool guard_bool(const char *, int64_t) override { refuse(); }
  bool guard_size_oblivious(const char *, int64_t) override { refuse(); }
  bool guard_or_false(const char *, int64_t) override { refuse(); }
  bool guard_or_true(const char *, int64_t) override { refuse(); }
  bool expect_true(const char *, int64_t) override { refuse(); }
  bool statically_known_true(const char *, int64_t) override { return false; }

private:
  /// Throws the error for an operator that decides by the value.
  [[noreturn]] static void refuse();
};

/// The number as an IValue of the type that JIT code expects.
c10::IValue makeSymbolicScalar(std::string name, ValueType::Kind kind);

/// The node behind `value` if it is such a number.
const ScalarNode *getScalarNode(const c10::IValue &value);

} // namespace torchc::torchscript

#endif // TORCHC_LIB_IMPORT_TORCHSCRIPT_SCALARNODE_H
