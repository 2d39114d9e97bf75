"""What of Python's built-in functions is easiest said in the kernel language itself."""


def builtins_sum(iterable, start=0):
    total = start
    for x in iterable:
        total = total + x
    return total


def builtins_all(iterable):
    for x in iterable:
        if not x:
            return False
    return True


def builtins_any(iterable):
    for x in iterable:
        if x:
            return True
    return False


def builtins_min(iterable):
    if len(iterable) == 0:
        raise ValueError("min() arg is an empty sequence")
    best = iterable[0]
    for x in iterable:
        if x < best:
            best = x
    return best


def builtins_max(iterable):
    if len(iterable) == 0:
        raise ValueError("max() arg is an empty sequence")
    best = iterable[0]
    for x in iterable:
        if x > best:
            best = x
    return best


def builtins_round_int(number, ndigits):
    if ndigits >= 0:
        return number
    if ndigits < -18:
        return number * 0
    unit = 10 ** -ndigits
    rest = number % unit
    down = number - rest
    if rest * 2 > unit or (rest * 2 == unit and (down // unit) % 2 == 1):
        return down + unit
    return down


def builtins_pow_mod(base, exp, mod):
    if mod == 0:
        raise ValueError("pow() 3rd argument cannot be 0")
    if exp < 0:
        raise ValueError("pow() with a negative exponent and a modulus is not supported")
    if mod > 3037000499 or mod < -3037000499:
        raise OverflowError("the modulus of pow() does not fit 32 bits")
    result = 1 % mod
    square = base % mod
    while exp > 0:
        if exp & 1:
            result = result * square % mod
        square = square * square % mod
        exp >>= 1
    return result


def builtins_tuple_index(self, x):
    k = 0
    for item in self:
        if item == x:
            return k
        k += 1
    raise ValueError("tuple.index(x): x not in tuple")


def builtins_tuple_count(self, x):
    k = 0
    for item in self:
        if item == x:
            k += 1
    return k


def builtins_slice_indices(start, stop, step, n):
    if step is None:
        step = 1
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if n < 0:
        raise ValueError("length should not be negative")
    least = 0 if step > 0 else -1
    most = n if step > 0 else n - 1
    if start is None:
        first = least if step > 0 else most
    else:
        first = start + n if start < 0 else start
        first = min(max(first, least), most)
    if stop is None:
        last = most if step > 0 else least
    else:
        last = stop + n if stop < 0 else stop
        last = min(max(last, least), most)
    return first, last, step
