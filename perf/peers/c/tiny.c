/* What a call of a compiled kernel costs, without Python: two entries take turns in short batches. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef int32_t (*entry)(const int64_t *arguments, int64_t *results, void *error);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double batch(entry f, const int64_t *arguments, int calls) {
    int64_t results[16], error[32];
    double start = now();
    for (int i = 0; i < calls; i++)
        f(arguments, results, error);
    return (now() - start) / calls;
}

/* Nanoseconds of a call of each, round by round. */
void take_turns(entry a, entry b, const int64_t *arguments, int calls, int rounds, double *of_a, double *of_b) {
    batch(a, arguments, calls);
    batch(b, arguments, calls);
    for (int i = 0; i < rounds; i++) {
        if (i % 2 == 0)
            of_a[i] = batch(a, arguments, calls);
        of_b[i] = batch(b, arguments, calls);
        if (i % 2 != 0)
            of_a[i] = batch(a, arguments, calls);
    }
}
