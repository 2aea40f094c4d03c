// A test harness of one page: TEST(name) { CHECK(...); } registers itself with main.cpp.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdio>
#include <vector>

namespace precisekit::testing {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& all_tests() {
  static std::vector<Test> tests;
  return tests;
}

struct Registration {
  Registration(const char* name, void (*run)()) { all_tests().push_back({name, run}); }
};

inline std::atomic<int>& failures() {
  static std::atomic<int> count{0};
  return count;
}

inline void check(bool ok, const char* what, const char* file, int line) {
  if (ok) return;
  ++failures();
  std::printf("%s:%d: failed: %s\n", file, line, what);
}

// Not a number is never close.
inline void check_close(long double a, long double b, long double tolerance, const char* what,
                        const char* file, int line) {
  if (std::fabs(a - b) <= tolerance) return;
  ++failures();
  std::printf("%s:%d: failed: %s: %.20Lg and %.20Lg differ by %.3Lg, more than %.3Lg\n", file, line,
              what, a, b, std::fabs(a - b), tolerance);
}

}  // namespace precisekit::testing

#define TEST(name)                                                                  \
  static void name();                                                               \
  static const precisekit::testing::Registration name##_registration(#name, &name); \
  static void name()

#define CHECK(condition) precisekit::testing::check((condition), #condition, __FILE__, __LINE__)

// |a - b| <= tolerance, which is absolute.
#define CHECK_CLOSE(a, b, tolerance) \
  precisekit::testing::check_close((a), (b), (tolerance), #a " is " #b, __FILE__, __LINE__)

#define CHECK_THROWS(expression, Exception)                                                    \
  do {                                                                                         \
    bool thrown = false;                                                                       \
    try {                                                                                      \
      (void)(expression);                                                                      \
    } catch (const Exception&) {                                                               \
      thrown = true;                                                                           \
    }                                                                                          \
    precisekit::testing::check(thrown, #expression " throws " #Exception, __FILE__, __LINE__); \
  } while (false)
