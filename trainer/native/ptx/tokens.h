// The words of a PTX file: names, numbers and directives are one token each, punctuation one character each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace luthier::ptx {

struct Token {
  std::string text;
  int32_t line = 0;
};

// Without comments, and without the lines of debugging directives (.loc, .file).
std::vector<Token> tokensOf(const std::string& text);

}  // namespace luthier::ptx
