#!/usr/bin/env python3
"""Prints lib/numerics/coefficients.h: minimax coefficients and tables (needs mpmath; some minutes).

Each polynomial is a weighted minimax fit (Remez exchange); coefficients are rounded to the lanes' type
one by one, lowest degree first, and the rest is fitted again after each. The comment at each array is log2 of the maximum weighted error after
rounding; coefficients stand lowest degree first.
"""
import struct
import sys

from mpmath import mp, mpf, exp, log, log1p, expm1, sin, cos, erf, erfc, sqrt, pi, matrix, lu_solve, cos as mcos

mp.dps = 60


def round_to(x, bits):
    if x == 0:
        return mpf(0)
    m, e = mp.frexp(x)
    return mp.ldexp(mp.nint(mp.ldexp(m, bits)), int(e) - bits)


def hexfloat(x, bits):
    text = (float(x)).hex()
    sign, rest = ("-", text[1:]) if text[0] == "-" else ("", text)
    mantissa, power = rest.split("p")
    mantissa = mantissa.rstrip("0").rstrip(".")
    return sign + mantissa + "p" + str(int(power)) + ("f" if bits == 24 else "")


def chebyshev_grid(lo, hi, count):
    return [(lo + hi) / 2 - (hi - lo) / 2 * mcos(pi * (i + mpf(1) / 2) / count) for i in range(count)]


