/* Arguments of kernels as the command has them, their types, and the slots that they travel in. */
#ifndef PLAIT_CLI_VALUES_H
#define PLAIT_CLI_VALUES_H

#include "cli/npy.h"
#include "support/arena.h"
#include "support/text.h"
#include <jansson.h>

typedef struct cli_value {
    const char *word; /* as it was written */
    json_t *constant; /* a binding of plait.h, or NULL: */
    npy_array *array;
} cli_value;

typedef VEC(int64_t) slot_list;

/* ---- types, as an artifact's metadata have them ------------------------------------------------------------------------- */

bool value_is(const json_t *ty, const char *kind);
int64_t value_number(const json_t *ty, const char *key);
uint32_t value_slots(const json_t *ty);
char value_letter(const json_t *ty); /* NumPy's kind letter and size of a scalar type */
uint32_t value_bytes(const json_t *ty);
char value_code(const json_t *ty); /* NumPy's one-letter code, as plrt_print_array takes it */

/* ---- values ------------------------------------------------------------------------------------------------------------- */

/* The type of the value as signatures have it. */
void value_put_type(text *out, const cli_value *v);
/* Appends the value's slots; false: it does not suit the type. */
bool value_push(arena *a, slot_list *list, const cli_value *v, const json_t *ty);
/* Gives up the arrays among results. */
void value_release(const json_t *ty, const int64_t *slot);

#endif
