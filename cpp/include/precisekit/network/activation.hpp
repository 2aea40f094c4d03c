// The names of the activations.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "precisekit/kernels/table.hpp"

namespace precisekit {

constexpr std::pair<const char*, Activation> kActivationNames[] = {
    {"identity", Activation::identity}, {"tanh", Activation::tanh},
    {"relu", Activation::relu},         {"sin", Activation::sin},
    {"sigmoid", Activation::sigmoid},   {"gelu", Activation::gelu},
};

// Throws std::invalid_argument for a name that is not in the table.
inline Activation activation_from_name(const std::string& name) {
  std::string known;
  for (const auto& [candidate, activation] : kActivationNames) {
    if (name == candidate) return activation;
    known += (known.empty() ? "'" : ", '") + std::string(candidate) + "'";
  }
  throw std::invalid_argument("activation must be one of " + known + ", got '" + name + "'");
}

inline std::string activation_name(Activation activation) {
  for (const auto& [name, candidate] : kActivationNames) {
    if (activation == candidate) return name;
  }
  return "?";
}

}  // namespace precisekit
