// Reads the PTX that nvcc writes: one module, entries without calls, inline asm with scopes of its own.
#include <algorithm>

#include "../runtime/error.h"
#include "module.h"
#include "tokens.h"

namespace luthier::ptx {
namespace {

constexpr int64_t maxRegisters = 1 << 16;

int64_t alignedTo(int64_t offset, int64_t alignment) { return (offset + alignment - 1) / alignment * alignment; }

const std::map<std::string, SpecialKind> specialNames{
    {"%tid.x", SpecialKind::tidX},       {"%tid.y", SpecialKind::tidY},       {"%tid.z", SpecialKind::tidZ},
    {"%ctaid.x", SpecialKind::ctaidX},   {"%ctaid.y", SpecialKind::ctaidY},   {"%ctaid.z", SpecialKind::ctaidZ},
    {"%ntid.x", SpecialKind::ntidX},     {"%ntid.y", SpecialKind::ntidY},     {"%ntid.z", SpecialKind::ntidZ},
    {"%nctaid.x", SpecialKind::nctaidX}, {"%nctaid.y", SpecialKind::nctaidY}, {"%nctaid.z", SpecialKind::nctaidZ},
    {"%laneid", SpecialKind::laneId},    {"%warpid", SpecialKind::warpId}};

class Cursor {
 public:
  explicit Cursor(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  bool ended() const { return at_ >= tokens_.size(); }
  const std::string& peek(size_t ahead = 0) const {
    static const std::string nothing;
    return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead].text : nothing;
  }
  int32_t line() const { return tokens_.empty() ? 0 : tokens_[std::min(at_, tokens_.size() - 1)].line; }
  std::string take() {
    if (ended()) fail("the file ends early");
    return tokens_[at_++].text;
  }
  bool takeIf(const std::string& text) {
    if (peek() != text) return false;
    ++at_;
    return true;
  }
  void expect(const std::string& text) {
    if (!takeIf(text)) fail("`" + text + "` is missing before `" + peek() + "`");
  }
  int64_t integer() {
    const bool negative = takeIf("-");
    const std::string word = take();
    try {
      const auto value = static_cast<int64_t>(std::stoull(word, nullptr, 0));
      return negative ? -value : value;
    } catch (const std::exception&) {
      fail("`" + word + "` is no number");
    }
  }
  void skipPast(const std::string& text) {
    while (take() != text) continue;
  }
  [[noreturn]] void fail(const std::string& what) const { throw Error("PTX line " + std::to_string(line()) + ": " + what); }

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

// `.align 8 .b8 name[128]`, from behind the space's directive. Dynamic shared memory has an empty bracket: 0 bytes.
struct Declared {
  std::string name;
  int64_t alignment, bytes;
};

Declared declaration(Cursor& c) {
  int64_t alignment = 0, size = 1;
  if (c.takeIf(".align")) alignment = c.integer();
  const Type type = typeOf(c.peek().substr(std::min<size_t>(1, c.peek().size())));
  if (type == Type::none) c.fail("`" + c.peek() + "` is no type");
  c.take();
  std::string name = c.take();
  if (c.takeIf("[")) {
    size = c.peek() == "]" ? 0 : c.integer();
    c.expect("]");
  }
  return {std::move(name), std::max<int64_t>(alignment, bytesOf(type)), size * bytesOf(type)};
}

// Places a variable behind the others of its space.
void place(std::vector<Variable>& variables, int64_t& bytes, Declared&& declared) {
  const int64_t offset = alignedTo(bytes, declared.alignment);
  bytes = offset + declared.bytes;
  variables.push_back({std::move(declared.name), offset, declared.bytes});
}

const Variable* named(const std::vector<Variable>& variables, const std::string& name) {
  const auto found = std::find_if(variables.begin(), variables.end(), [&](const Variable& v) { return v.name == name; });
  return found == variables.end() ? nullptr : &*found;
}

class BodyReader {
 public:
  BodyReader(Cursor& cursor, const Module& module, const std::string& dynamicShared, Entry& entry)
      : c_(cursor), module_(module), dynamicShared_(dynamicShared), entry_(entry) {}

  // From behind the opening brace to behind the closing one.
  void read() {
    for (;;) {
      if (c_.takeIf("}")) {
        if (scopes_.size() == 1) break;
        resolveLabels();
        scopes_.pop_back();
      } else if (c_.takeIf("{")) {
        scopes_.push_back({});
      } else if (c_.peek(1) == ":") {
        scopes_.back().labels[c_.take()] = static_cast<int32_t>(entry_.code.size());
        c_.expect(":");
      } else {
        statement();
      }
    }
    resolveLabels();
  }

 private:
  struct Scope {
    std::map<std::string, int32_t> registers, labels;
    std::vector<std::pair<size_t, std::string>> branches;  // instruction and its label
  };