def remez(basis, target, weight, count, rounds=40):
    """basis[k][i], target[i], weight[i] on a grid; the minimax coefficients and the error."""
    n = len(basis)
    reference = [round((i + 0.5) * count / (n + 1)) for i in range(n + 1)]
    reference = [min(count - 1, r) for r in reference]
    coefficients, worst = None, None
    for _ in range(rounds):
        a = matrix(n + 1, n + 1)
        rhs = matrix(n + 1, 1)
        for row, i in enumerate(reference):
            for k in range(n):
                a[row, k] = basis[k][i]
            a[row, n] = (-1) ** row / weight[i]
            rhs[row] = target[i]
        solution = lu_solve(a, rhs)
        coefficients = [solution[k] for k in range(n)]
        level = abs(solution[n])
        error = [weight[i] * (sum(coefficients[k] * basis[k][i] for k in range(n)) - target[i])
                 for i in range(count)]
        # One extremum per run of equal signs.
        extrema = []
        for i, e in enumerate(error):
            if extrema and (error[extrema[-1]] > 0) == (e > 0):
                if abs(e) > abs(error[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        worst = max(abs(e) for e in error)
        while len(extrema) > n + 1:
            if len(extrema) == n + 2:
                drop = 0 if abs(error[extrema[0]]) < abs(error[extrema[-1]]) else len(extrema) - 1
                extrema.pop(drop)
            else:
                k = min(range(len(extrema)), key=lambda j: abs(error[extrema[j]]))
                if k in (0, len(extrema) - 1):
                    extrema.pop(k)
                else:
                    neighbour = k - 1 if abs(error[extrema[k - 1]]) < abs(error[extrema[k + 1]]) else k + 1
                    for j in sorted((k, neighbour), reverse=True):
                        extrema.pop(j)
        if len(extrema) < n + 1 or worst < level * mpf("1.0005"):
            break
        reference = extrema
    return coefficients, worst


def fit(name, f, weight, lo, hi, degree, bits, even=False, exact=()):
    """f(x) as a polynomial in x (or in x^2 when even)."""
    count = 60 * (degree + 3)
    xs = chebyshev_grid(mpf(lo), mpf(hi), count)
    zs = [x * x if even else x for x in xs]
    target = [f(x) for x in xs]
    ws = [weight(x) for x in xs]
    left = target
    rounded = []
    basis = [[z ** k for z in zs] for k in range(degree + 1)]
    for k in range(degree + 1):
        if k < len(exact):
            c = mpf(exact[k])
        else:
            # Divided by z^k, or the basis would vanish at 0 and Remez not converge.
            coefficients, _ = remez(basis[:degree + 1 - k], [l / z**k for l, z in zip(left, zs)],
                                    [w * abs(z)**k for w, z in zip(ws, zs)], count)
            c = round_to(coefficients[0], bits)
        rounded.append(c)
        left = [l - c * b for l, b in zip(left, basis[k])]
    error = max(abs(w * l) for w, l in zip(ws, left))
    report(name, error, rounded, bits)


def report(name, error, values, bits):
    note = f"  // 2^{float(mp.log(error, 2)):.1f}" if error else ""
    print(f"  static constexpr std::array<{LANE[bits]}, {len(values)}> k{name} = {{{note}")
    for v in values:
        print("      " + hexfloat(v, bits) + ",")
    print("  };")
    sys.stdout.flush()


LANE = {24: "float", 53: "double"}


# Where the formula cancels, more digits.
def precise(f):
    def g(x):
        with mp.workdps(120):
            return +f(x)
    return g


CENTER = {24: mpf("2.1875"), 53: mpf(3)}
GELU_HIGH = {24: mpf(15), 53: mpf("39.5")}


def tail(u, k):
    t = k * (1 + u) / (1 - u)
    return erfc(t / sqrt(mpf(2))) / 2 * exp(t * t / 2) * (t + k)


ln2 = log(2)
root = sqrt(mpf(1) / 2) - 1


def fit_exp(name, bits, degree):
    fit(name, precise(lambda r: (expm1(r) - r) / r**2), lambda r: r**2 / abs(expm1(r)),
        -ln2 / 2 * 1.0001, ln2 / 2 * 1.0001, degree, bits)


pieces = {
    # (e^r - 1 - r) / r^2; the weight is expm1's, for tanh has the first too. expm1 needs a degree more.
    "exp": lambda bits, degree: fit_exp("Exp", bits, degree),
    "expm1": lambda bits, degree: fit_exp("Expm1", bits, degree),
    "log": lambda bits, degree: fit("Log", precise(lambda f: (log1p(f) - f) / f**2),
                                    lambda f: f**2 / abs(log1p(f)), root, sqrt(mpf(2)) - 1, degree, bits,
                                    exact=(mpf(-0.5),)),
    "sin": lambda bits, degree: fit("Sin", precise(lambda y: (sin(y) - y) / y**3),
                                    lambda y: y**3 / sin(y), 0.01, pi / 4 * 1.0001, degree, bits, True),
    "cos": lambda bits, degree: fit("Cos", precise(lambda y: (cos(y) - 1 + y**2 / 2) / y**4),
                                    lambda y: y**4 / cos(y), 0.01, pi / 4 * 1.0001, degree, bits, True),
    "erf": lambda bits, degree: fit("Erf", precise(lambda x: erf(x) / x - 1), lambda x: x / erf(x),
                                    0.01, 1, degree, bits, True),
    "pow_log": lambda bits, degree: fit("PowLog", precise(lambda r: (log1p(r) - r + r**2 / 2) / r**3),
                                        lambda r: r**2, -1 / mpf(16), 1 / mpf(16), degree, bits),
    # Phi(-t) e^(t^2 / 2) (t + k) as a polynomial in u = (t - k) / (t + k).
    "tail": lambda bits, degree: fit("Tail", lambda u: tail(u, CENTER[bits]), lambda u: 1 / tail(u, CENTER[bits]),
                                     -1, (GELU_HIGH[bits] - CENTER[bits]) / (GELU_HIGH[bits] + CENTER[bits]),
                                     degree, bits),
}


def constant(name, value):
    print(f"  static constexpr {name} = {value};")


def pair(name, x, bits, high_bits):
    """x as high (of few bits, so that products with small integers are exact) and low."""
    high = round_to(x, high_bits)
    low = round_to(x - high, bits)
    constant(f"{LANE[bits]} k{name}High", hexfloat(high, bits))
    constant(f"{LANE[bits]} k{name}Low", hexfloat(low, bits))


def two_over_pi(bits, block, count):
    """Chunks of 2/pi 2^(block q) mod 4, each of `bits` bits at a fixed place."""
    chunks = [[], [], [], []]
    with mp.workdps(600):
        for q in range(count):
            left = mp.fmod(2 / pi * mpf(2) ** (block * q), 4)
            for j in range(4):
                place = bits - 2 + bits * j
                c = mp.floor(left * mpf(2) ** place) / mpf(2) ** place
                chunks[j].append(c)
                left -= c
    print(f"  static constexpr std::array<std::array<{LANE[bits]}, {count}>, 4> kTwoOverPi = {{{{")
    for row in chunks:
        print("      {" + ", ".join(hexfloat(c, bits) for c in row) + "},")
    print("  }};")


def pow_tables(bits):
    """1/c and -log(1/c) for the 16 parts of the binade from 179/256 on; m/c - 1 is exact in a lane."""
    inverses, highs, lows = [], [], []
    for i in range(16):
        def edge(k):  # equal steps of the bits of a float
            steps = mpf(179) / 128 + mpf(k) / 16  # mantissa of [1/2, 1) as [1, 2), running on into [1, 2)
            return steps / 2 if steps <= 2 else steps - 1
        lo, hi = edge(i), edge(i + 1)
        unit = 32 if lo >= 1 else 16
        best = min((max(abs(lo * mpf(j) / unit - 1), abs(hi * mpf(j) / unit - 1)), mpf(j) / unit)
                   for j in range(unit // 2, 2 * unit))
        if lo <= 1 <= hi:
            best = (max(1 - lo, hi - 1), mpf(1))
        assert best[0] < mpf(1) / 16, (i, best)
        inverses.append(best[1])
        exact = -log(best[1])
        highs.append(round_to(exact, bits))
        lows.append(round_to(exact - highs[-1], bits))
    report("PowInverse", 0, inverses, bits)
    report("PowLogHigh", 0, highs, bits)
    report("PowLogLow", 0, lows, bits)


def limits(bits, **values):
    for name, value in values.items():
        constant(f"double k{name}", value)


def header():
    print("""#pragma once
// Constants of the definitions in *-inl.h. Made by tools/ulp/coefficients.py; do not edit.

#include <array>
#include <cstdint>

namespace mlpjit::numerics {

template <class T>
struct Constants;
""")
    for bits in (24, 53):
        single = bits == 24
        print(f"template <>\nstruct Constants<{LANE[bits]}> {{")
        constant("int kMantissaBits", bits - 1)
        constant("int kBias", 127 if single else 1023)
        print("  // 1.5 * 2^kMantissaBits: x + kShift has round(x) in its low bits.")
        limits(bits, Shift="0x1.8p23" if single else "0x1.8p52")
        print("  // Below it f(x) = x for expm1 and log1p.")
        limits(bits, Tiny="0x1p-30" if single else "0x1p-60")
        print("  // Beyond these the results are what they are at them.")
        limits(bits, ExpHigh=89 if single else 710, ExpLow=-104 if single else -746,
               Expm1Low=-18 if single else -38, TanhHigh=9.1 if single else 19.1,
               SiluLow=-109 if single else -753, GeluTanhLow=-10.8 if single else -21.6,
               GeluHigh=GELU_HIGH[bits], TailCenter=CENTER[bits], ErfHigh=4.2 if single else 6.2)
        constant(f"{LANE[bits]} kLog2E", hexfloat(round_to(1 / ln2, bits), bits))
        pair("Ln2", ln2, bits, 15 if single else 33)
        pair("GeluLinear", 2 * sqrt(2 / pi), bits, bits)
        pair("GeluCubic", 2 * sqrt(2 / pi) * mpf("0.044715"), bits, bits)
        pair("HalfPi", pi / 2, bits, bits)
        print("  // Denormals are brought up by 2^kDenormalShift.")
        constant(f"{LANE[bits]} kDenormalScale", "0x1p25f" if single else "0x1p54")
        limits(bits, DenormalShift=25 if single else 54)
        print("  // sqrt(1/2) and 179/256.")
        constant("std::int32_t kSqrtHalfBits" if single else "std::int64_t kSqrtHalfBits",
                 "0x3f3504f3" if single else "0x3fe6a09e667f3bcd")
        constant("std::int32_t kPowOffset" if single else "std::int64_t kPowOffset",
                 "0x3f330000" if single else "0x3fe6600000000000")
        for name, degrees in DEGREES.items():
            pieces[name](bits, degrees[0 if single else 1])
        pow_tables(bits)
        print("  // Exponents per block: 2^kBlockLog.")
        constant("int kBlockLog", 3 if single else 5)
        two_over_pi(bits, 8 if single else 32, 16 if single else 31)
        print("};\n")
    print("}  // namespace mlpjit::numerics")


DEGREES = {"exp": (4, 10), "expm1": (5, 10), "log": (8, 20), "sin": (3, 6), "cos": (2, 6), "erf": (6, 13), "pow_log": (4, 10),
           "tail": (10, 28)}

if __name__ == "__main__":
    if len(sys.argv) == 1:
        header()
    for argument in sys.argv[1:]:
        name, bits, degree = argument.split(":")
        pieces[name](int(bits), int(degree))
