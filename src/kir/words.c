#include "kir/words.h"

#include <string.h>

const char *const kir_loop_words[KIR_WORDS] = {[KIR_LOOP_INVALID] = "unknown",
                                               [KIR_LOOP_RANGE] = "range",
                                               [KIR_LOOP_PRANGE] = "prange",
                                               [KIR_LOOP_ARRAY] = "array",
                                               [KIR_LOOP_ITER] = "iter"};
const char *const kir_class_words[KIR_WORDS] = {[KIR_CLASS_UNANALYSED] = "unanalysed",
                                                [KIR_CLASS_INDEPENDENT] = "independent",
                                                [KIR_CLASS_REDUCTION] = "reduction",
                                                [KIR_CLASS_CARRIED] = "carried",
                                                [KIR_CLASS_UNKNOWN] = "undecided"};
const char *const kir_schedule_words[KIR_WORDS] = {"default", "static", "dynamic", "guided"};
const char *const kir_fn_words[KIR_WORDS] = {
    [KIR_FN_INVALID] = "invalid", [KIR_FN_ENTRY] = "entry", [KIR_FN_CALLEE] = "callee", [KIR_FN_REGION] = "region"};
const char *const kir_race_words[KIR_WORDS] = {
    [KIR_RACE_ERROR] = "error", [KIR_RACE_WARN] = "warn", [KIR_RACE_TRUST] = "trust", [KIR_RACE_CHECK] = "check"};

const char *const kir_expr_words[KIR_EXPR_KIND_COUNT] = {[KIR_SELECT] = "select",
                                                         [KIR_COMPLEX] = "complex",
                                                         [KIR_REAL] = "real",
                                                         [KIR_IMAG] = "imag",
                                                         [KIR_DIM] = "dim",
                                                         [KIR_STRIDE] = "stride",
                                                         [KIR_WRAP] = "wrap",
                                                         [KIR_BLOCK_INDEX] = "block_index",
                                                         [KIR_OVERLAP] = "overlap",
                                                         [KIR_VIEW] = "view",
                                                         [KIR_TRANSPOSE] = "transpose",
                                                         [KIR_RESHAPE] = "reshape",
                                                         [KIR_REINTERPRET] = "reinterpret",
                                                         [KIR_ALLOC] = "alloc",
                                                         [KIR_GLOBAL] = "global",
                                                         [KIR_BROADCAST] = "broadcast",
                                                         [KIR_INDEX] = "index",
                                                         [KIR_GATHER] = "gather",
                                                         [KIR_REDUCE] = "reduce"};

#define FLAG(T, m) {#m, KIR_FIELD_FLAG, offsetof(T, m), 0}
#define INT(T, m) {#m, KIR_FIELD_INT, offsetof(T, m), 0}
#define INT32(T, m) {#m, KIR_FIELD_INT32, offsetof(T, m), 0}
#define UINT32(T, m) {#m, KIR_FIELD_UINT32, offsetof(T, m), 0}

const kir_field kir_option_fields[] = {FLAG(kir_options, parallel),
                                       FLAG(kir_options, par_prange),
                                       FLAG(kir_options, par_numpy),
                                       FLAG(kir_options, par_reduction),
                                       FLAG(kir_options, par_setitem),
                                       FLAG(kir_options, par_fusion),
                                       FLAG(kir_options, par_comprehension),
                                       FLAG(kir_options, par_inplace_binop),
                                       FLAG(kir_options, par_range),
                                       FLAG(kir_options, require_parallel),
                                       UINT32(kir_options, fastmath),
                                       FLAG(kir_options, numpy_errors),
                                       FLAG(kir_options, boundscheck),
                                       FLAG(kir_options, debug),
                                       {"opt", KIR_FIELD_INT32, offsetof(kir_options, opt), 3},
                                       INT(kir_options, chunk),
                                       INT(kir_options, tile),
                                       INT(kir_options, vector_bytes),
                                       INT(kir_options, vector_registers),
                                       FLAG(kir_options, always_inline),
                                       {NULL, 0, 0, 0}};

const kir_field kir_loop_fields[] = {UINT32(kir_loop_info, id),
                                     FLAG(kir_loop_info, parallel),
                                     FLAG(kir_loop_info, vector),
                                     {"region_loop", KIR_FIELD_FLAG, offsetof(kir_loop_info, is_region), 0},
                                     FLAG(kir_loop_info, cold),
                                     FLAG(kir_loop_info, few),
                                     FLAG(kir_loop_info, apart),
                                     INT(kir_loop_info, chunk),
                                     INT(kir_loop_info, grain),
                                     INT(kir_loop_info, cost),
                                     {NULL, 0, 0, 0}};

const kir_field kir_fn_fields[] = {{"recursive", KIR_FIELD_FLAG, offsetof(kir_fn, is_recursive), 0},
                                   FLAG(kir_fn, no_inline),
                                   FLAG(kir_fn, always_inline),
                                   FLAG(kir_fn, cold),
                                   INT(kir_fn, chunk),
                                   INT(kir_fn, grain),
                                   {NULL, 0, 0, 0}};

const kir_field kir_report_fields[] = {FLAG(kir_report, vector),   FLAG(kir_report, unrolled),
                                       UINT32(kir_report, parent), UINT32(kir_report, fused_with),
                                       INT(kir_report, work),      {NULL, 0, 0, 0}};

int64_t kir_field_get(const kir_field *f, const void *object) {
    const char *at = (const char *)object + f->offset;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    switch (f->kind) {
    case KIR_FIELD_FLAG:
        return *(const bool *)at;
    case KIR_FIELD_INT32:
        memcpy(&i32, at, sizeof i32);
        return i32;
    case KIR_FIELD_UINT32:
        memcpy(&u32, at, sizeof u32);
        return u32;
    default:
        memcpy(&i64, at, sizeof i64);
        return i64;
    }
}

void kir_field_set(const kir_field *f, void *object, int64_t x) {
    char *at = (char *)object + f->offset;
    int32_t i32 = (int32_t)x;
    uint32_t u32 = (uint32_t)x;
    switch (f->kind) {
    case KIR_FIELD_FLAG:
        *(bool *)at = x != 0;
        return;
    case KIR_FIELD_INT32:
        memcpy(at, &i32, sizeof i32);
        return;
    case KIR_FIELD_UINT32:
        memcpy(at, &u32, sizeof u32);
        return;
    default:
        memcpy(at, &x, sizeof x);
        return;
    }
}
