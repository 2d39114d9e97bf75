/* A kernel compiled from a string and called, without Python.
 *
 *   gcc from_string.c -I include -L build/release/python/plait -lplait -lplait_rt -o from_string
 *
 * The request is a JSON value; the artifact holds object code, which plait_load puts into executable memory. Arguments
 * and results travel in 8-byte slots (include/plait/runtime.h): an array takes data, owner, shape and strides. */
#include <plait/plait.h>
#include <stdio.h>
#include <string.h>

static const char *const request = "{\"source\": \"def rms(x):\\n"
                                   "    total = 0.0\\n"
                                   "    for i in prange(len(x)):\\n"
                                   "        total += x[i] * x[i]\\n"
                                   "    return math.sqrt(total / len(x))\\n\","
                                   " \"function\": \"rms\","
                                   " \"bindings\": {\"prange\": {\"object\": \"plait.prange\"},"
                                   "               \"math\": {\"module\": \"math\"}},"
                                   " \"signature\": \"float64(float64[::1])\","
                                   " \"options\": {\"parallel\": true}}";

static int explain(plait_diagnostics *diagnostics) {
    for (size_t i = 0; i < plait_diagnostics_count(diagnostics); i++)
        fprintf(stderr, "%s\n", plait_diagnostics_get(diagnostics, i).text);
    plait_diagnostics_free(diagnostics);
    return 1;
}

/* Calls rms(x) and prints its result, or the exception it raised. */
static int call(plait_kernel *kernel, double *x, int64_t n) {
    int64_t arguments[4] = {(int64_t)x, 0, n, (int64_t)sizeof *x};
    int64_t slots[1];
    plrt_error error = {0};
    if (plait_kernel_entry(kernel)(arguments, slots, &error)) {
        char message[200];
        plait_kernel_error_text(kernel, &error, message, sizeof message);
        printf("raised %s\n", message);
        return 1;
    }
    double result;
    memcpy(&result, slots, sizeof result);
    printf("rms of %lld numbers: %.6f\n", (long long)n, result);
    return 0;
}

int main(void) {
    plait_artifact *artifact = NULL;
    plait_kernel *kernel = NULL;
    plait_diagnostics *diagnostics = NULL;
    if (plait_compile(request, strlen(request), &artifact, &diagnostics) != PLAIT_OK ||
        plait_load(artifact, &kernel, &diagnostics) != PLAIT_OK)
        return explain(diagnostics);
    plait_diagnostics_free(diagnostics); /* warnings, if any */
    printf("%s", plait_artifact_explain(artifact));
    plait_artifact_free(artifact);

    double x[1000];
    for (int i = 0; i < 1000; i++)
        x[i] = i * 0.001;
    int failed = call(kernel, x, 1000); /* 0.577 */
    failed |= call(kernel, x, 0) != 1;  /* ZeroDivisionError, as in Python */
    plait_kernel_free(kernel);
    return failed;
}
