// Stacked and tall QR, damped problems and the products, with the table of routines empty (Eigen) and,
// where the build found a LAPACK, filled.
#include "precisekit/optimize/damped_jacobian.hpp"

#include "harness.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

#ifdef PRECISEKIT_TEST_LAPACK
extern "C" {
precisekit::linalg::Routines::Gemm dgemm_;
precisekit::linalg::Routines::Gemv dgemv_;
precisekit::linalg::Routines::Syrk dsyrk_;
precisekit::linalg::Routines::Geqrf dgeqrf_;
precisekit::linalg::Routines::Orgqr dorgqr_;
precisekit::linalg::Routines::Potrf dpotrf_;
}
#endif

namespace {

template <class Body>
void with_each_table(Body&& body) {
  body();
#ifdef PRECISEKIT_TEST_LAPACK
  linalg::Routines& table = linalg::routines();
  const linalg::Routines before = table;
  table.dgemm = &dgemm_;
  table.dgemv = &dgemv_;
  table.dsyrk = &dsyrk_;
  table.dgeqrf = &dgeqrf_;
  table.dorgqr = &dorgqr_;
  table.dpotrf = &dpotrf_;
  body();
  table = before;
#endif
}

Matrix upper(const Matrix& A) { return A.triangularView<Eigen::Upper>(); }

void check_stacked(Index m, Index n, StackedQr::Shape shape) {
  Random random(1000 * m + n);
  const Matrix top = upper(random.matrix(n, n));
  Matrix bottom = random.matrix(m, n);
  if (shape == StackedQr::Shape::triangle) bottom = upper(bottom);
  StackedQr qr(m, n, shape);
  qr.rows() = bottom;
  Matrix R = top;
  qr.fold(R);

  // R is that of Eigen's QR of the whole, up to the signs of its rows.
  Matrix whole(n + m, n);
  whole << top, bottom;
  const Eigen::HouseholderQR<Matrix> reference(whole);
  for (Index i = 0; i < n; ++i) {
    const double sign = R(i, i) * reference.matrixQR()(i, i) < 0.0 ? -1.0 : 1.0;
    for (Index j = i; j < n; ++j) {
      CHECK_CLOSE(R(i, j), sign * reference.matrixQR()(i, j), 1e-12 * whole.norm());
    }
    for (Index j = 0; j < i; ++j) CHECK(R(i, j) == 0.0);
  }

  // Q' takes every column of the whole to a column of R over zeros, and keeps lengths.
  for (Index j = 0; j < n; ++j) {
    Vector t = top.col(j), b = bottom.col(j);
    qr.apply_transposed(t, b);
    CHECK_CLOSE((t - R.col(j)).norm(), 0.0, 1e-14 * whole.norm());
    CHECK_CLOSE(b.norm(), 0.0, 1e-14 * whole.norm());
  }
  Vector t = random.vector(n), b = random.vector(m);
  const double length = std::hypot(t.norm(), b.norm());
  qr.apply_transposed(t, b);
  CHECK_CLOSE(std::hypot(t.norm(), b.norm()), length, 1e-14 * length);
}

void check_tall(const std::vector<Index>& block_rows, Index n) {
  Random random(n);
  Index rows = 0;
  std::vector<Index> first;
  for (const Index block : block_rows) {
    first.push_back(rows);
    rows += block;
  }
  const Matrix A = random.matrix(rows, n);
  TallQr qr(block_rows, n);
  for (int round = 0; round < 2; ++round) {  // an object is factored again and again
    qr.factor([&](Index block, Matrix& part) {
      CHECK(part.rows() == block_rows[block]);
      part = A.middleRows(first[block], part.rows());
    });
    const Matrix& R = qr.R();
    CHECK(R.isUpperTriangular(0.0));
    CHECK_CLOSE((R.transpose() * R - A.transpose() * A).norm(), 0.0, 1e-14 * A.squaredNorm());
    const Vector c = random.vector(rows);
    CHECK_CLOSE((R.transpose() * qr.project(c) - A.transpose() * c).norm(), 0.0,
                1e-14 * A.norm() * c.norm());
  }
}

// A with singular values that fall to `last`, each by the same factor.
Matrix with_singular_values(Index rows, Index cols, double last) {
  Random random(rows + cols);
  Matrix U = random.matrix(rows, cols), V = random.matrix(cols, cols);
  linalg::orthonormalize(U);
  linalg::orthonormalize(V);
  Vector s(cols);
  for (Index i = 0; i < cols; ++i) s[i] = std::pow(last, double(i) / double(cols - 1));
  return U * s.asDiagonal() * V.transpose();
}

// By QR of [A; sqrt(lambda) I], for every damping that was announced and one that is larger.
void check_damped(DampedJacobian& jacobian, const Matrix& A, const std::vector<Index>& block_rows,
                  double damping, double excess) {
  std::vector<Index> first{0};
  for (const Index rows : block_rows) first.push_back(first.back() + rows);
  const auto fill = [&](Index i, Matrix& rows) { rows = A.middleRows(first[i], block_rows[i]); };
  jacobian.factor(fill, damping);
  CHECK_CLOSE(jacobian.sigma_max_squared(), 1.0, 0.05);
  const Vector c = Random(9).vector(A.rows());
  const Vector projected = jacobian.project(c);
  for (const double lambda : {damping, 100.0 * damping}) {
    jacobian.set_damping(lambda);
    const Vector d = jacobian.solve(projected);
    Matrix whole(A.rows() + A.cols(), A.cols());
    whole << A, std::sqrt(lambda) * Matrix::Identity(A.cols(), A.cols());
    Vector right = Vector::Zero(whole.rows());
    right.head(A.rows()) = -c;
    const Vector least = Eigen::HouseholderQR<Matrix>(whole).solve(right);
    const double cost = (whole * d - right).squaredNorm();
    const double least_cost = (whole * least - right).squaredNorm();
    CHECK(cost <= least_cost + excess * c.squaredNorm());
  }
}

}  // namespace

