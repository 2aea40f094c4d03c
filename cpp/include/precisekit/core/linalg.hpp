// Dense linear algebra through a table of BLAS and LAPACK pointers.
//
// The Python package fills the table with SciPy's own routines; any program can fill it with those
// it links. An empty entry is served by Eigen. All matrices are column-major.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "precisekit/core/types.hpp"

namespace precisekit::linalg {

// The Fortran interfaces, with 32-bit integers.
struct Routines {
  using Gemm = void(const char*, const char*, const int*, const int*, const int*, const double*,
                    const double*, const int*, const double*, const int*, const double*, double*,
                    const int*);
  using Gemv = void(const char*, const int*, const int*, const double*, const double*, const int*,
                    const double*, const int*, const double*, double*, const int*);
  using Syrk = void(const char*, const char*, const int*, const int*, const double*, const double*,
                    const int*, const double*, double*, const int*);
  using Geqrf = void(const int*, const int*, double*, const int*, double*, double*, const int*,
                     int*);
  using Orgqr = void(const int*, const int*, const int*, double*, const int*, const double*,
                     double*, const int*, int*);
  using Potrf = void(const char*, const int*, double*, const int*, int*);
  using Syevd = void(const char*, const char*, const int*, double*, const int*, double*, double*,
                     const int*, int*, const int*, int*);
  using Gesdd = void(const char*, const int*, const int*, double*, const int*, double*, double*,
                     const int*, double*, const int*, double*, const int*, int*, int*);
  using SetThreads = void(int);
  using GetThreads = int();

  Gemm* dgemm = nullptr;
  Gemv* dgemv = nullptr;
  Syrk* dsyrk = nullptr;
  Geqrf* dgeqrf = nullptr;
  Orgqr* dorgqr = nullptr;
  Potrf* dpotrf = nullptr;
  Syevd* dsyevd = nullptr;
  Gesdd* dgesdd = nullptr;
  SetThreads* set_num_threads = nullptr;  // of the BLAS itself, where it has threads
  GetThreads* get_num_threads = nullptr;
};

inline Routines& routines() {
  static Routines table;
  return table;
}

// Keeps the BLAS on one thread while any instance lives: our own threads share the work, and the
// results do not depend on how a BLAS splits its sums.
class SerialBlas {
 public:
  SerialBlas() {
    const Routines& r = routines();
    if (!r.set_num_threads || !r.get_num_threads) return;
    const std::lock_guard<std::mutex> lock(state().mutex);
    if (state().users++ == 0) {
      state().threads_before = r.get_num_threads();
      r.set_num_threads(1);
    }
  }
  ~SerialBlas() {
    const Routines& r = routines();
    if (!r.set_num_threads || !r.get_num_threads) return;
    const std::lock_guard<std::mutex> lock(state().mutex);
    if (--state().users == 0) r.set_num_threads(state().threads_before);
  }
  SerialBlas(const SerialBlas&) = delete;
  SerialBlas& operator=(const SerialBlas&) = delete;

