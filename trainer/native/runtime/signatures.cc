// One line an op, an entry an operand: type[dimensions].
//   types       a activation: F32, BF16 or F64, the same for all of an instruction · w any float, dense · n any float,
//               dense or NF4 · s a sum's type: F32 (F64 in double programs) · d F64 · i I32 · u U32 · * any dense
//   dimensions  a name is bound where it is first seen (attributes are bound before) and must agree afterwards; a
//               number, a product of names or a half (D/2) is compared; [*] any shape, equal for all [*]; [#] contiguous
//               in memory, with an equal number of elements for all [#]
#include "signatures.h"

#include <cctype>
#include <cmath>
#include <map>
#include <sstream>
#include <vector>

#include "error.h"

namespace luthier {
namespace {

constexpr const char* signatures[opcodeCount] = {
    /* embed */ "i[T] w[V,d] a[T,d]",
    /* embedBackward */ "i[T] a[T,d] s[V,d]",
    /* rmsNorm */ "a[T,n] w[d] a[T,n] a[T,n] s[R] a[T,n]",
    /* rmsNormBackward */ "a[T,n] a[T,n] w[d] s[R] a[T,n] s[d] a[T,n]",
    /* linear */ "a[T,in] n[out,in] a[T,r] w[out,r] w[out] a[T,out] a[T,out]",
    /* linearInput */ "a[T,out] n[out,in] a[T,r] w[r,in] a[T,in] a[T,in]",
    /* gradWeight */ "a[T,out] a[T,in] s[out,in]",
    /* rope */ "a[T,heads*headDim] s[T,headDim/2] s[T,headDim/2] a[T,heads*headDim]",
    /* attention */ "a[T,heads*headDim] a[T,kvHeads*headDim] a[T,kvHeads*headDim] i[T] a[T,heads*headDim] s[T,heads]",
    /* attentionBackward */
    "a[T,heads*headDim] a[T,kvHeads*headDim] a[T,kvHeads*headDim] a[T,heads*headDim] s[T,heads] a[T,heads*headDim] i[T] "
    "a[T,heads*headDim] a[T,kvHeads*headDim] a[T,kvHeads*headDim]",
    /* glu */ "a[*] a[*] a[*]",
    /* gluBackward */ "a[*] a[*] a[*] a[*] a[*]",
    /* gatherRows */ "a[T,d] i[R] a[R,d]",
    /* scatterRows */ "a[R,d] i[R] a[T,d]",
    /* linearCrossEntropy */ "a[R,d] w[V,d] i[R] s[R] d[1] s[V,d] s[R] a[R,d]",
    /* dropout */ "a[T,d] u[T,2] u[2] a[T,d]",
    /* cast */ "w[*] w[*]",
    /* add */ "a[*] a[*] a[*]",
    /* fill */ "*[*]",
    /* sumSquares */ "w[*] d[1]",
    /* clip */ "d[1] s[1] s[1]",
    /* adamw */ "s[#] s[1] s[3] s[#] s[#] s[#]",
    /* cacheAppend */ "a[T,e] a[T,e] i[T] i[T] a[slots,capacity,e] a[slots,capacity,e]",
    /* attentionCached */
    "a[T,heads*headDim] a[slots,capacity,kvHeads*headDim] a[slots,capacity,kvHeads*headDim] i[T] i[T] a[T,heads*headDim]",
    /* argmax */ "a[R,V] i[R]",
    /* release */ "",
};

const char* const dtypeNames[dtypeCount] = {"F32", "BF16", "I32", "U32", "U8", "F64"};

std::string nameOf(const Tensor& t) { return t.storage == Storage::nf4 ? "NF4" : dtypeNames[static_cast<int32_t>(t.dtype)]; }

std::string shapeOf(const Tensor& t) {
  std::string text = "[";
  for (int i = 0; i < t.rank; ++i) text += (i ? "," : "") + std::to_string(t.dims[i]);
  return text + "]";
}

bool isFloat(const Tensor& t) { return t.dtype == DType::f32 || t.dtype == DType::bf16 || t.dtype == DType::f64; }

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, by);) parts.push_back(part);
  return parts;
}

class Checker {
 public:
  Checker(const OpInfo& info, const Call& call, bool allowF64, std::string where)
      : info_(info), call_(call), allowF64_(allowF64), where_(std::move(where) + info.name + ": "), names_(split(info.operands, ' ')) {
    bindAttributes();
  }

  void operand(int32_t index, const std::string& spec) {
    const Tensor* t = call_.operands[index];
    if (!t) return;
    current_ = names_[static_cast<size_t>(index)];
    checkType(*t, spec[0]);
    const std::string dims = spec.substr(2, spec.size() - 3);
    if (dims == "*") return sameShape(*t);
    if (dims == "#") return sameCount(*t);
    const std::vector<std::string> terms = split(dims, ',');
    if (static_cast<size_t>(t->rank) != terms.size()) fail("rank " + std::to_string(t->rank) + ", not " + std::to_string(terms.size()));
    for (size_t i = 0; i < terms.size(); ++i) dimension(terms[i], t->dims[i]);
  }

  [[noreturn]] void fail(const std::string& why) const { throw Error(where_ + current_ + ": " + why); }

