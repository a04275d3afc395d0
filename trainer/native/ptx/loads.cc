// ld and st in every space, of one value or a vector. PTX ISA 9.0, 9.7.9.8 and 9.7.9.12.
#include <set>

#include "block.h"
#include "opcodes.h"

namespace luthier::ptx {
namespace {

// A signed value fills its register, which may be wider than the type.
uint64_t extended(const uint8_t* from, Type type) {
  switch (type) {
    case Type::s32: { int32_t v; std::memcpy(&v, from, 4); return static_cast<uint64_t>(static_cast<int64_t>(v)); }
    case Type::s8: return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(*from)));
    case Type::s16: { int16_t v; std::memcpy(&v, from, 2); return static_cast<uint64_t>(static_cast<int64_t>(v)); }
    default: { uint64_t v = 0; std::memcpy(&v, from, static_cast<size_t>(bytesOf(type))); return v; }
  }
}

template <Space space, bool write>
void transfer(Warp& w, const Instruction& i, uint32_t mask) {
  const size_t addressOperand = write ? 0 : 1;
  const std::vector<int32_t>& values = i.operands[write ? 1 : 0];
  const int64_t each = bytesOf(i.type), bytes = each * static_cast<int64_t>(values.size());
  forLanes(mask, [&](int32_t l) {
    uint64_t address = w.value(i.reg(addressOperand), l) + static_cast<uint64_t>(i.offset);
    if constexpr (space == Space::shared) address &= 0xffffffffull;  // shared addresses have 32 bits
    uint8_t* at = w.block->access(w, i, space, address, bytes, write, l);
    for (size_t k = 0; k < values.size(); ++k, at += each) {
      if constexpr (write) {
        const uint64_t value = w.value(values[k], l);
        std::memcpy(at, &value, static_cast<size_t>(each));
      } else {
        w.set(values[k], l, extended(at, i.type));
      }
    }
  });
}

template <bool write>
Handler inSpace(Space space) {
  switch (space) {
    case Space::generic: return transfer<Space::generic, write>;
    case Space::parameter: return transfer<Space::parameter, write>;
    case Space::shared: return transfer<Space::shared, write>;
    case Space::local: return transfer<Space::local, write>;
    case Space::global: return transfer<Space::global, write>;
  }
  return nullptr;
}

// Hints of caching and ordering do not change values; `.nc` promises that nothing writes during the kernel, which the race
// detector holds it to.
bool isHint(const std::string& part) {
  static const std::set<std::string> hints{"nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "volatile", "weak", "relaxed", "v2", "v4",
                                           "cta", "gpu", "sys", "L1::no_allocate", "L1::evict_first", "L1::evict_last", "L2::128B", "L2::256B", "L2::64B"};
  return hints.contains(part);
}

}  // namespace

Known loadOrStore(const std::vector<std::string>& parts) {
  if (typeOf(parts.back()) == Type::none) return {};
  Space space = Space::generic;
  for (size_t k = 1; k + 1 < parts.size(); ++k) {
    const std::string& part = parts[k];
    if (part == "param") space = Space::parameter;
    else if (part == "shared" || part == "shared::cta") space = Space::shared;
    else if (part == "local") space = Space::local;
    else if (part == "global" || part == "const") space = Space::global;
    else if (!isHint(part)) return {};
  }
  return {parts[0] == "st" ? inSpace<true>(space) : inSpace<false>(space)};
}

}  // namespace luthier::ptx
