"""Nested functions, closures, functions as arguments, kernels that call kernels, recursion."""


@kernel
def square(x):
    return x * x


@kernel
def add(a, b=10, *, c=100):
    return a + b + c


@kernel
def total(first, *rest):
    s = first
    for x in rest:
        s += x
    return s


@kernel
def apply(f, x):
    return f(x)


@kernel
def nothing(x):
    x + 1


@cases((3,), (2.5,))
def calls_a_kernel(x):
    return square(x) + square(square(x))


@cases((1, 2), (1.5, 2))
def keywords_and_defaults(a, b):
    return add(a), add(a, b), add(a, c=b), add(b=a, a=b), add(a, *(b,), c=1)


@cases((1, 2), (1.5, 2))
def rest_parameters(a, b):
    return total(a), total(a, b), total(a, b, 3, 4.5), total(*(a, b, a))


@cases((3,), (2.5,))
def functions_as_arguments(x):
    return apply(square, x), apply(lambda y: y + 1, x), apply(f=square, x=x)


@cases((3,))
def returns_nothing(x):
    return nothing(x) is None


@cases((3, 4), (1.5, 2))
def nested_function(a, b):
    def inner(x, y=b):
        z = x + a
        return z * y

    return inner(1), inner(2, 3), inner(y=1, x=0)


@cases((3,), (4,))
def sees_later_values(n):
    k = 1

    def scaled(x):
        return x * k

    a = scaled(n)
    k = 2.5
    b = scaled(n)
    return a, b


@cases((5,), (0,))
def nonlocal_counter(n):
    count = 0

    def bump(by):
        nonlocal count
        count += by
        return count

    for i in range(n):
        bump(i)
    x = bump(1) + bump(2)
    return count, x


@cases((5,))
def nonlocal_in_expression(n):
    x = n

    def change():
        nonlocal x
        x = x * 2
        return 1

    return x + change() + x


@cases((4,), (-4,))
def early_returns_inside(n):
    def sign(x):
        if x < 0:
            return -1
        if x > 0:
            return 1
        return 0

    return sign(n), sign(-n), sign(n - n)


@cases((4,), (-4,))
def returns_of_different_types(n):
    def f(x):
        if x < 0:
            return 0
        return x * 0.5

    return f(n)


@cases((5,), (0,))
def loops_inside(n):
    def search(limit):
        for i in range(n):
            if i * i > limit:
                return i
        return -1

    return search(3), search(100)


@cases((3,))
def lambdas(n):
    f = lambda x, y=2: x * y + n
    g = (lambda: n + 1)
    return f(1), f(1, 3), g(), (lambda a: a - n)(10)


@kernel
def twice(f, x):
    return f(f(x))


@cases((3,), (1.5,))
def closure_as_argument(n):
    def shift(x):
        return x + n

    return twice(shift, 1), twice(lambda v: v * n, 2)


@kernel
def factorial(n):
    if n <= 1:
        return 1
    return n * factorial(n - 1)


@kernel
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@kernel
def is_even(n):
    if n == 0:
        return True
    return is_odd(n - 1)


@kernel
def is_odd(n):
    if n == 0:
        return False
    return is_even(n - 1)


@kernel
def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


@kernel
def halve_until(x, limit):
    if x < limit:
        return x
    return halve_until(x / 2, limit)


@kernel
def recursion_first(n):
    if n > 0:
        return recursion_first(n - 1) * 0.5
    return 1


@cases((5,), (1,), (20,))
def recursion(n):
    return factorial(n), fib(n // 2), recursion_first(n)


@cases((7,), (8,), (0,))
def mutual_recursion(n):
    return is_even(n), is_odd(n)


@cases((2, 3), (0, 5))
def nested_recursion(m, n):
    return ackermann(m, n)


@cases((100, 3), (2.5, 0.1))
def recursion_changes_type(x, limit):
    return halve_until(x, limit)


@cases((3,))
def same_name_in_two_scopes(x):
    def f():
        x = 5
        return x

    return f() + x


@cases((3,), (0,))
def conditionally_defined(n):
    if n > 1:
        scale = 2
    else:
        scale = 3

    def f(x):
        return x * scale

    return f(n)


@kernel
def divide(a, b):
    return a / b


@cases((1, 0), (1, 2))
def exceptions_pass_through(a, b):
    return divide(a, b) + 1


@kernel
def pick(t, i):
    return t[i]


@cases((3, 4.5))
def literal_argument(a, x):
    return pick((a, x), 0), pick((a, x), 1)


@cases((2,))
def shadowed_builtin(n):
    def max(a, b):
        return a - b

    return max(n, 5)


@cases((4,))
def tuple_results(n):
    def both(x):
        return x, x * 0.5

    a, b = both(n)
    (c, d), e = both(n + 1), 7
    return a, b, c, d, e


@cases((3,), (0,))
def defined_in_a_loop(n):
    s = 0
    for i in range(n):

        def f(x, y=2):
            return x * y + i

        s += f(i)
    return s