TEST(linalg_orthonormalize) {
  with_each_table([] {
    Matrix A = Random(3).matrix(40, 12);
    A.col(7) = A.col(2);  // singular
    const Matrix before = A;
    const Vector diagonal = linalg::orthonormalize(A);
    CHECK_CLOSE((A.transpose() * A - Matrix::Identity(12, 12)).norm(), 0.0, 1e-14);
    CHECK_CLOSE((A * (A.transpose() * before) - before).norm(), 0.0, 1e-13);
    CHECK_CLOSE(std::abs(diagonal[0]), before.col(0).norm(), 1e-13);
    CHECK_CLOSE(diagonal[7], 0.0, 1e-14);
  });
  Matrix wide(2, 3);
  CHECK_THROWS(linalg::orthonormalize(wide), std::invalid_argument);
}

TEST(linalg_cholesky_upper) {
  with_each_table([] {
    const Matrix B = Random(4).matrix(70, 60);
    Matrix A = B.transpose() * B;
    const Matrix before = A;
    CHECK(linalg::cholesky_upper(A));
    CHECK_CLOSE((upper(A).transpose() * upper(A) - before).norm(), 0.0, 1e-13 * before.norm());
    A = -before;
    CHECK(!linalg::cholesky_upper(A));
  });
  Matrix wide(2, 3);
  CHECK_THROWS(linalg::cholesky_upper(wide), std::invalid_argument);
}

TEST(normal_equations_without_damping_of_a_singular_matrix_are_not_a_number) {
  const std::vector<Matrix> J{Matrix::Zero(5, 3)};
  NormalEquations normal(J);
  normal.form();
  normal.set_damping(0.0);
  CHECK(normal.solve(normal.project(Vector::Ones(5))).array().isNaN().all());
}

TEST(damped_jacobian_takes_the_low_rank_that_the_damping_leaves) {
  with_each_table([] {
    const std::vector<Index> block_rows{150, 130, 120};
    const Matrix A = with_singular_values(400, 120, 1e-90);
    DampedJacobian jacobian(block_rows, 120);
    check_damped(jacobian, A, block_rows, 1e-6, 1e-5);
    const Index few = jacobian.rank();
    check_damped(jacobian, A, block_rows, 1e-14, 1e-5);
    CHECK(few < jacobian.rank() && jacobian.rank() <= 40);
    CHECK(!jacobian.sharpen(1e-14));  // W leaves out nothing yet
    check_damped(jacobian, A, block_rows, 1e-32, 1e-5);
    CHECK(jacobian.rank() < 120 && jacobian.sharpen(1e-32));
    check_damped(jacobian, A, block_rows, 1e-32, 1e-13);
    CHECK(jacobian.rank() == 120 && !jacobian.sharpen(1e-32));
  });
}

TEST(damped_jacobian_whose_rank_grows) {
  with_each_table([] {
    const std::vector<Index> block_rows{150, 130, 120};
    const Matrix low = with_singular_values(400, 120, 1e-60);
    const Matrix full = with_singular_values(400, 120, 1e-3);
    DampedJacobian jacobian(block_rows, 120);
    check_damped(jacobian, low, block_rows, 1e-6, 1e-5);
    CHECK(jacobian.rank() < 120);
    for (const double damping : {1e-6, 1e-14, 1e-8}) {  // QR between normal equations
      check_damped(jacobian, full, block_rows, damping, 1e-13);
      CHECK(jacobian.rank() == 120);
    }
  });
}

TEST(damped_jacobian_of_full_rank) {
  with_each_table([] {
    const std::vector<Index> block_rows{150, 130, 120};
    const Matrix A = with_singular_values(400, 120, 1e-3);
    DampedJacobian jacobian(block_rows, 120);
    check_damped(jacobian, A, block_rows, 1e-4, 1e-13);
    CHECK(jacobian.rank() == 120);
    check_damped(jacobian, A, block_rows, 1e-14, 1e-13);
    DampedJacobian narrow({20, 20}, 7);
    check_damped(narrow, with_singular_values(40, 7, 0.1), {20, 20}, 1e-6, 1e-13);
    CHECK(narrow.rank() == 7);
  });
}

