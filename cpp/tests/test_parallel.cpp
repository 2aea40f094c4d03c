// The pool of threads: same bits on any number of threads, exceptions, nesting, company and forks.
#include "precisekit/core/parallel.hpp"

#include <cstdio>
#include <stdexcept>
#include <thread>

#include "harness.hpp"
#include "precisekit/objective/least_squares.hpp"
#include "reference.hpp"

#ifdef __unix__
#include <sys/wait.h>
#endif

using namespace precisekit;
using namespace precisekit::testing;

namespace {

class Threads {
 public:
  explicit Threads(int n) : before_(ThreadPool::requested_threads()) { set(n); }
  ~Threads() { set(before_); }
  void set(int n) { ThreadPool::requested_threads() = n; }

 private:
  int before_;
};

}  // namespace

TEST(parallel_runs_every_task_once) {
  Threads threads(1);
  for (int n = 1; n <= 4; ++n) {
    threads.set(n);
    for (const Index n_tasks : {0, 1, 2, 3, 50, 1000}) {
      std::vector<int> runs(n_tasks, 0);
      parallel_for(n_tasks, [&](Index i) { ++runs[i]; });
      CHECK(runs == std::vector<int>(n_tasks, 1));
    }
  }
}

TEST(parallel_results_do_not_depend_on_the_number_of_threads) {
  Threads threads(1);
  const Mlp net({3, 12, 9, 2}, {Activation::tanh, Activation::gelu});
  Random random(1);
  const RowMatrix X = random.matrix(2000, 3), Y = random.matrix(2000, 2);
  const Vector theta = random.vector(net.n_params());
  const LeastSquares objective(net, X, Y, Vector());
  Vector g1(net.n_params()), g(net.n_params());
  const double value = objective.value_and_gradient(theta, g1);
  const Matrix H = objective.gauss_newton(theta);
  const RowMatrix f = forward(net, theta, X);
  for (int n = 2; n <= 4; ++n) {
    threads.set(n);
    CHECK(objective.value_and_gradient(theta, g) == value && g == g1);
    CHECK(objective.gauss_newton(theta) == H && forward(net, theta, X) == f);
  }
}

TEST(parallel_rethrows_an_exception_and_goes_on) {
  Threads threads(1);
  for (int n = 1; n <= 4; ++n) {
    threads.set(n);
    for (int round = 0; round < 20; ++round) {
      CHECK_THROWS(parallel_for(40,
                                [](Index i) {
                                  if (i == 7) throw std::runtime_error("seven");
                                }),
                   std::runtime_error);
      std::atomic<int> done{0};
      parallel_for(40, [&](Index) { ++done; });
      CHECK(done == 40);
    }
  }
}

TEST(parallel_calls_may_nest) {
  const Threads threads(3);
  std::vector<int> runs(8 * 8, 0);
  parallel_for(8, [&](Index i) { parallel_for(8, [&](Index j) { ++runs[i * 8 + j]; }); });
  CHECK(runs == std::vector<int>(64, 1));
}

TEST(parallel_serves_several_threads_at_once) {
  const Threads threads(3);
  const auto use = [](long* total) {
    for (int round = 0; round < 200; ++round) {
      std::vector<long> parts(16, 0);
      parallel_for(16, [&](Index i) { parts[i] = long(i); });
      for (const long part : parts) *total += part;
    }
  };
  long first = 0, second = 0;
  std::thread one(use, &first), two(use, &second);
  one.join();
  two.join();
  CHECK(first == 200 * 120 && second == 200 * 120);
}

#ifdef __unix__
// The child computes with threads of its own, and leaves through the destructors.
TEST(parallel_survives_a_fork) {
#if !defined(__SANITIZE_THREAD__)  // which does not follow a fork with threads
  const Threads threads(2);
  parallel_for(4, [](Index) {});
  for (const bool compute : {false, true}) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      std::atomic<int> done{0};
      if (compute) parallel_for(4, [&](Index) { ++done; });
      std::exit(compute && done != 4);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
#endif
}
#endif

TEST(parallel_ranges_cover_everything) {
  for (const Index n : {0, 1, 7, 64, 1000}) {
    Index next = 0;
    for (Index i = 0; i < 7; ++i) {
      const Range range = task_range(n, 7, i);
      CHECK(range.first == next && range.last >= range.first);
      next = range.last;
    }
    CHECK(next == n);
  }
}
