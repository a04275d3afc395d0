#include "opcodes.h"

namespace luthier::ptx {
namespace {

std::vector<std::string> partsOf(const std::string& opcode) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= opcode.size();) {
    const size_t dot = std::min(opcode.find('.', at), opcode.size());
    parts.push_back(opcode.substr(at, dot - at));
    at = dot + 1;
  }
  return parts;
}

OpcodeTable makeTable() {
  OpcodeTable table;
  addArithmetic(table);
  addComparisons(table);
  addLogic(table);
  addCollectives(table);
  addMatrices(table);
  addCopies(table);
  for (const char* name : {"bra", "bra.uni"}) table[name] = {nullptr, Kind::branch};
  for (const char* name : {"ret", "exit", "ret.uni"}) table[name] = {nullptr, Kind::exit};
  for (const char* name : {"bar.sync", "barrier.sync", "barrier.sync.aligned"}) table[name] = {nullptr, Kind::blockBarrier};
  return table;
}

}  // namespace

Known knownOpcode(const std::string& opcode) {
  static const OpcodeTable table = makeTable();
  if (const auto found = table.find(opcode); found != table.end()) return found->second;
  const std::vector<std::string> parts = partsOf(opcode);
  if (parts[0] == "cvt") return conversion(parts);
  if (parts[0] == "ld" || parts[0] == "st" || parts[0] == "ldu") return loadOrStore(parts);
  return {};
}

}  // namespace luthier::ptx
