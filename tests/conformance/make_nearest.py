"""Writes src/tensor/nearest.txt: doubles, and the half and the bfloat16 nearest to each, as the bits of all three.

Halves are numpy's, whose cast rounds once. Those of bfloat16 are found with whole numbers among all that there are.
"""

import fractions
import pathlib
import struct

import numpy as np

PAGE = pathlib.Path(__file__).parents[2] / "src/tensor/nearest.txt"


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def brain(bits):
    """The value of a positive bfloat16; what lies beyond the largest counts as the next power of two."""
    return fractions.Fraction(struct.unpack("<f", struct.pack("<I", bits << 16))[0]) if bits < 0x7F80 else fractions.Fraction(2**128)


def to_brain(value):
    sign = bits(value) >> 63 << 15
    if np.isnan(value):
        return 0x7FC0 | sign
    if np.isinf(value):
        return 0x7F80 | sign
    exact, low, high = abs(fractions.Fraction(value)), 0, 0x7F80
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if brain(middle) <= exact else (low, middle)
    below, above = exact - brain(low), brain(high) - exact
    return (low if below < above or below == above and low % 2 == 0 else high) | sign


def main():
    values = [0.0, 1.0, 1.0004883, 0.1, 1 / 3, 2.5, 3.14159265358979, 65504.0, 1e5, 1e300, 5e-324, 2.2e-308, np.inf, np.nan]
    # Between two neighbours, and beside it by the last bit of a double and by one that a single would lose.
    for fraction, powers in ((10, (-24, -15, -14, 0, 7, 15)), (7, (-133, -127, -126, 0, 7, 127))):
        for power in powers:
            step = 2.0 ** max(power - fraction, -24 if fraction == 10 else -133)
            # The neighbours of the power and the pair below the next one; from a subnormal only what there is.
            for at in {2.0**power, 2.0**power + step, 2.0 ** (power + 1) - step}:
                middle = at + step / 2
                values += [middle, np.nextafter(middle, 0), np.nextafter(middle, np.inf), middle * (1 + 2**-30)]
        least = 2.0 ** (-24 if fraction == 10 else -133)
        values += [least / 2, np.nextafter(least / 2, 0), np.nextafter(least / 2, 1), least * 1.5]
    rng = np.random.default_rng(9)
    values += list(rng.normal(size=20) * 10.0 ** rng.integers(-9, 6, 20))
    values = sorted({bits(sign * value): sign * value for value in values for sign in (1.0, -1.0)}.items())
    with np.errstate(over="ignore"):
        lines = [f"{key:016x} {np.float64(value).astype(np.float16).view(np.uint16):04x} {to_brain(value):04x}\n" for key, value in values]
    PAGE.write_text("".join(lines))
    print(f"{len(lines)} doubles")


if __name__ == "__main__":
    main()
