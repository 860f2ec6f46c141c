"""Recomputes the vectors without any of Coalmine's code.

    pip install xxhash && python3 tests/vectors/verify.py
"""

import json
import pathlib
import sys

import xxhash

folder = pathlib.Path(__file__).parent


def position(salt, unit):
    hashed = xxhash.xxh3_64_intdigest(salt.encode() + b"\x1f" + unit)
    return hashed, hashed * 1_000_000 >> 64


def territories(shares, most):
    """Yields each variant with the positions that it owns."""
    start = 0
    names = sorted(shares, key=str.encode)
    for name in names:
        if len(names) == 2 and name == names[1]:
            start = 1_000_000 - shares[name]
        yield name, range(start, start + shares[name])
        start += most.get(name, 0)


def arm(salt, unit, shares, most):
    """The arm and the slice that a unit is counted in."""
    hashed, at = position(salt, unit)
    owner = next((name for name, part in territories(shares, most) if at in part), None)
    if owner is None:
        if len(shares) == 1:
            control = at >= 1_000_000 - max(shares.values())
        else:
            second = xxhash.xxh3_64_intdigest(salt.encode() + b"\x1e" + hashed.to_bytes(8, "little"))
            default = 1_000_000 - sum(shares.values())
            control = (second * 1_000_000 >> 64) * default < max(shares.values()) * 1_000_000
        owner = "control" if control else "rest"
    return [owner, hashed % 16]


def main():
    wrong = checked = 0
    for vector in json.loads((folder / "hashes.json").read_text("utf-8"))["vectors"]:
        hashed, at = position(vector["salt"], bytes.fromhex(vector["unit"]))
        checked += 1
        if (f"{hashed:016x}", at) != (vector["hash"], vector["position"]):
            wrong += 1
            print("wrong:", vector)
    for vector in json.loads((folder / "variants.json").read_text("utf-8"))["vectors"]:
        owned = list(territories(vector["shares"], vector.get("max", {})))
        for unit, variant in vector["variants"].items():
            _, at = position(vector["salt"], bytes.fromhex(unit))
            owner = next((name for name, part in owned if at in part), "stable")
            checked += 1
            if owner != variant:
                wrong += 1
                print("wrong:", vector["salt"], unit, variant, "should be", owner)
    for vector in json.loads((folder / "arms.json").read_text("utf-8"))["vectors"]:
        for unit, expected in vector["arms"].items():
            found = arm(vector["salt"], bytes.fromhex(unit), vector["shares"], vector.get("max", {}))
            checked += 1
            if found != expected:
                wrong += 1
                print("wrong:", vector["salt"], unit, expected, "should be", found)
    print(f"{checked} checked, {wrong} wrong")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
