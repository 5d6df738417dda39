//===- ScalarNode.cpp - numbers that are known only at run time -----------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarNode.h"
#include "CaptureError.h"

using namespace torchc;
using namespace torchc::torchscript;

void ScalarNode::refuse() {
  throw unsupported("the operator needs, while compiling, the value of a "
                    "number that is read from a tensor at run time");
}

c10::IValue torchscript::makeSymbolicScalar(std::string name, ValueType::Kind kind) {
  c10::SymNode node = c10::make_intrusive<ScalarNode>(std::move(name), kind);
  if (kind == ValueType::Kind::Int)
    return c10::IValue(c10::SymInt(std::move(node)));
  if (kind == ValueType::Kind::Float)
    return c10::IValue(c10::SymFloat(std::move(node)));
  return c10::IValue(c10::SymBool(std::move(node)));
}

const ScalarNode *torchscript::getScalarNode(const c10::IValue &value) {
  c10::SymNode node;
  if (value.isSymInt())
    node = value.toSymInt().toSymNode();
  else if (value.isSymFloat())
    node = value.toSymFloat().toSymNodeImpl();
  else if (value.isSymBool())
    node = value.toSymBool().toSymNodeImpl();
  else
    return nullptr;
  return dynamic_cast<const ScalarNode *>(node.get());
}
