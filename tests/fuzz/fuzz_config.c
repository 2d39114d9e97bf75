/* Configuration files and suites: any bytes have an answer, and a suite that passes is JSON. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/config.h"
#include "runtime/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    char *problems = rt_config_check_text("fuzz.yaml", bytes, size);
    if (problems != NULL && strstr(problems, "error: ") == NULL)
        abort();
    free(problems);
    char *json = rt_suite_read_text("fuzz.yaml", bytes, size, &problems);
    if ((json == NULL) == (problems == NULL))
        abort();
    json_t *parsed = json != NULL ? json_loads(json, 0, NULL) : NULL;
    if (json != NULL && parsed == NULL)
        abort();
    json_decref(parsed);
    free(json);
    free(problems);
    return 0;
}
