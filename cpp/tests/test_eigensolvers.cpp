// The eigenvalues and singular values that Eigen computes when the table has no LAPACK.
#include "precisekit/core/linalg.hpp"

#include "harness.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

TEST(linalg_symmetric_eigen) {
  const Matrix B = Random(6).matrix(12, 12), A = B + B.transpose();
  const auto system = linalg::symmetric_eigen(A);
  const Matrix& V = system.vectors;
  CHECK_CLOSE((A * V - V * system.values.asDiagonal()).norm(), 0.0, 1e-13);
  CHECK_CLOSE((V.transpose() * V - Matrix::Identity(12, 12)).norm(), 0.0, 1e-13);
  for (Index i = 1; i < 12; ++i) CHECK(system.values[i - 1] <= system.values[i]);
  CHECK_THROWS(linalg::symmetric_eigen(Matrix::Zero(2, 3)), std::invalid_argument);
}

TEST(linalg_singular_values) {
  const Matrix A = Random(7).matrix(9, 5);
  const Vector s = linalg::singular_values(A);
  CHECK(s.size() == 5);
  const Vector squares = linalg::symmetric_eigen(A.transpose() * A).values;
  for (Index i = 0; i < 5; ++i) CHECK_CLOSE(s[i] * s[i], squares[4 - i], 1e-13);
}
