"""NumPy's own answers for every pair of dtypes: promote_types, result_type with a Python scalar, can_cast safely.

Prints what stands in numpy_promotion.txt; test_types.c compares the rules of src/types/ with it.
"""
import numpy as np

NAMES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
         "float32", "float64", "complex64", "complex128"]
WEAK = {"bool": True, "int64": 1, "float64": 1.0, "complex128": 1j}


def lines():
    for a in map(np.dtype, NAMES):
        for b in map(np.dtype, NAMES):
            with_scalar = np.result_type(a, WEAK.get(b.name, b))
            yield f"{a} {b} {np.promote_types(a, b)} {with_scalar} {int(np.can_cast(a, b, 'safe'))}"


if __name__ == "__main__":
    print("\n".join(lines()))
