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
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/ConstantRange.h"

using namespace llvm;
using namespace torchc;

namespace {

/// How tightly an infix text binds.
enum class Binding { Sum, Product, Atom };

struct Infix {
  std::string text;
  Binding binding = Binding::Atom;
  ConstantRange range = ConstantRange::getFull(64); ///< What it may be.
};

ConstantRange getInterval(int64_t min, int64_t max) {
  return ConstantRange::getNonEmpty(APInt(64, min, true), APInt(64, max, true) + 1);
}

/// call = name "(" [argument {"," argument}] ")"; argument = call | quoted
/// string | integer | name "=" word, the last an assumption about a symbol.
class SreprParser {
public:
  SreprParser(StringRef text, ArrayRef<SymbolRange> symbols) : rest(text), symbols(symbols) {}

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
  ArrayRef<SymbolRange> symbols;
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
  Infix result{name.str()};
  for (const SymbolRange &symbol : symbols)
    if (symbol.symbol == name)
      result.range = getInterval(symbol.min, symbol.max);
  return result;
}

std::optional<Infix> SreprParser::parseInteger() {
  int64_t integer;
  rest = rest.ltrim(' ');
  if (rest.consumeInteger(10, integer) || !consume(')'))
    return std::nullopt;
  return Infix{std::to_string(integer), integer < 0 ? Binding::Sum : Binding::Atom, getInterval(integer, integer)};
}

/// The values of an n-ary function of sympy.
ConstantRange getRange(StringRef name, ArrayRef<Infix> operands) {
  using Function = ConstantRange (ConstantRange::*)(const ConstantRange &) const;
  const Function function = StringSwitch<Function>(name)
                                .Case("Add", &ConstantRange::sadd_sat)
                                .Case("Mul", &ConstantRange::smul_sat)
                                .Case("Min", &ConstantRange::smin)
                                .Case("Max", &ConstantRange::smax)
                                .Default(nullptr);
  if (!function || operands.empty())
    return ConstantRange::getFull(64);
  ConstantRange range = operands.front().range;
  for (const Infix &operand : operands.drop_front())
    range = (range.*function)(operand.range);
  return range;
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
  Infix result{"", binding, getRange(name, operands)};
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

std::optional<SymInt> torchc::parseSymbolicExpression(StringRef text, ArrayRef<SymbolRange> symbols) {
  std::optional<Infix> infix = SreprParser(text, symbols).parse();
  if (!infix)
    return std::nullopt;
  if (const APInt *constant = infix->range.getSingleElement())
    return SymInt{constant->getSExtValue(), ""};
  return SymInt{0, infix->text};
}