 private:
  struct State {
    std::mutex mutex;
    int users = 0, threads_before = 1;
  };
  static State& state() {
    static State s;
    return s;
  }
};

using ConstMap = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
using Map = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;

inline ConstMap map(const double* p, Index rows, Index cols, Index ld) {
  return ConstMap(p, rows, cols, Eigen::OuterStride<>(ld));
}
inline Map map(double* p, Index rows, Index cols, Index ld) {
  return Map(p, rows, cols, Eigen::OuterStride<>(ld));
}

// C = beta C + alpha op(A) op(B), with C (m x n), op(A) (m x k), op(B) (k x n) and op a transposition
// where asked.
inline void gemm(bool transpose_A, bool transpose_B, Index m, Index n, Index k, double alpha,
                 const double* A, Index lda, const double* B, Index ldb, double beta, double* C,
                 Index ldc) {
  if (const auto dgemm = routines().dgemm) {
    const int mi = int(m), ni = int(n), ki = int(k), la = int(lda), lb = int(ldb), lc = int(ldc);
    dgemm(transpose_A ? "T" : "N", transpose_B ? "T" : "N", &mi, &ni, &ki, &alpha, A, &la, B, &lb,
          &beta, C, &lc);
    return;
  }
  auto c = map(C, m, n, ldc);
  if (beta == 0.0) c.setZero();
  else if (beta != 1.0) c *= beta;
  const auto a = map(A, transpose_A ? k : m, transpose_A ? m : k, lda);
  const auto b = map(B, transpose_B ? n : k, transpose_B ? k : n, ldb);
  if (transpose_A && transpose_B) c.noalias() += alpha * (a.transpose() * b.transpose());
  else if (transpose_A) c.noalias() += alpha * (a.transpose() * b);
  else if (transpose_B) c.noalias() += alpha * (a * b.transpose());
  else c.noalias() += alpha * (a * b);
}

// y = beta y + alpha A x, or with A' for `transposed`; A is m x n.
inline void gemv(bool transposed, Index m, Index n, double alpha, const double* A, Index lda,
                 const double* x, double beta, double* y) {
  if (const auto dgemv = routines().dgemv) {
    const int mi = int(m), ni = int(n), la = int(lda), one = 1;
    dgemv(transposed ? "T" : "N", &mi, &ni, &alpha, A, &la, x, &one, &beta, y, &one);
    return;
  }
  const auto a = map(A, m, n, lda);
  Eigen::Map<Vector> out(y, transposed ? n : m);
  if (beta == 0.0) out.setZero();
  else out *= beta;
  if (transposed) out.noalias() += alpha * (a.transpose() * Eigen::Map<const Vector>(x, m));
  else out.noalias() += alpha * (a * Eigen::Map<const Vector>(x, n));
}

// Upper triangle of C (n x n) += A' A, with A (k x n).
inline void gram_upper(Index n, Index k, const double* A, Index lda, double* C, Index ldc) {
  if (const auto dsyrk = routines().dsyrk) {
    const int ni = int(n), ki = int(k), la = int(lda), lc = int(ldc);
    const double one = 1.0;
    dsyrk("U", "T", &ni, &ki, &one, A, &la, &one, C, &lc);
  } else {
    map(C, n, n, ldc).selfadjointView<Eigen::Upper>().rankUpdate(map(A, k, n, lda).transpose());
  }
}

// The functions that follow are templates for the sake of the compiler's time only: Eigen's
// solvers take some twenty seconds, and are now compiled by those who call them.

// A (m x n, m >= n) = Q R: A becomes Q, orthonormal also where A is singular; the diagonal of R is
// returned. Throws std::invalid_argument for a wide A.
template <int = 0>
Vector orthonormalize(Matrix& A) {
  if (A.rows() < A.cols()) throw std::invalid_argument("A must not be wide");
  const auto [dgeqrf, dorgqr] = std::pair(routines().dgeqrf, routines().dorgqr);
  if (!dgeqrf || !dorgqr) {
    const Eigen::HouseholderQR<Matrix> qr(A);
    A = qr.householderQ() * Matrix::Identity(A.rows(), A.cols());
    return qr.matrixQR().diagonal();
  }
  const int m = int(A.rows()), n = int(A.cols()), work_size = 64 * n;
  Vector tau(n);
  Buffer work(work_size);
  int info = 0;
  dgeqrf(&m, &n, A.data(), &m, tau.data(), work.data(), &work_size, &info);
  const Vector diagonal = A.diagonal();
  dorgqr(&m, &n, &n, A.data(), &m, tau.data(), work.data(), &work_size, &info);
  return diagonal;
}

// The symmetric A (its upper triangle is read) = U'U: the upper triangle of A becomes U. False where
// rounding has left A without a factorisation.
template <int = 0>
bool cholesky_upper(Matrix& A) {
  if (A.rows() != A.cols()) throw std::invalid_argument("A must be square");
  if (const auto dpotrf = routines().dpotrf) {
    const int n = int(A.rows());
    int info = 0;
    dpotrf("U", &n, A.data(), &n, &info);
    return info == 0;
  }
  return Eigen::LLT<Eigen::Ref<Matrix>, Eigen::Upper>(A).info() == Eigen::Success;
}

struct Eigensystem {
  Vector values;   // ascending
  Matrix vectors;  // one a column
};

// All eigenvalues and eigenvectors of a symmetric matrix (its lower triangle is read), by
// divide and conquer (dsyevd). Throws std::runtime_error when the iteration does not converge.
template <int = 0>
Eigensystem symmetric_eigen(Matrix A) {
  if (A.rows() != A.cols()) throw std::invalid_argument("A must be square");
  const auto dsyevd = routines().dsyevd;
  if (!dsyevd) {
    Eigen::SelfAdjointEigenSolver<Matrix> solver(A);
    if (solver.info() != Eigen::Success) throw std::runtime_error("eigenvalues did not converge");
    return {solver.eigenvalues(), solver.eigenvectors()};
  }
  const int n = int(A.rows()), query = -1;
  Eigensystem result{Vector(n), std::move(A)};
  int info = 0, integer_size = 0;
  double size = 0;
  double* V = result.vectors.data();
  double* w = result.values.data();
  dsyevd("V", "L", &n, V, &n, w, &size, &query, &integer_size, &query, &info);
  const int work_size = int(size);
  Buffer work(work_size);
  std::vector<int> integers(integer_size);
  dsyevd("V", "L", &n, V, &n, w, work.data(), &work_size, integers.data(), &integer_size, &info);
  if (info != 0) throw std::runtime_error("dsyevd: eigenvalues did not converge");
  return result;
}

// Singular values of A, descending (dgesdd). Throws std::runtime_error when it does not converge.
template <int = 0>
Vector singular_values(Matrix A) {
  const auto dgesdd = routines().dgesdd;
  if (!dgesdd) return Eigen::BDCSVD<Matrix>(A).singularValues();
  const int m = int(A.rows()), n = int(A.cols()), query = -1, one = 1;
  Vector s(std::min(m, n));
  std::vector<int> integers(8 * s.size());
  double size = 0, unused = 0;
  int info = 0;
  dgesdd("N", &m, &n, A.data(), &m, s.data(), &unused, &one, &unused, &one, &size, &query,
         integers.data(), &info);
  const int work_size = int(size);
  std::vector<double> work(work_size);
  dgesdd("N", &m, &n, A.data(), &m, s.data(), &unused, &one, &unused, &one, work.data(), &work_size,
         integers.data(), &info);
  if (info != 0) throw std::runtime_error("dgesdd: singular values did not converge");
  return s;
}

}  // namespace precisekit::linalg
