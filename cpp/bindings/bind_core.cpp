// Build information, threads, the BLAS and LAPACK table, and the elementary kernels for tests.
#include <cstdint>
#include <stdexcept>
#include <string>

#include "arrays.hpp"
#include "precisekit/core/linalg.hpp"
#include "precisekit/core/parallel.hpp"
#include "precisekit/core/stacked_qr.hpp"
#include "precisekit/network/activation.hpp"

namespace precisekit::bindings {

namespace {

template <class Function>
void take_pointer(const py::dict& capsules, const char* name, Function*& slot) {
  const py::capsule capsule = capsules[name];
  slot = reinterpret_cast<Function*>(capsule.get_pointer());
}

// `capsules`: the __pyx_capi__ tables of scipy.linalg.cython_blas and cython_lapack.
void use_scipy(const py::dict& blas, const py::dict& lapack) {
  linalg::Routines& r = linalg::routines();
  take_pointer(blas, "dgemm", r.dgemm);
  take_pointer(blas, "dgemv", r.dgemv);
  take_pointer(blas, "dsyrk", r.dsyrk);
  take_pointer(lapack, "dgeqrf", r.dgeqrf);
  take_pointer(lapack, "dorgqr", r.dorgqr);
  take_pointer(lapack, "dpotrf", r.dpotrf);
  take_pointer(lapack, "dsyevd", r.dsyevd);
  take_pointer(lapack, "dgesdd", r.dgesdd);
}

void use_blas_threads(std::uintptr_t set, std::uintptr_t get) {
  linalg::routines().set_num_threads = reinterpret_cast<linalg::Routines::SetThreads*>(set);
  linalg::routines().get_num_threads = reinterpret_cast<linalg::Routines::GetThreads*>(get);
}

void set_num_threads(int n) {
  if (n < 1) throw std::invalid_argument("n must be at least 1, got " + std::to_string(n));
  ThreadPool::requested_threads() = n;
}

py::tuple evaluate_activation(const std::string& name, const Array& z) {
  const Activation sigma = activation_from_name(name);
  Array a(z.size()), d1(z.size()), d2(z.size());
  Buffer block(4 * kernels::kStride);
  double* p = block.data();
  for (Index start = 0; start < z.size(); start += kernels::kBlock) {
    const Index n = std::min<Index>(kernels::kBlock, z.size() - start);
    block.set_zero();
    std::copy_n(z.data() + start, n, p);
    kernels::active().activate(sigma, kernels::kBlock, 1, p, p + kernels::kStride,
                               p + 2 * kernels::kStride, p + 3 * kernels::kStride);
    std::copy_n(p + kernels::kStride, n, a.mutable_data() + start);
    std::copy_n(p + 2 * kernels::kStride, n, d1.mutable_data() + start);
    std::copy_n(p + 3 * kernels::kStride, n, d2.mutable_data() + start);
  }
  return py::make_tuple(a, d1, d2);
}

py::tuple symmetric_eigen(const RowMatrixRef& A) {
  linalg::Eigensystem result;
  {
    const py::gil_scoped_release release;
    result = linalg::symmetric_eigen(A.transpose());  // row-major: its transpose copies in one go
  }
  return py::make_tuple(std::move(result.values), std::move(result.vectors));
}

}  // namespace

void bind_core(py::module_& m) {
  m.attr("eigen_version") = std::to_string(EIGEN_WORLD_VERSION) + "." +
                            std::to_string(EIGEN_MAJOR_VERSION) + "." +
                            std::to_string(EIGEN_MINOR_VERSION);
  m.attr("compiler") = __VERSION__;
  m.def("isa", [] { return kernels::active().isa; });
  m.def("use_scipy", &use_scipy, py::arg("blas"), py::arg("lapack"));
  m.def("use_blas_threads", &use_blas_threads, py::arg("set"), py::arg("get"));
  m.def("set_num_threads", &set_num_threads, py::arg("n"));
  m.def("get_num_threads", [] { return ThreadPool::requested_threads().load(); });
  m.def("evaluate_activation", &evaluate_activation, py::arg("name"), py::arg("z"));
  m.def("symmetric_eigen", &symmetric_eigen, py::arg("A"));
}

}  // namespace precisekit::bindings
