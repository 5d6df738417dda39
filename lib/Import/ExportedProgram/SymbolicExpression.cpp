//===- SymbolicExpression.cpp - sizes as sympy writes them ---------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SymbolicExpression.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace torchc;

namespace {

/// How tightly an infix text binds.
enum class Binding { Sum, Product, Atom };

struct Infix {
  std::string text;
  Binding binding = Binding::Atom;
  std::optional<int64_t> integer;
};

/// call = name "(" [argument {"," argument}] ")"; argument = call | quoted
/// string | integer | name "=" word, the last an assumption about a symbol.
class SreprParser {
public:
  explicit SreprParser(StringRef text) : rest(text) {}

  std::optional<Infix> parse() {
    std::optional<Infix> infix = parseCall(0);
    return infix && rest.empty() ? infix : std::nullopt;
  }

private:
  static constexpr unsigned kMaxDepth = 100;

  bool consume(char c) {
    rest = rest.ltrim(' ');
    return rest.consume_front(StringRef(&c, 1));
  }
  StringRef takeWord() {
    rest = rest.ltrim(' ');
    StringRef word = rest.take_while([](char c) { return isAlnum(c) || c == '_'; });
    rest = rest.drop_front(word.size());
    return word;
  }
  std::optional<Infix> parseCall(unsigned depth);
  std::optional<Infix> parseSymbol();
  std::optional<Infix> parseInteger();

  StringRef rest;
};

/// The text of an operand under an operator that binds as tightly as `outer`.
std::string parenthesize(const Infix &operand, Binding outer) {
  return operand.binding < outer ? "(" + operand.text + ")" : operand.text;
}

/// After "Symbol(": 's0', positive=True, integer=True)
std::optional<Infix> SreprParser::parseSymbol() {
  if (!consume('\''))
    return std::nullopt;
  StringRef name = takeWord();
  if (name.empty() || !consume('\''))
    return std::nullopt;
  while (consume(','))
    if (takeWord().empty() || !consume('=') || takeWord().empty())
      return std::nullopt;
  if (!consume(')'))
    return std::nullopt;
  return Infix{name.str(), Binding::Atom, std::nullopt};
}

std::optional<Infix> SreprParser::parseInteger() {
  int64_t integer;
  rest = rest.ltrim(' ');
  if (rest.consumeInteger(10, integer) || !consume(')'))
    return std::nullopt;
  return Infix{std::to_string(integer), integer < 0 ? Binding::Sum : Binding::Atom, integer};
}

std::optional<Infix> SreprParser::parseCall(unsigned depth) {
  StringRef name = takeWord();
  if (depth > kMaxDepth || name.empty() || !consume('('))
    return std::nullopt;
  if (name == "Symbol")
    return parseSymbol();
  if (name == "Integer")
    return parseInteger();

  SmallVector<Infix> operands;
  if (!consume(')')) {
    do {
      std::optional<Infix> operand = parseCall(depth + 1);
      if (!operand)
        return std::nullopt;
      operands.push_back(std::move(*operand));
    } while (consume(','));
    if (!consume(')'))
      return std::nullopt;
  }
  bool isSum = name == "Add", isProduct = name == "Mul";
  Binding binding = isSum ? Binding::Sum : isProduct ? Binding::Product : Binding::Atom;
  Infix result{"", binding, std::nullopt};
  raw_string_ostream stream(result.text);
  if (isSum || isProduct) {
    interleave(
        operands, stream, [&](const Infix &operand) { stream << parenthesize(operand, binding); }, isSum ? " + " : "*");
  } else {
    stream << name << "(";
    interleaveComma(operands, stream, [&](const Infix &operand) { stream << operand.text; });
    stream << ")";
  }
  return result;
}

} // namespace

std::optional<SymInt> torchc::parseSymbolicExpression(StringRef text) {
  std::optional<Infix> infix = SreprParser(text).parse();
  if (!infix)
    return std::nullopt;
  if (infix->integer)
    return SymInt{*infix->integer, ""};
  return SymInt{0, infix->text};
}