  void statement() {
    if (c_.takeIf(".reg")) return declareRegisters();
    if (c_.takeIf(".shared")) return place(entry_.shared, entry_.sharedBytes, ending(declaration(c_)));
    if (c_.takeIf(".local")) return place(entry_.local, entry_.localBytes, ending(declaration(c_)));
    if (c_.takeIf(".pragma")) return c_.skipPast(";");
    if (c_.peek().starts_with(".")) c_.fail("the directive " + c_.peek() + " is not known");
    instruction();
  }

  Declared ending(Declared&& declared) {
    c_.expect(";");
    return std::move(declared);
  }

  void declareRegisters() {
    c_.take();  // the type: a register is 64 bits, whatever it holds
    do {
      const std::string name = c_.take();
      if (!c_.takeIf("<")) {
        scopes_.back().registers[name] = entry_.registers++;
        continue;
      }
      const int64_t count = c_.integer();
      c_.expect(">");
      if (count < 0 || count > maxRegisters) c_.fail("too many registers " + name);
      for (int64_t i = 0; i < count; ++i) scopes_.back().registers[name + std::to_string(i)] = entry_.registers++;
    } while (c_.takeIf(","));
    c_.expect(";");
  }

  void instruction() {
    Instruction i;
    i.line = c_.line();
    if (c_.takeIf("@")) {
      i.guardNegated = c_.takeIf("!");
      i.guard = registerOf(c_.take());
    }
    i.opcode = c_.take();
    i.text = i.opcode;
    i.type = typeOf(i.opcode.substr(i.opcode.rfind('.') + 1));
    const Known known = knownOpcode(i.opcode);
    if (!known.run && known.kind == Kind::plain) c_.fail("the opcode " + i.opcode + " is not known");
    i.run = known.run, i.kind = known.kind, i.variant = known.variant;
    if (i.kind == Kind::branch) {
      scopes_.back().branches.emplace_back(entry_.code.size(), c_.peek());
      i.text += " " + c_.take();
    } else if (c_.peek() != ";") {
      i.operands.push_back(operand(i));
      while (c_.peek() == "," || c_.peek() == "|") {
        const bool second = c_.take() == "|";
        if (second && i.opcode.starts_with("setp.")) c_.fail("a setp with two results is not known");
        if (second) i.text += " |";
        i.operands.push_back(operand(i));
      }
    }
    if (known.masked) i.members = static_cast<int32_t>(i.operands.size()) - 1;
    c_.expect(";");
    entry_.code.push_back(std::move(i));
  }

  // A register, an immediate, {a, b}, or [address + offset], [map, {x, y}].
  std::vector<int32_t> operand(Instruction& i) {
    std::vector<int32_t> registers;
    if (c_.takeIf("{")) {
      i.text += " {…}";
      do registers.push_back(value());
      while (c_.takeIf(","));
      c_.expect("}");
    } else if (c_.takeIf("[")) {
      i.text += " [" + c_.peek() + "]";
      registers.push_back(value());
      if (c_.takeIf("+")) i.offset = c_.integer();
      if (c_.takeIf(",")) {
        c_.expect("{");
        do registers.push_back(value());
        while (c_.takeIf(","));
        c_.expect("}");
      }
      c_.expect("]");
    } else {
      i.text += " " + c_.peek();
      registers.push_back(value());
    }
    return registers;
  }

  int32_t value() {
    if (c_.takeIf("-")) return special(SpecialKind::constant, 0 - numberOf(c_.take()));
    const bool negated = c_.takeIf("!");
    if (negated) c_.fail("a negated operand is not known");
    return registerOf(c_.take());
  }

  uint64_t numberOf(const std::string& word) {
    const bool floating = word.size() > 2 && word[0] == '0' && (word[1] == 'f' || word[1] == 'F' || word[1] == 'd' || word[1] == 'D');
    try {
      return floating ? std::stoull(word.substr(2), nullptr, 16) : std::stoull(word, nullptr, 0);
    } catch (const std::exception&) {
      c_.fail("`" + word + "` is no number and no name");
    }
  }

  int32_t registerOf(const std::string& name) {
    if (name == "_") return special(SpecialKind::constant, 0);  // a destination that is dropped
    for (size_t s = scopes_.size(); s-- > 0;) {
      if (const auto found = scopes_[s].registers.find(name); found != scopes_[s].registers.end()) return found->second;
    }
    if (const auto found = specialNames.find(name); found != specialNames.end()) return special(found->second, 0);
    if (const Variable* v = named(entry_.parameters, name)) return special(SpecialKind::parameter, static_cast<uint64_t>(v->offset));
    if (const Variable* v = named(entry_.shared, name)) return special(SpecialKind::shared, static_cast<uint64_t>(v->offset));
    if (const Variable* v = named(entry_.local, name)) return special(SpecialKind::local, static_cast<uint64_t>(v->offset));
    if (const Variable* v = named(module_.globals, name)) return special(SpecialKind::global, static_cast<uint64_t>(v->offset));
    if (!dynamicShared_.empty() && name == dynamicShared_) return special(SpecialKind::dynamicShared, 0);
    if (name == "WARP_SZ") return special(SpecialKind::constant, 32);
    if (name.starts_with("%")) c_.fail("the register " + name + " is not declared or not known");
    return special(SpecialKind::constant, numberOf(name));
  }

