// Scans over blocks of points: the lowest value of a quadratic function, and the first point that a
// growing sphere meets.
#pragma once

#include "precisekit/kernels/simd.hpp"
#include "precisekit/kernels/table.hpp"

namespace precisekit::kernels::PRECISEKIT_ISA {

// Vectors of points that are worked on at once, to hide the latency of the sums.
constexpr int kPointVecs = 4;
static_assert(kPointBlock % (kPointVecs * kLanes) == 0);

inline void lowest_point(Index n_blocks, Index d, const double* blocks, const double* base,
                         double curvature, const double* slope, PointValue& lowest) {
  for (Index block = 0; block < n_blocks; ++block, blocks += (d + 1) * kPointBlock) {
    for (Index first = 0; first < kPointBlock; first += kPointVecs * kLanes) {
      Vec value[kPointVecs] = {};
      for (Index k = 0; k < d; ++k) {
        const double* x = blocks + k * kPointBlock + first;
        const Vec b = broadcast(base[k]), c = broadcast(curvature), g = broadcast(slope[k]);
#pragma GCC unroll 8
        for (int v = 0; v < kPointVecs; ++v) {
          const Vec u = load(x + v * kLanes) - b;
          value[v] += u * (c * u + g);
        }
      }
      const Vec bound = broadcast(lowest.value);
      IntVec lower = {};
#pragma GCC unroll 8
      for (int v = 0; v < kPointVecs; ++v) lower |= value[v] < bound;
      if (!any(lower)) continue;
      for (int v = 0; v < kPointVecs; ++v) {
        for (int lane = 0; lane < kLanes; ++lane) {
          if (value[v][lane] < lowest.value) {
            lowest.value = value[v][lane];
            lowest.at = block * kPointBlock + first + v * kLanes + lane;
          }
        }
      }
    }
  }
}

// One point that may be met before, or together with, the one that is known.
inline void meet(Index d, const double* point, Index at, SphereSweep& sweep) {
  for (Index i = 0; i < sweep.n_members; ++i) {
    if (sweep.members[i] == at) return;
  }
  double power = 0.0, alpha = 0.0, lift = point[d * kPointBlock] - sweep.base_lift;
  for (Index k = 0; k < d; ++k) {
    const double u = point[k * kPointBlock] - sweep.base[k];
    power += u * (u - sweep.twice_center[k]);
    alpha += u * sweep.direction[k];
    lift -= u * sweep.lift_slope[k];
  }
  if (!(alpha > sweep.min_alpha) || !(power - sweep.bound * alpha <= sweep.slack)) return;
  const double step = power > 0.0 ? power / alpha : 0.0, rate = lift / alpha;

  double diameter_squared = 0.0;
  for (Index k = 0; k < d; ++k) {
    const double e = sweep.twice_center[k] + step * sweep.direction[k];
    diameter_squared += e * e;
  }
  const double slack = sweep.relative_slack * __builtin_sqrt(diameter_squared);
  if (step + slack / alpha < sweep.bound) {
    sweep.bound = step + slack / alpha;
    sweep.step = step;
    sweep.slack = slack;
    sweep.diameter_squared = diameter_squared;
    if (sweep.at >= 0 && sweep.power - sweep.bound * sweep.alpha > slack) {
      sweep.at = -1;  // no tie any more; one that lost against it may still be
      sweep.doubtful = sweep.doubtful || sweep.tied;
    }
  }
  if (sweep.at >= 0) {
    sweep.tied = true;
    if (rate >= sweep.rate) return;
  } else {
    sweep.tied = false;
  }
  sweep.at = at;
  sweep.power = power;
  sweep.alpha = alpha;
  sweep.rate = rate;
}

inline void first_on_sphere(Index n_blocks, Index d, const double* blocks, Index first_point,
                            SphereSweep& sweep) {
  for (Index block = 0; block < n_blocks; ++block, blocks += (d + 1) * kPointBlock) {
    for (Index first = 0; first < kPointBlock; first += kPointVecs * kLanes) {
      Vec power[kPointVecs] = {}, alpha[kPointVecs] = {};
      for (Index k = 0; k < d; ++k) {
        const double* x = blocks + k * kPointBlock + first;
        const Vec b = broadcast(sweep.base[k]), e = broadcast(sweep.twice_center[k]);
        const Vec n = broadcast(sweep.direction[k]);
#pragma GCC unroll 8
        for (int v = 0; v < kPointVecs; ++v) {
          const Vec u = load(x + v * kLanes) - b;
          power[v] += u * (u - e);
          alpha[v] += u * n;
        }
      }
      const Vec bound = broadcast(sweep.bound), slack = broadcast(sweep.slack);
      const Vec min_alpha = broadcast(sweep.min_alpha);
      IntVec met[kPointVecs], some = {};
#pragma GCC unroll 8
      for (int v = 0; v < kPointVecs; ++v) {
        met[v] = (alpha[v] > min_alpha) & (power[v] - bound * alpha[v] <= slack);
        some |= met[v];
      }
      if (!any(some)) continue;
      for (int v = 0; v < kPointVecs; ++v) {
        for (int lane = 0; lane < kLanes; ++lane) {
          const Index at = first + v * kLanes + lane;
          if (met[v][lane]) meet(d, blocks + at, first_point + block * kPointBlock + at, sweep);
        }
      }
    }
  }
}

}  // namespace precisekit::kernels::PRECISEKIT_ISA
