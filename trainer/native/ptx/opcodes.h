// The tables of opcodes. Each file of instructions adds its own; opcodes.cc finds one by name.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "warp.h"

namespace luthier::ptx {

using OpcodeTable = std::unordered_map<std::string, Known>;

void addArithmetic(OpcodeTable& table);
void addComparisons(OpcodeTable& table);
void addLogic(OpcodeTable& table);
void addCollectives(OpcodeTable& table);
void addMatrices(OpcodeTable& table);
void addCopies(OpcodeTable& table);

// Opcodes with many independent suffixes are taken apart; null for another opcode.
Known conversion(const std::vector<std::string>& parts);
Known loadOrStore(const std::vector<std::string>& parts);

// Applies f to the operands 1, 2, 3 of each lane, as values of type T, and writes operand 0.
template <class T, class F>
void unary(Warp& w, const Instruction& i, uint32_t mask, F f) {
  Register& d = w.at(i.reg(0));
  const Register& a = w.at(i.reg(1));
  forLanes(mask, [&](int32_t l) { const auto k = static_cast<size_t>(l); d[k] = bitsOf(f(as<T>(a[k]))); });
}

template <class T, class F>
void binary(Warp& w, const Instruction& i, uint32_t mask, F f) {
  Register& d = w.at(i.reg(0));
  const Register &a = w.at(i.reg(1)), &b = w.at(i.reg(2));
  forLanes(mask, [&](int32_t l) { const auto k = static_cast<size_t>(l); d[k] = bitsOf(f(as<T>(a[k]), as<T>(b[k]))); });
}

template <class T, class F>
void ternary(Warp& w, const Instruction& i, uint32_t mask, F f) {
  Register& d = w.at(i.reg(0));
  const Register &a = w.at(i.reg(1)), &b = w.at(i.reg(2)), &c = w.at(i.reg(3));
  forLanes(mask, [&](int32_t l) { const auto k = static_cast<size_t>(l); d[k] = bitsOf(f(as<T>(a[k]), as<T>(b[k]), as<T>(c[k]))); });
}

}  // namespace luthier::ptx
