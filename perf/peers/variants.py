"""What the peers' variants share: in which loops a person puts parallelism."""

# numbers of `for` loops in the text's order; several choices where none is the best for sure
LOOPS = {
    "sum": [(0,)],
    "saxpy": [(0,)],
    "bs": [(0,)],
    "mandel": [(0,)],
    "jac1": [(1, 2)],
    "jac2": [(1, 3)],
    "matmul": [(0,)],
    "pdist": [(0,)],
    "nbody": [(0,)],
    "softmax": [(0,)],
    "l2rows": [(0,)],
    "spmv": [(0,)],
    "stencil3": [(1, 4)],
    "fft": [(0, 1, 2, 4), (0, 1, 3, 4)],
    "lu": [(0, 3)],
    "queens": [(0,)],
    "bs32": [(0,)],
}
REDUCTIONS = {"sum": "s", "queens": "ways"}
