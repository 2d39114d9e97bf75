/* Words of the text form that printer and parser share: one table an enum, indexed by its values. */
#ifndef PLAIT_KIR_WORDS_H
#define PLAIT_KIR_WORDS_H

#include "kir/kir.h"

enum { KIR_WORDS = 6 };
extern const char *const kir_loop_words[KIR_WORDS];     /* kir_loop_kind */
extern const char *const kir_class_words[KIR_WORDS];    /* kir_class */
extern const char *const kir_schedule_words[KIR_WORDS]; /* plrt_schedule */
extern const char *const kir_fn_words[KIR_WORDS];       /* kir_fn_kind */
extern const char *const kir_race_words[KIR_WORDS];

/* Expressions written as a call: the kinds whose name does not come from their operator. */
extern const char *const kir_expr_words[KIR_EXPR_KIND_COUNT];

/* Boolean and integer members by name, for options, loop facts and functions. */
typedef enum kir_field_kind { KIR_FIELD_FLAG, KIR_FIELD_INT, KIR_FIELD_INT32, KIR_FIELD_UINT32 } kir_field_kind;
typedef struct kir_field {
    const char *name; /* NULL ends a table */
    kir_field_kind kind;
    size_t offset;
    int64_t absent; /* value when it is not written */
} kir_field;
extern const kir_field kir_option_fields[], kir_loop_fields[], kir_fn_fields[], kir_report_fields[];

int64_t kir_field_get(const kir_field *f, const void *object);
void kir_field_set(const kir_field *f, void *object, int64_t x);

#endif
