// The kernels of the instruction set that this translation unit is compiled for, as a table.
#pragma once

#include "precisekit/kernels/activation.hpp"
#include "precisekit/kernels/chebyshev.hpp"
#include "precisekit/kernels/dense.hpp"
#include "precisekit/kernels/points.hpp"
#include "precisekit/kernels/series.hpp"
#include "precisekit/kernels/spline.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

inline const Table& table() noexcept {
  static constexpr Table kTable{PRECISEKIT_STRINGIFY(PRECISEKIT_ISA),
                                affine,
                                compensated_affine,
                                accumulate_gradient,
                                pair_products,
                                activate,
                                series_product,
                                series_correct,
                                chebyshev_basis,
                                sum_of_products,
                                lowest_point,
                                first_on_sphere,
                                spline_locate,
                                spline_polynomials,
                                spline_tensor};
  return kTable;
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
