// A pool of threads that runs a fixed list of tasks.
//
// The tasks of a computation depend on its sizes only, never on the number of threads, and partial
// sums are added in the order of the tasks: results are the same bits for any number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif
#ifdef __unix__
#include <unistd.h>
#endif

#include "precisekit/kernels/table.hpp"

namespace precisekit {

class ThreadPool {
 public:
  // The pool of this process. A forked child gets a fresh one: threads do not survive a fork.
  static ThreadPool& instance() {
    static std::mutex guard;
    static PoolOfProcess current;
    const std::lock_guard<std::mutex> lock(guard);
    if (!current.pool || current.owner != process_id()) {
      current.pool = new ThreadPool;
      current.owner = process_id();
    }
    return *current.pool;
  }

  // The number of threads that run() may use; at first PRECISEKIT_NUM_THREADS or OMP_NUM_THREADS,
  // else the processors that this process may run on.
  static std::atomic<int>& requested_threads() {
    static std::atomic<int> threads{default_threads()};
    return threads;
  }

  // Runs task(0) ... task(n_tasks - 1) on at most requested_threads() threads, the caller among
  // them. Called while the pool is busy (from a task, or from another thread), it runs the tasks on
  // the calling thread. Rethrows the first exception of a task.
  void run(Index n_tasks, const std::function<void(Index)>& task) {
    const int threads = static_cast<int>(std::min<Index>(requested_threads(), n_tasks));
    if (threads <= 1 || busy_.exchange(true, std::memory_order_acquire)) {
      for (Index i = 0; i < n_tasks; ++i) task(i);
      return;
    }
    const Release release{busy_};
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      try {
        while (static_cast<int>(workers_.size()) < threads - 1) {
          const int id = static_cast<int>(workers_.size());
          workers_.emplace_back([this, id] { work(id); });
        }
      } catch (const std::system_error&) {
        // The system has no more threads to give: those that there are do it.
      }
      task_ = &task;
      n_tasks_ = n_tasks;
      next_ = 0;
      helpers_ = std::min(threads - 1, static_cast<int>(workers_.size()));
      running_ = helpers_;
      failure_ = nullptr;
      ++generation_;
    }
    wake_.notify_all();
    drain();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
  }

  ~ThreadPool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

 private:
  // A forked child can neither join its parent's threads nor destroy what they wait on (that would
  // hang at exit): it leaves a parent's pool alone.
  struct PoolOfProcess {
    ThreadPool* pool = nullptr;
    long owner = 0;
    ~PoolOfProcess() {
      if (owner == process_id()) delete pool;
    }
  };

  struct Release {
    std::atomic<bool>& busy;
    ~Release() { busy.store(false, std::memory_order_release); }
  };

  ThreadPool() = default;

  static long process_id() {
#ifdef __unix__
    return static_cast<long>(::getpid());
#else
    return 1;
#endif
  }

  static int default_threads() {
    for (const char* name : {"PRECISEKIT_NUM_THREADS", "OMP_NUM_THREADS"}) {
      const char* value = std::getenv(name);
      if (value && std::atoi(value) > 0) return std::atoi(value);
    }
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1u, std::thread::hardware_concurrency());
  }

  void drain() {
    for (Index i = next_++; i < n_tasks_; i = next_++) {
      try {
        (*task_)(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        next_ = n_tasks_;
      }
    }
  }

  void work(int id) {
    std::unique_lock<std::mutex> lock(mutex_);
    long seen = 0;
    while (true) {
      wake_.wait(lock, [&] { return stopping_ || (generation_ != seen && id < helpers_); });
      if (stopping_) return;
      seen = generation_;
      lock.unlock();
      drain();
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  // Set while a thread runs a list of tasks. Not a mutex: its owner may ask again, from a task.
  std::atomic<bool> busy_{false};
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, done_;
  std::vector<std::thread> workers_;
  const std::function<void(Index)>* task_ = nullptr;
  std::atomic<Index> next_{0};
  Index n_tasks_ = 0;
  int helpers_ = 0, running_ = 0;
  long generation_ = 0;
  bool stopping_ = false;
  std::exception_ptr failure_;
};

inline void parallel_for(Index n_tasks, const std::function<void(Index)>& task) {
  ThreadPool::instance().run(n_tasks, task);
}

// Task `index` of `n_tasks` covers the items [first, last) of n.
struct Range {
  Index first, last;
};
inline Range task_range(Index n, Index n_tasks, Index index) {
  return {n * index / n_tasks, n * (index + 1) / n_tasks};
}

}  // namespace precisekit
