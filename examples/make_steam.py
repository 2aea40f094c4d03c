"""Make steam.csv: specific enthalpy of superheated steam, correctly rounded to float64.

The formula is the basic equation of region 2 of IAPWS-IF97 (IAPWS R7-97(2012), Eqs 15 to 17; W.
Wagner et al., "The IAPWS Industrial Formulation 1997", J. Eng. Gas Turbines Power 122 (2000)),

    h(p, T) = R T* (d gamma_ideal/d tau + d gamma_residual/d tau),   tau = T*/T,   T* = 540 K,

a finite sum, hence analytic in the whole box

    0.01 MPa <= p <= 4 MPa,   560 K <= T <= 1073.15 K,

which lies inside the region: its coldest steam is 36 K above saturation at 4 MPa (523.5 K), and
the boundary to region 3 begins at 16.5 MPa only.

Only the coefficients come from the PyPI package ``iapws``. Its own float64 sum of 52 terms is
off by up to 7e-16 of h here; so the sum is taken with 40 digits at the very floats that are
written, and rounded once: each h is within half an ulp of the formula (relative 1.1e-16).

The points follow the arcsine law in p and T, as dense at the edges of the box as Chebyshev nodes.

Before writing, the script checks the verification values of the release (its Table 15):

    p / MPa    T / K    h / (kJ/kg)
    0.0035     300      2549.91145
    0.0035     700      3335.68375
    30         700      2631.49474

Usage: ``pip install iapws mpmath``, then ``python make_steam.py``. Takes a few seconds.
"""

import csv
from pathlib import Path

from iapws import _iapws97Constants as constants
from iapws import iapws97
from mpmath import mp, mpf

from precisekit.datasets import sample_box

P_RANGE = (0.01, 4.0)  # MPa
T_RANGE = (560.0, 1073.15)  # K
N_POINTS = 4000
SEED = 1997

VERIFICATION = {
    ("0.0035", "300"): "2549.91145",
    ("0.0035", "700"): "3335.68375",
    ("30", "700"): "2631.49474",
}


def decimals(values):
    """Return published decimal numbers exactly: repr gives back the digits they were typed in."""
    return [mpf(repr(float(value))) for value in values]


def enthalpy(p, T, coefficients):
    """Return h in kJ/kg at p in MPa and T in K, all mpf."""
    R, ideal, residual = coefficients
    tau = 540 / T
    shifted = tau - mpf("0.5")
    total = mp.fsum(n * j * tau ** (j - 1) for n, j in ideal)
    total += mp.fsum(n * p**i * j * shifted ** (j - 1) for n, i, j in residual if j)
    return R * 540 * total


def load_coefficients():
    """Return R and the terms (n, j) and (n, i, j) of the ideal and the residual part."""
    ideal = list(
        zip(decimals(constants.Region2_cp0_no), constants.Region2_cp0_Jo.tolist(), strict=True)
    )
    residual = list(
        zip(
            decimals(constants.Region2_n),
            constants.Region2_Li.tolist(),
            constants.Region2_Lj.tolist(),
            strict=True,
        )
    )
    assert (len(ideal), len(residual)) == (9, 43)
    (R,) = decimals([iapws97.R])
    return R, ideal, residual


def check(coefficients):
    for (p, T), published in VERIFICATION.items():
        h = enthalpy(mpf(p), mpf(T), coefficients)
        if abs(h - mpf(published)) > mpf("0.5e-5"):
            raise SystemExit(f"h({p} MPa, {T} K) = {mp.nstr(h, 12)}, published {published}")
    for p in P_RANGE:
        for T in T_RANGE:
            if iapws97._Bound_TP(T, p) != 2:
                raise SystemExit(f"p = {p} MPa, T = {T} K is not in region 2")


def main():
    mp.dps = 40
    coefficients = load_coefficients()
    check(coefficients)
    points = sample_box(*zip(P_RANGE, T_RANGE, strict=True), N_POINTS, "arcsine", seed=SEED)
    with open(Path(__file__).with_name("steam.csv"), "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["p_MPa", "T_K", "h_kJ_per_kg"])
        for p, T in points.tolist():
            h = float(enthalpy(mpf(p), mpf(T), coefficients))
            writer.writerow([repr(p), repr(T), repr(h)])


if __name__ == "__main__":
    main()
