#include "tokens.h"

#include <cctype>

namespace luthier::ptx {
namespace {

bool ofWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.'; }

// `shared::cta` is one word; a label's colon is not part of it.
bool doubleColon(const std::string& text, size_t at) {
  return text.compare(at, 2, "::") == 0 && at + 2 < text.size() && ofWord(text[at + 2]);
}

bool startsLine(const std::string& text, size_t at, const char* word) {
  const std::string wanted(word);
  return text.compare(at, wanted.size(), wanted) == 0 && at + wanted.size() < text.size() &&
         std::isspace(static_cast<unsigned char>(text[at + wanted.size()]));
}

}  // namespace

std::vector<Token> tokensOf(const std::string& text) {
  std::vector<Token> tokens;
  int32_t line = 1;
  const auto toEndOfLine = [&](size_t at) { return std::min(text.find('\n', at), text.size()); };
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\n') ++line;
    if (std::isspace(static_cast<unsigned char>(c))) {
      ++at;
    } else if (text.compare(at, 2, "//") == 0 || startsLine(text, at, ".loc") || startsLine(text, at, ".file")) {
      at = toEndOfLine(at);
    } else if (text.compare(at, 2, "/*") == 0) {
      const size_t end = std::min(text.find("*/", at), text.size() - 2) + 2;
      for (; at < end; ++at) line += text[at] == '\n';
    } else if (c == '"') {
      const size_t end = std::min(text.find('"', at + 1), text.size() - 1) + 1;
      tokens.push_back({text.substr(at, end - at), line});
      at = end;
    } else if (ofWord(c)) {
      size_t end = at;
      while (end < text.size() && (ofWord(text[end]) || doubleColon(text, end))) end += text[end] == ':' ? 2 : 1;
      tokens.push_back({text.substr(at, end - at), line});
      at = end;
    } else {
      tokens.push_back({std::string(1, c), line});
      ++at;
    }
  }
  return tokens;
}

}  // namespace luthier::ptx
