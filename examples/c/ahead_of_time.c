/* A kernel compiled ahead of time and called as a C function. The program needs the runtime, not the compiler.
 *
 *   plait compile saxpy.py:saxpy -o saxpy.o -o saxpy.h
 *   gcc ahead_of_time.c saxpy.o -I include -L build/release/python/plait -lplait_rt -lgomp -lm -o ahead_of_time */
#include "saxpy.h"
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    enum { N = 1000000 };
    int64_t shape[1] = {N}, shorter[1] = {N - 1};
    double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), sum = 0;
    plrt_error error = {0};
    if (!x || !y)
        return 1;
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = 1;
    }
    int failed = saxpy(2.0, x, shape, y, shape, &error);
    for (int i = 0; i < N; i++)
        sum += y[i];
    printf("sum %.0f\n", sum); /* 1000000000000 */

    int raised = saxpy(2.0, x, shape, y, shorter, &error); /* y is too short: IndexError */
    printf("site %d, iteration %lld\n", error.site, (long long)error.iteration);
    free(x);
    free(y);
    return failed || !raised;
}
