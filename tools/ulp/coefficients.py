#!/usr/bin/env python3
"""Prints lib/numerics/coefficients.h: minimax coefficients and tables (needs mpmath; some minutes).

Each polynomial is a weighted minimax fit (Remez exchange); coefficients are rounded to the lanes' type
one by one, lowest degree first, and the rest is fitted again after each. The comment at each array is
log2 of the maximum weighted error after rounding; coefficients stand lowest degree first.
"""
import struct
import sys

from mpmath import mp, mpf, exp, log, log1p, expm1, sin, cos, tanh, erf, erfc, sqrt, pi, matrix, lu_solve, cos as mcos

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


def fit_at(f, weight, xs, degree, bits, even=False, exact=()):
    """f on the grid xs as a polynomial in x (or in x^2 when even): coefficients and weighted error."""
    zs = [x * x if even else x for x in xs]
    ws = [weight(x) for x in xs]
    left = [f(x) for x in xs]
    rounded = []
    basis = [[z ** k for z in zs] for k in range(degree + 1)]
    for k in range(degree + 1):
        if k < len(exact):
            c = mpf(exact[k])
        else:
            # Divided by z^k, or the basis would vanish at 0 and Remez not converge.
            coefficients, _ = remez(basis[:degree + 1 - k], [l / z**k for l, z in zip(left, zs)],
                                    [w * abs(z)**k for w, z in zip(ws, zs)], len(xs))
            c = round_to(coefficients[0], bits)
        rounded.append(c)
        left = [l - c * b for l, b in zip(left, basis[k])]
    return rounded, max(abs(w * l) for w, l in zip(ws, left))


def fit(name, f, weight, lo, hi, degree, bits, even=False, exact=()):
    xs = chebyshev_grid(mpf(lo), mpf(hi), 60 * (degree + 3))
    rounded, error = fit_at(f, weight, xs, degree, bits, even, exact)
    report(name, error, rounded, bits)


def accurate_center(f, lo, hi, bits):
    """A number near the middle of [lo, hi] at which f is nearly a number of the lanes' type."""
    middle = round_to((lo + hi) / 2, bits)
    unit = mp.ldexp(mpf(1), int(mp.frexp(middle)[1]) - bits)
    candidates = [middle + j * unit for j in range(-256, 257)]
    return min(candidates, key=lambda c: abs(f(c) - round_to(f(c), bits)))


