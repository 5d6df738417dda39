//===- GuardReader.cpp - what an export demands of its inputs ------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GuardReader.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Regex.h"

using namespace llvm;
using namespace torchc;

namespace {

/// comparison = sum ("==" | "!=" | "<=" | ">=" | "<" | ">") sum
/// sum = product {("+" | "-") product}; product = factor {("*" | "//" | "%") factor}
/// factor = ["-"] (integer | float | size | "(" sum ")" | function "(" sum {"," sum} ")") ["**" integer]
/// size = "L" {"[" key "]"} ".size()" "[" integer "]"
class GuardParser {
public:
  GuardParser(StringRef guard, const CapturedGraph &graph) : rest(guard), graph(graph) {}

  /// The nodes that check the guard; empty for a guard of another form.
  std::vector<CapturedNode> parse(const std::string &message);

private:
  using Operand = std::optional<Argument>;

  static constexpr unsigned kMaxDepth = 100;
  static constexpr int64_t kMaxPower = 8;

  bool consume(StringRef token) {
    rest = rest.ltrim(' ');
    return rest.consume_front(token);
  }
  /// A product ends before "//" and "**" are mistaken for their first half.
  StringRef takeOperator(ArrayRef<StringRef> operators) {
    for (StringRef token : operators)
      if (consume(token))
        return token;
    return "";
  }

  /// A word, "or" say, that is no start of a longer one.
  bool consumeWord(StringRef word) {
    StringRef after = rest.ltrim(' ');
    if (!after.consume_front(word) || (!after.empty() && (isAlnum(after.front()) || after.front() == '_')))
      return false;
    rest = after;
    return true;
  }

  Operand parseDisjunction();
  Operand parseConjunction();
  Operand parseNegation();
  Operand parseComparison();
  Operand parseSum();
  Operand parseProduct();
  Operand parseFactor();
  Operand parseCall(const std::string &target);
  Operand parseAtom();
  Operand parseSize();
  Argument apply(const std::string &target, std::vector<std::pair<std::string, Argument>> arguments,
                 ValueType::Kind kind);
  bool isFloat(const Argument &value) const;
  /// Of two numbers; a float where one of them is.
  Argument compute(const std::string &target, Argument a, Argument b) {
    auto kind = isFloat(a) || isFloat(b) ? ValueType::Kind::Float : ValueType::Kind::Int;
    return apply(target, {{"a", std::move(a)}, {"b", std::move(b)}}, kind);
  }
  Argument decide(const std::string &target, Argument a, Argument b) {
    return apply(target, {{"a", std::move(a)}, {"b", std::move(b)}}, ValueType::Kind::Bool);
  }

  StringRef rest;
  const CapturedGraph &graph;
  std::vector<CapturedNode> nodes;
  unsigned depth = 0;
};

} // namespace

Argument GuardParser::apply(const std::string &target, std::vector<std::pair<std::string, Argument>> arguments,
                            ValueType::Kind kind) {
  // No name of a graph has a dot.
  std::string name = "guard." + std::to_string(graph.nodes.size() + nodes.size());
  nodes.push_back({target, std::move(arguments), {{name, {kind, {}, {}}}}, {}, name});
  return {ValueRef{name}};
}

bool GuardParser::isFloat(const Argument &value) const {
  if (const auto *name = std::get_if<ValueRef>(&value.value))
    return any_of(nodes, [&](const CapturedNode &node) {
      return node.name == name->name && node.outputs.front().type.kind == ValueType::Kind::Float;
    });
  return std::holds_alternative<double>(value.value);
}

/// The input is called as the path to it: L['x'][0] is "x_0".
GuardParser::Operand GuardParser::parseSize() {
  std::string path;
  while (consume("[")) {
    bool isQuoted = consume("'");
    StringRef key = rest.take_until([&](char c) { return c == (isQuoted ? '\'' : ']'); });
    rest = rest.drop_front(key.size());
    if (key.empty() || (isQuoted && !consume("'")) || !consume("]"))
      return std::nullopt;
    path += (path.empty() ? "" : "_") + key.str();
  }
  for (char &c : path)
    c = isAlnum(c) ? toLower(c) : '_';
  auto input = find_if(graph.inputs, [&](const CapturedValue &value) { return StringRef(value.name).lower() == path; });
  int64_t dim;
  if (input == graph.inputs.end() || input->type.kind != ValueType::Kind::Tensor || !consume(".size()[") ||
      rest.consumeInteger(10, dim) || !consume("]") || dim < 0 ||
      dim >= static_cast<int64_t>(input->type.tensor.sizes.size()))
    return std::nullopt;
  const SymInt &size = input->type.tensor.sizes[dim];
  if (size.isConstant())
    return Argument{size.value};
  return apply("aten.sym_size.int", {{"self", {ValueRef{input->name}}}, {"dim", {dim}}}, ValueType::Kind::Int);
}