 private:
  void bindAttributes() {
    const std::vector<std::string> attributes = split(info_.attributes, ' ');
    for (size_t i = 0; i < attributes.size(); ++i) {
      const std::string name = attributes[i].substr(0, attributes[i].size() - 2);
      current_ = name;
      const auto index = static_cast<int32_t>(i);
      if (attributes[i].back() == 'f') {
        if (!std::isfinite(call_.real(index))) fail("not a finite number");
        continue;
      }
      bound_[name] = call_.integer(index);
      const bool size = name == "heads" || name == "kvHeads" || name == "headDim";
      if (size && (bound_[name] < 1 || bound_[name] > 65536)) fail(std::to_string(bound_[name]) + " is not 1 to 65536");
    }
  }

  void checkType(const Tensor& t, char type) {
    if (t.storage == Storage::nf4 && type != 'n') fail("NF4 is not accepted here");
    if (t.dtype == DType::f64 && type != 'd' && type != '*' && !allowF64_) fail("F64, which this backend does not compute in");
    const bool fits = type == '*'   ? true
                      : type == 'd' ? t.dtype == DType::f64
                      : type == 'i' ? t.dtype == DType::i32
                      : type == 'u' ? t.dtype == DType::u32
                      : type == 's' ? t.dtype == DType::f32 || t.dtype == DType::f64
                                    : isFloat(t);
    if (!fits) fail("data type " + nameOf(t));
    if (type != 'a') return;
    if (activation_ && activation_->dtype != t.dtype) fail("data type " + nameOf(t) + " beside " + nameOf(*activation_));
    activation_ = &t;
  }

  void sameShape(const Tensor& t) {
    if (!shape_) shape_ = &t;
    if (t.cols() != shape_->cols() || t.rows() != shape_->rows()) fail("shape " + shapeOf(t) + ", not " + shapeOf(*shape_));
  }

  void sameCount(const Tensor& t) {
    if (!t.contiguous()) fail("rows are not contiguous");
    if (!shape_) shape_ = &t;
    if (t.count() != shape_->count()) fail("shape " + shapeOf(t) + ", not as many elements as " + shapeOf(*shape_));
  }

  void dimension(const std::string& term, int64_t actual) {
    const bool plain = term.find_first_of("*/") == std::string::npos && std::isdigit(static_cast<unsigned char>(term[0])) == 0;
    if (plain && bound_.find(term) == bound_.end()) bound_[term] = actual;
    const int64_t expected = valueOf(term);
    if (actual != expected) fail("dimension " + term + " is " + std::to_string(actual) + ", not " + std::to_string(expected));
  }

  int64_t valueOf(const std::string& term) const {
    if (const size_t star = term.find('*'); star != std::string::npos) return valueOf(term.substr(0, star)) * valueOf(term.substr(star + 1));
    if (const size_t slash = term.find('/'); slash != std::string::npos) return valueOf(term.substr(0, slash)) / valueOf(term.substr(slash + 1));
    if (std::isdigit(static_cast<unsigned char>(term[0])) != 0) return std::stoll(term);
    return bound_.at(term);
  }

  const OpInfo& info_;
  const Call& call_;
  bool allowF64_;
  std::string where_;
  std::vector<std::string> names_;
  std::string current_;
  std::map<std::string, int64_t> bound_;
  const Tensor* activation_ = nullptr;
  const Tensor* shape_ = nullptr;
};

// What a line of the table cannot say.
void checkRest(Opcode opcode, const Call& call, const Checker& checker) {
  const auto together = [&](int32_t a, int32_t b) {
    if ((call.operands[a] == nullptr) != (call.operands[b] == nullptr)) checker.fail("tailX and tailW come together");
  };
  const auto groups = [&](int32_t rows, int32_t weight, int32_t rstd) {
    const Tensor& x = *call.operands[rows];
    const int64_t width = call.operands[weight]->cols();
    if (x.cols() % width != 0) checker.fail("rows of " + std::to_string(x.cols()) + " are not groups of " + std::to_string(width));
    if (call.operands[rstd]->count() != x.rows() * (x.cols() / width)) checker.fail("rstd is not one a group");
  };
  switch (opcode) {
    case Opcode::rmsNorm: return groups(0, 1, 4);
    case Opcode::rmsNormBackward: return groups(1, 2, 3);
    case Opcode::linear:
    case Opcode::linearInput: return together(2, 3);
    case Opcode::rope:
      if (call.integer(1) % 2 != 0) checker.fail("headDim is odd");
      if (call.integer(2) != 1 && call.integer(2) != -1) checker.fail("sign is neither 1 nor -1");
      return;
    case Opcode::attention:
    case Opcode::attentionBackward:
    case Opcode::attentionCached:
      if (call.integer(0) % call.integer(1) != 0) checker.fail("heads is not a multiple of kvHeads");
      return;
    case Opcode::glu:
    case Opcode::gluBackward:
      if (call.integer(0) != 0) checker.fail("unknown activation " + std::to_string(call.integer(0)));
      return;
    case Opcode::dropout:
      if (!(call.real(0) >= 0.0f && call.real(0) < 1.0f)) checker.fail("p is not in [0, 1)");
      return;
    case Opcode::clip:
      if (call.real(0) < 0.0f) checker.fail("maxNorm is negative");
      return;
    default: return;
  }
}

}  // namespace

void checkSignature(Opcode opcode, const Call& call, bool allowF64, const std::string& where) {
  if (opcode == Opcode::release) return;
  const int32_t index = static_cast<int32_t>(opcode) - 1;
  Checker checker(opTable[index], call, allowF64, where);
  const std::vector<std::string> specs = split(signatures[index], ' ');
  for (size_t i = 0; i < specs.size(); ++i) checker.operand(static_cast<int32_t>(i), specs[i]);
  checkRest(opcode, call, checker);
}

}  // namespace luthier