  // One register for each kind and value; of "_" always a new one, since it is written.
  int32_t special(SpecialKind kind, uint64_t value) {
    for (const Special& s : entry_.specials) {
      if (s.kind == kind && s.value == value && kind != SpecialKind::constant) return s.reg;
    }
    entry_.specials.push_back({entry_.registers, kind, value});
    return entry_.registers++;
  }

  // Labels are visible in their scope and in those inside it.
  void resolveLabels() {
    Scope& scope = scopes_.back();
    for (auto& [at, label] : scope.branches) {
      if (const auto found = scope.labels.find(label); found != scope.labels.end()) entry_.code[at].target = found->second;
      else if (scopes_.size() > 1) scopes_[scopes_.size() - 2].branches.emplace_back(at, label);
      else c_.fail("the label " + label + " does not exist");
    }
  }

  Cursor& c_;
  const Module& module_;
  const std::string& dynamicShared_;
  Entry& entry_;
  std::vector<Scope> scopes_{1};
};

class ModuleReader {
 public:
  explicit ModuleReader(const std::string& text) : c_(tokensOf(text)) {}

  Module read() {
    while (!c_.ended()) directive();
    if (!hasTarget_) throw Error("PTX: the file has no .target");
    return std::move(module_);
  }

 private:
  void directive() {
    const std::string word = c_.take();
    if (word == ".version" || word == ".address_size") c_.take();
    else if (word == ".target") target();
    else if (word == ".visible" || word == ".weak" || word == ".extern") return;
    else if (word == ".entry") entry();
    else if (word == ".shared") shared();
    else if (word == ".global" || word == ".const") constant();
    else if (word == ".section") section();
    else c_.fail("the directive " + word + " is not known");
  }

  // Debugging information.
  void section() {
    c_.skipPast("{");
    c_.skipPast("}");
  }

  void target() {
    const std::string name = c_.take();
    if (!name.starts_with("sm_")) c_.fail("the target " + name + " is not known");
    hasTarget_ = true;
    while (c_.takeIf(",")) c_.take();
  }

  // The only shared variable outside of entries is dynamic shared memory.
  void shared() {
    dynamicShared_ = declaration(c_).name;
    c_.expect(";");
  }

  // `= {1, 2}` of the declared type, or zeros.
  void constant() {
    const size_t typeAt = c_.peek() == ".align" ? 2 : 0;
    const int32_t size = bytesOf(typeOf(c_.peek(typeAt).substr(1)));
    auto bytes = static_cast<int64_t>(module_.globalBytes.size());
    place(module_.globals, bytes, declaration(c_));
    module_.globalBytes.resize(static_cast<size_t>(bytes));
    if (c_.takeIf("=")) {
      const bool list = c_.takeIf("{");
      auto at = static_cast<size_t>(module_.globals.back().offset);
      do {
        const uint64_t value = initial();
        for (int32_t k = 0; k < size; ++k) module_.globalBytes[at++] = static_cast<uint8_t>(value >> (8 * k));
      } while (c_.takeIf(","));
      if (list) c_.expect("}");
    }
    c_.expect(";");
  }

  uint64_t initial() {
    const std::string& word = c_.peek();
    if (word.size() > 2 && word[0] == '0' && (word[1] == 'f' || word[1] == 'F')) return std::stoull(c_.take().substr(2), nullptr, 16);
    return static_cast<uint64_t>(c_.integer());
  }

  void entry() {
    Entry entry;
    entry.name = c_.take();
    c_.expect("(");
    while (c_.takeIf(".param")) {
      place(entry.parameters, entry.parameterBytes, declaration(c_));
      c_.takeIf(",");
    }
    c_.expect(")");
    while (!c_.takeIf("{")) c_.take();  // .maxntid, .minnctapersm: ptxas uses them
    BodyReader(c_, module_, dynamicShared_, entry).read();
    Instruction end;
    end.text = end.opcode = "ret", end.kind = Kind::exit;
    entry.code.push_back(std::move(end));
    module_.entries[entry.name] = std::move(entry);
  }

  Cursor c_;
  Module module_;
  bool hasTarget_ = false;
  std::string dynamicShared_;
};

}  // namespace

Module readModule(const std::string& text) { return ModuleReader(text).read(); }

}  // namespace luthier::ptx
