#include "signatures.h"

#include <cctype>
#include <cmath>
#include <map>
#include <sstream>
#include <vector>

#include "error.h"

namespace luthier {
namespace {

const char* const dtypeNames[dtypeCount] = {"F32", "BF16", "I32", "U32", "U8", "F64"};

std::string nameOf(const Tensor& t) { return t.storage == Storage::nf4 ? "NF4" : dtypeNames[static_cast<int32_t>(t.dtype)]; }

std::string shapeOf(const Tensor& t) {
  std::string text = "[";
  for (int i = 0; i < t.rank; ++i) text += (i ? "," : "") + std::to_string(t.dims[i]);
  return text + "]";
}

// In terms of dimensions.
constexpr const char* operators = "*/+~";

bool isFloat(const Tensor& t) { return t.dtype == DType::f32 || t.dtype == DType::bf16 || t.dtype == DType::f64; }

// A number without trailing zeros.
std::string text(double value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

std::vector<std::string> split(const std::string& joined, char by) {
  std::vector<std::string> parts;
  std::stringstream stream(joined);
  for (std::string part; std::getline(stream, part, by);) parts.push_back(part);
  return parts;
}

class Checker {
 public:
  Checker(const OpInfo& info, const Call& call, bool allowF64, const std::string& where)
      : info_(info), call_(call), allowF64_(allowF64), where_(where + info.name + ": ") {}

  void check() {
    for (int32_t i = 0; i < info_.attributeCount; ++i) attribute(i);
    for (int32_t i = 0; i < info_.operandCount; ++i) operand(i);
  }

 private:
  void attribute(int32_t index) {
    const AttributeInfo& rule = info_.attributes[index];
    current_ = rule.name;
    const double value = rule.real ? call_.real(index) : call_.integer(index);
    if (!std::isfinite(value)) fail("not a finite number");
    if (value < rule.lowest || value > rule.highest || (rule.belowHighest && value == rule.highest)) {
      fail(text(value) + " is not " + text(rule.lowest) + " to " + text(rule.highest));
    }
    if (!allowed(rule, value)) fail("unknown value " + text(value));
    if (!rule.real) bound_[rule.name] = call_.integer(index);
    if (rule.multipleOf < 0) return;
    const int32_t divisor = call_.integer(rule.multipleOf);
    if (divisor != 0 && call_.integer(index) % divisor != 0) {
      fail(text(value) + " is not a multiple of " + info_.attributes[rule.multipleOf].name + ", " + std::to_string(divisor));
    }
  }

  static bool allowed(const AttributeInfo& rule, double value) {
    for (int32_t i = 0; i < rule.valueCount; ++i) {
      if (value == rule.values[i]) return true;
    }
    return rule.valueCount == 0;
  }

  void operand(int32_t index) {
    const OperandInfo& rule = info_.operands[index];
    const Tensor* t = call_.operands[index];
    current_ = rule.name;
    if (rule.partner >= 0 && (t == nullptr) != (call_.operands[rule.partner] == nullptr)) {
      fail(std::string("must come together with ") + info_.operands[rule.partner].name);
    }
    if (!t) return;
    checkType(*t, rule.type);
    const std::string shape = rule.shape;
    if (shape == "#" && !t->contiguous()) fail("rows are not contiguous");
    if (shape == "#") bound_[shape] = t->count();
    if (shape == "*" || shape == "#") return sameShape(*t);
    const std::vector<std::string> terms = split(shape, ',');
    if (static_cast<size_t>(t->rank) != terms.size()) fail("rank " + std::to_string(t->rank) + ", not " + std::to_string(terms.size()));
    for (size_t i = 0; i < terms.size(); ++i) dimension(terms[i], t->dims[i]);
  }

  void checkType(const Tensor& t, OperandType type) {
    if (t.storage == Storage::nf4 && type != OperandType::weight) fail("must not be NF4");
    const bool isOwn = type == OperandType::f64 || type == OperandType::any;
    if (t.dtype == DType::f64 && !isOwn && !allowF64_) fail("this backend does not compute in F64");
    if (!fits(t, type)) fail("data type " + nameOf(t));
    if (type != OperandType::act) return;
    if (activation_ && activation_->dtype != t.dtype) fail("data type " + nameOf(t) + " beside " + nameOf(*activation_));
    activation_ = &t;
  }

  static bool fits(const Tensor& t, OperandType type) {
    switch (type) {
      case OperandType::act:
      case OperandType::dense:
      case OperandType::weight: return isFloat(t);
      case OperandType::sum: return t.dtype == DType::f32 || t.dtype == DType::f64;
      case OperandType::f32: return t.dtype == DType::f32;
      case OperandType::f64: return t.dtype == DType::f64;
      case OperandType::i32: return t.dtype == DType::i32;
      case OperandType::u32: return t.dtype == DType::u32;
      case OperandType::u8: return t.dtype == DType::u8;
      case OperandType::any: return true;
    }
    return false;
  }

  void sameShape(const Tensor& t) {
    if (!shape_) shape_ = &t;
    if (t.cols() != shape_->cols() || t.rows() != shape_->rows()) fail("shape " + shapeOf(t) + ", not " + shapeOf(*shape_));
  }

  void dimension(const std::string& term, int64_t actual) {
    const bool plain = term.find_first_of(operators) == std::string::npos && std::isdigit(static_cast<unsigned char>(term[0])) == 0;
    if (plain && bound_.find(term) == bound_.end()) bound_[term] = actual;
    const int64_t expected = valueOf(term);
    if (actual != expected) fail("dimension " + term + " is " + std::to_string(actual) + ", not " + std::to_string(expected));
  }

  int64_t valueOf(const std::string& term) const {
    int64_t value = 1;
    char by = '*';
    for (size_t at = 0; at < term.size();) {
      const size_t end = std::min(term.find_first_of(operators, at), term.size());
      const int64_t size = factor(term.substr(at, end - at));
      if (by == '/' && value % size != 0) fail(term + ": " + std::to_string(value) + " is not a multiple of " + std::to_string(size));
      value = combined(value, by, size);
      if (end < term.size()) by = term[end];
      at = end + 1;
    }
    return value;
  }

  static int64_t combined(int64_t value, char by, int64_t size) {
    switch (by) {
      case '/': return value / size;
      case '~': return (value + size - 1) / size;
      case '+': return value + size;
      default: return value * size;
    }
  }

  int64_t factor(const std::string& name) const {
    if (std::isdigit(static_cast<unsigned char>(name[0])) != 0) return std::stoll(name);
    return bound_.at(name);
  }

  [[noreturn]] void fail(const std::string& why) const { throw Error(where_ + current_ + ": " + why); }

  const OpInfo& info_;
  const Call& call_;
  bool allowF64_;
  std::string where_;
  std::string current_;
  std::map<std::string, int64_t> bound_;
  const Tensor* activation_ = nullptr;
  const Tensor* shape_ = nullptr;
};

}  // namespace

void checkSignature(const OpInfo& info, const Call& call, bool allowF64, const std::string& where) {
  Checker(info, call, allowF64, where).check();
}

}  // namespace luthier