TEST(linalg_stacked_qr) {
  with_each_table([] {
    for (const Index n : {1, 3, 5, 31, 63, 64, 65, 150}) {
      check_stacked(n, n, StackedQr::Shape::triangle);
      for (const Index m : {1, 10, 100}) check_stacked(m, n, StackedQr::Shape::rectangle);
    }
  });
}

TEST(linalg_stacked_qr_of_zeros) {
  with_each_table([] {
    StackedQr qr(6, 3, StackedQr::Shape::rectangle);
    qr.rows().setZero();
    Matrix R = Matrix::Zero(3, 3);
    qr.fold(R);
    CHECK(R == Matrix::Zero(3, 3));
    Vector top = Vector::Ones(3), bottom = Vector::Ones(6);
    qr.apply_transposed(top, bottom);
    CHECK(top == Vector::Ones(3) && bottom == Vector::Ones(6));
  });
}

TEST(linalg_tall_qr) {
  with_each_table([] {
    check_tall({100}, 7);
    check_tall({80, 80, 90, 85}, 40);
    check_tall({50, 60, 70}, 33);  // a tree that is not full
    check_tall({20}, 45);          // wider than tall
    check_tall({10, 11}, 34);
  });
}

TEST(linalg_block_count_is_bounded) {
  CHECK(TallQr::block_count(10, 10) == 1);
  CHECK(TallQr::block_count(1 << 20, 10) == 16);
  for (Index rows = 1; rows < 3000; rows += 7) {
    const Index count = TallQr::block_count(rows, 30);
    CHECK(count == 1 || rows / count >= 30);
  }
}

TEST(linalg_products) {
  with_each_table([] {
    Random random(5);
    const Matrix A = random.matrix(20, 6), B = random.matrix(20, 4), C0 = random.matrix(6, 4);
    Matrix C = C0;
    linalg::gemm(true, false, 6, 4, 15, 1.0, A.data(), 20, B.data(), 20, 1.0, C.data(), 6);
    CHECK_CLOSE((C - C0 - A.topRows(15).transpose() * B.topRows(15)).norm(), 0.0, 1e-14);
    linalg::gemm(false, true, 5, 3, 4, -2.0, A.data(), 20, B.data(), 20, 0.5, C.data(), 6);
    const Matrix whole = C0 + A.topRows(15).transpose() * B.topRows(15);
    CHECK_CLOSE((C.topLeftCorner(5, 3) - 0.5 * whole.topLeftCorner(5, 3) +
                 2.0 * A.topLeftCorner(5, 4) * B.topLeftCorner(3, 4).transpose())
                    .norm(),
                0.0, 1e-14);
    Matrix D = Matrix::Constant(4, 6, NAN);  // beta = 0 overwrites
    linalg::gemm(true, true, 4, 6, 6, 1.0, B.data(), 20, A.data(), 20, 0.0, D.data(), 4);
    CHECK_CLOSE((D - B.topRows(6).transpose() * A.topRows(6).transpose()).norm(), 0.0, 1e-14);
    linalg::gemm(false, false, 6, 4, 6, 1.0, A.data(), 20, B.data(), 20, 0.0, C.data(), 6);
    CHECK_CLOSE((C - A.topRows(6) * B.topRows(6)).norm(), 0.0, 1e-14);

    Vector y = random.vector(15);
    const Vector y0 = y, x = random.vector(6);
    linalg::gemv(false, 15, 6, -2.0, A.data(), 20, x.data(), 0.5, y.data());
    CHECK_CLOSE((y - (0.5 * y0 - 2.0 * (A.topRows(15) * x))).norm(), 0.0, 1e-14);
    Vector z = Vector::Constant(6, NAN);  // beta = 0 overwrites
    linalg::gemv(true, 15, 6, 1.0, A.data(), 20, y0.data(), 0.0, z.data());
    CHECK_CLOSE((z - A.topRows(15).transpose() * y0).norm(), 0.0, 1e-14);

    Matrix G = Matrix::Zero(6, 6);
    linalg::gram_upper(6, 20, A.data(), 20, G.data(), 6);
    CHECK_CLOSE((G - upper(A.transpose() * A)).norm(), 0.0, 1e-14);
  });
}

TEST(linalg_serial_blas_nests) {
  static int threads = 8;
  linalg::Routines& table = linalg::routines();
  const linalg::Routines before = table;
  table.set_num_threads = [](int n) { threads = n; };
  table.get_num_threads = [] { return threads; };
  {
    const linalg::SerialBlas outer;
    CHECK(threads == 1);
    {
      const linalg::SerialBlas inner;
    }
    CHECK(threads == 1);
  }
  CHECK(threads == 8);
  table = before;
}
