// Stacked and tall QR and the products, with the table of routines empty (Eigen) and, where the build
// found a LAPACK, filled.
#include "precisekit/core/tall_qr.hpp"

#include "harness.hpp"
#include "reference.hpp"

using namespace precisekit;
using namespace precisekit::testing;

#ifdef PRECISEKIT_TEST_LAPACK
extern "C" {
precisekit::linalg::Routines::Gemm dgemm_;
precisekit::linalg::Routines::Gemv dgemv_;
precisekit::linalg::Routines::Syrk dsyrk_;
precisekit::linalg::Routines::Tpqrt dtpqrt_;
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
  table.dtpqrt = &dtpqrt_;
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

}  // namespace

TEST(linalg_stacked_qr) {
  with_each_table([] {
    for (const Index n : {1, 5, 31, 32, 33, 70}) {
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
    linalg::gemm_transposed(6, 4, 15, A.data(), 20, B.data(), 20, C.data(), 6);
    CHECK_CLOSE((C - C0 - A.topRows(15).transpose() * B.topRows(15)).norm(), 0.0, 1e-14);

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