GuardParser::Operand GuardParser::parseAtom() {
  if (consume("(")) {
    Operand inner = parseDisjunction();
    return consume(")") ? inner : std::nullopt;
  }
  static constexpr std::pair<StringLiteral, StringLiteral> functions[] = {
      {"Max(", "torch.sym_max"},         {"max(", "torch.sym_max"}, {"Min(", "torch.sym_min"},
      {"min(", "torch.sym_min"},         {"Mod(", "operator.mod"},  {"PythonMod(", "operator.mod"},
      {"FloorDiv(", "operator.floordiv"}};
  for (auto [name, target] : functions)
    if (consume(name))
      return parseCall(target.str());
  for (StringRef conversion : {"math.trunc", "math.floor", "math.ceil", "torch.sym_float"})
    if (consumeWord(conversion)) {
      Operand value = consume("(") ? parseSum() : std::nullopt;
      bool isWhole = conversion != "torch.sym_float";
      if (!value || !consume(")"))
        return std::nullopt;
      return apply(conversion.str(), {{"a", *value}}, isWhole ? ValueType::Kind::Int : ValueType::Kind::Float);
    }
  if (consume("L"))
    return parseSize();
  rest = rest.ltrim(' ');
  StringRef digits = rest.take_while([](char c) { return isDigit(c) || c == '.'; });
  rest = rest.drop_front(digits.size());
  int64_t integer;
  double number;
  if (!digits.getAsInteger(10, integer))
    return Argument{integer};
  // A float with an exponent is none of these.
  if (digits.getAsDouble(number) || rest.starts_with("e"))
    return std::nullopt;
  return Argument{number};
}

/// The arguments of a function of two or more; more are taken one after the other.
GuardParser::Operand GuardParser::parseCall(const std::string &target) {
  Operand value = parseSum();
  unsigned count = 1;
  for (; value && consume(","); ++count) {
    Operand other = parseSum();
    if (!other)
      return std::nullopt;
    value = compute(target, *value, *other);
  }
  return value && count > 1 && consume(")") ? value : std::nullopt;
}

GuardParser::Operand GuardParser::parseFactor() {
  bool isNegative = consume("-");
  Operand value = parseAtom();
  if (value && consume("**")) {
    int64_t power;
    rest = rest.ltrim(' ');
    if (rest.consumeInteger(10, power) || power < 1 || power > kMaxPower)
      return std::nullopt;
    Argument base = *value;
    for (int64_t i = 1; i < power; ++i)
      value = compute("operator.mul", *value, base);
  }
  if (value && isNegative)
    value = compute("operator.sub", {int64_t(0)}, *value);
  return value;
}

GuardParser::Operand GuardParser::parseProduct() {
  Operand value = parseFactor();
  while (value) {
    StringRef token = takeOperator({"//", "*", "%"});
    if (token.empty())
      break;
    Operand other = parseFactor();
    if (!other)
      return std::nullopt;
    value = compute(token == "*"   ? "operator.mul"
                    : token == "%" ? "operator.mod"
                                   : "operator.floordiv",
                    *value, *other);
  }
  return value;
}

GuardParser::Operand GuardParser::parseSum() {
  if (++depth > kMaxDepth)
    return std::nullopt;
  Operand value = parseProduct();
  while (value) {
    StringRef token = takeOperator({"+", "-"});
    if (token.empty())
      break;
    Operand other = parseProduct();
    if (!other)
      return std::nullopt;
    value = compute(token == "+" ? "operator.add" : "operator.sub", *value, *other);
  }
  --depth;
  return value;
}

GuardParser::Operand GuardParser::parseComparison() {
  static constexpr std::pair<StringLiteral, StringLiteral> comparisons[] = {
      {"==", "operator.eq"}, {"!=", "operator.ne"}, {"<=", "operator.le"},
      {">=", "operator.ge"}, {"<", "operator.lt"},  {">", "operator.gt"}};
  Operand left = parseSum();
  StringRef token = left ? takeOperator({"==", "!=", "<=", ">=", "<", ">"}) : "";
  if (token.empty())
    return left;
  Operand right = parseSum();
  if (!right)
    return std::nullopt;
  const auto *comparison = find_if(comparisons, [&](const auto &entry) { return entry.first == token; });
  return decide(comparison->second.str(), *left, *right);
}

GuardParser::Operand GuardParser::parseNegation() {
  if (!consumeWord("not"))
    return parseComparison();
  Operand value = ++depth > kMaxDepth ? std::nullopt : parseNegation();
  --depth;
  return value ? Operand(apply("torch.sym_not", {{"a", *value}}, ValueType::Kind::Bool)) : std::nullopt;
}

GuardParser::Operand GuardParser::parseConjunction() {
  Operand value = parseNegation();
  while (value && (consumeWord("and") || consume("&"))) {
    Operand other = parseNegation();
    if (!other)
      return std::nullopt;
    value = decide("operator.and_", *value, *other);
  }
  return value;
}

GuardParser::Operand GuardParser::parseDisjunction() {
  if (depth > kMaxDepth)
    return std::nullopt;
  ++depth;
  Operand value = parseConjunction();
  while (value && (consumeWord("or") || consume("|"))) {
    Operand other = parseConjunction();
    if (!other)
      return std::nullopt;
    value = decide("operator.or_", *value, *other);
  }
  --depth;
  return value;
}

std::vector<CapturedNode> GuardParser::parse(const std::string &message) {
  Operand holds = parseDisjunction();
  if (!holds || !rest.trim().empty() || nodes.empty() ||
      nodes.back().outputs.front().type.kind != ValueType::Kind::Bool)
    return {};
  nodes.push_back({"aten._assert_scalar", {{"self", *holds}, {"assert_msg", {message}}}, {}, {}, ""});
  return std::move(nodes);
}

/// The guard as the user knows it: "x.size()[0] > 5".
static std::string describe(StringRef guard) {
  std::string text = guard.str();
  Regex source("L\\['([^']*)'\\]");
  while (source.match(text))
    text = source.sub("\\1", text);
  return "the sizes of the inputs do not fit the exported model, which demands " + text;
}

bool torchc::addGuard(StringRef guard, CapturedGraph &graph) {
  std::vector<CapturedNode> nodes = GuardParser(guard, graph).parse(describe(guard));
  graph.nodes.insert(graph.nodes.begin(), nodes.begin(), nodes.end());
  return !nodes.empty();
}
