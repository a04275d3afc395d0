#include "machine.h"

#include <algorithm>

#include "../runtime/error.h"

namespace luthier::ptx {
namespace {

std::vector<Register> initialRegisters(const Entry& entry) {
  Register unset;
  unset.fill(~uint64_t{0});  // NaN in every format
  std::vector<Register> registers(static_cast<size_t>(entry.registers), unset);
  for (const Special& special : entry.specials) {
    if (special.kind == SpecialKind::constant) registers[static_cast<size_t>(special.reg)].fill(special.value);
  }
  return registers;
}

}  // namespace

void Machine::launch(const Module& module, const Entry& entry, const LaunchShape& shape, std::vector<uint8_t> parameters) {
  if (shape.grid.count() == 0 || shape.block.count() == 0) throw Error("kernel " + entry.name + " is launched without blocks or threads");
  if (shape.block.count() > maxThreadsPerBlock) throw Error("kernel " + entry.name + " is launched with more than 1024 threads a block");
  if (static_cast<int64_t>(parameters.size()) != entry.parameterBytes) throw Error("kernel " + entry.name + " takes " + std::to_string(entry.parameterBytes) + " bytes of parameters, not " + std::to_string(parameters.size()));
  LaunchState state{&module, &entry, shape, std::move(parameters), &memory, &spare_, ++launches_, seed, initialRegisters(entry)};
  std::mt19937 random(seed);
  std::vector<uint32_t> order(shape.grid.count());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  if (seed != 0) std::shuffle(order.begin(), order.end(), random);
  for (const uint32_t block : order) Block(state, block, random).run();
}

}  // namespace luthier::ptx
