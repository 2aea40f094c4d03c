// Runs all tests, or those whose name contains the argument.
#include <chrono>
#include <cstring>
#include <exception>

#include "harness.hpp"
#include "precisekit/kernels/active.hpp"

int main(int argc, char** argv) {
  using namespace precisekit::testing;
  std::printf("kernels: %s\n", precisekit::kernels::active().isa);
  int n_run = 0;
  for (const Test& test : all_tests()) {
    if (argc > 1 && !std::strstr(test.name, argv[1])) continue;
    ++n_run;
    const int before = failures();
    const auto start = std::chrono::steady_clock::now();
    try {
      test.run();
    } catch (const std::exception& error) {
      ++failures();
      std::printf("%s: unexpected exception: %s\n", test.name, error.what());
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%s  %6.2f s  %s\n", failures() == before ? "ok  " : "FAIL", seconds.count(),
                test.name);
  }
  std::printf("%d tests, %d failed checks\n", n_run, failures().load());
  return n_run == 0 || failures() > 0;
}