def pieces_of(name, f, start, high, degree, bits, first=None, last=None, linear=0):
    """f(x) on [0, high) in 16 pieces, four in each binade of x + start, as polynomials in x less a
    center. `first` are the leading coefficients of the first piece if its center is to be 0 (and its
    polynomial then f(x) - linear x), `last` the value beyond `high`."""
    rows = [[mpf(0)] * 16 for _ in range(degree + 2)]
    error = mpf(0)
    for i in range(16):
        lo, hi = (mpf(start) * mpf(2) ** (k // 4) * (1 + mpf(k % 4) / 4) - start for k in (i, i + 1))
        hi = min(hi, mpf(high))
        # The two lowest bits of the exponent and the two highest of the mantissa of x + start.
        place = (int(mp.frexp(mpf(start))[1]) * 4 + 4 * 126 + i) % 16
        if lo >= hi:
            rows[0][place], rows[1][place] = mpf(high), mpf(last)
            continue
        whole = i == 0 and first is not None
        center = mpf(0) if whole else accurate_center(f, lo, hi, bits)
        exact = first if whole else (round_to(f(center), bits),)
        xs = chebyshev_grid((hi / 1000 if whole else lo) - center, hi - center, 40 * (degree + 3))
        less = linear if whole else 0
        rounded, piece_error = fit_at(lambda x: f(center + x) - less * x, lambda x: 1 / f(center + x), xs,
                                      degree, bits, exact=exact)
        error = max(error, piece_error)
        for row, value in zip(rows, [center] + rounded):
            row[place] = value
    note = f"  // 2^{float(mp.log(error, 2)):.1f}"
    print(f"  static constexpr double k{name}Start = {float(start)};")
    print(f"  static constexpr std::array<std::array<{LANE[bits]}, 16>, {degree + 2}> k{name}Pieces = {{{{{note}")
    for row in rows:
        print("      {" + ", ".join(hexfloat(c, bits) for c in row) + "},")
    print("  }};")
    sys.stdout.flush()


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


TAIL_CENTER = mpf(3)  # of f64
GELU_HIGH = {24: mpf("14.9"), 53: mpf("39.5")}


def tail(u, k):
    t = k * (1 + u) / (1 - u)
    return erfc(t / sqrt(mpf(2))) / 2 * exp(t * t / 2) * (t + k)


ln2 = log(2)
root = sqrt(mpf(1) / 2) - 1


REDUCED = ln2 / 2 * mpf("1.0001")


pieces = {
    # (e^r - 1) / r for e^r, (e^r - 1 - r) / r^2 for e^r - 1.
    "exp": lambda bits, degree: fit("Exp", precise(lambda r: expm1(r) / r), lambda r: abs(r) / exp(r),
                                    -REDUCED, REDUCED, degree, bits, exact=(1, mpf(0.5))),
    "expm1": lambda bits, degree: fit("Expm1", precise(lambda r: (expm1(r) - r) / r**2),
                                      lambda r: r**2 / abs(expm1(r)), -REDUCED, REDUCED, degree, bits),
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
    "tail": lambda bits, degree: fit("Tail", lambda u: tail(u, TAIL_CENTER), lambda u: 1 / tail(u, TAIL_CENTER), -1,
                                     (GELU_HIGH[bits] - TAIL_CENTER) / (GELU_HIGH[bits] + TAIL_CENTER), degree,
                                     bits),
    "tanh_pieces": lambda bits, degree: pieces_of("Tanh", tanh, 1, 9, degree, bits, (0, 1), 1),
    "erf_pieces": lambda bits, degree: pieces_of("Erf", erf, mpf(0.5), 4, degree, bits, (0,), 1, linear=1),
    # Phi(-t) e^(t^2 / 2).
    "tail_pieces": lambda bits, degree: pieces_of(
        "Tail", lambda t: erfc(t / sqrt(mpf(2))) / 2 * exp(t * t / 2), 1, 15, degree, bits),
    # log1p(e^-t) / e^-t.
    "softplus_pieces": lambda bits, degree: pieces_of(
        "Softplus", lambda t: log1p(exp(-t)) * exp(t), 2, 30, degree, bits),
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
               Expm1Low=-18 if single else -38, TanhHigh=10 if single else 19.1,
               SiluLow=-109 if single else -753, GeluTanhLow=-10.8 if single else -21.6,
               GeluHigh=GELU_HIGH[bits], ErfHigh=4 if single else 6.2)
        limits(bits, **({"SoftplusHigh": 29} if single else {"TailCenter": TAIL_CENTER}))
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
            degree = degrees[0 if single else 1]
            if degree is not None:
                pieces[name](bits, degree)
        pow_tables(bits)
        print("  // Exponents per block: 2^kBlockLog.")
        constant("int kBlockLog", 3 if single else 5)
        two_over_pi(bits, 8 if single else 32, 16 if single else 31)
        print("};\n")
    print("}  // namespace mlpjit::numerics")


# Of f32 and f64; None: the type does without.
DEGREES = {"exp": (5, 10), "expm1": (5, 10), "log": (8, 20), "sin": (3, 6), "cos": (2, 6), "erf": (None, 13),
           "pow_log": (4, 10), "tail": (None, 28), "tanh_pieces": (6, None), "erf_pieces": (6, None),
           "tail_pieces": (6, None), "softplus_pieces": (6, None)}

if __name__ == "__main__":
    if len(sys.argv) == 1:
        header()
    for argument in sys.argv[1:]:
        name, bits, degree = argument.split(":")
        pieces[name](int(bits), int(degree))
