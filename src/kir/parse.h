/* What the two files of the parser share: parse_token.c (words, numbers, names, members) and parse.c (the tree). */
#ifndef PLAIT_KIR_PARSE_H
#define PLAIT_KIR_PARSE_H

#include <setjmp.h>

#include "kir/kir.h"
#include "kir/words.h"

typedef struct kir_label {
    uint32_t number;
    kir_stmt *target;
} kir_label;

typedef struct kir_parser {
    kir_module *m;
    arena *a;
    diags *d;
    uint32_t file;
    const char *start, *at, *end;
    const char *name_at; /* where the last variable's name began, for errors about it */
    uint32_t depth;
    jmp_buf failed;
    const char *dtype_names[TYPE_DTYPE_COUNT];
    span place; /* of the statement before */
    kir_fn *fn;
    kir_var **vars; /* of the function, by id */
    uint32_t vars_cap;
    VEC(kir_label) labels; /* that enclose */
    VEC(kir_fn *) called;  /* functions by name, defined or not yet */
    VEC(kir_fn *) defined; /* parallel to `called`: NULL until it is defined */
} kir_parser;

typedef struct kir_word {
    const char *at;
    size_t len;
} kir_word;

typedef struct kir_var_name {
    sym name;
    uint32_t id;
} kir_var_name;

/* The parse ends here, with the message at where it is; kir_fail_at: at a place before. */
__attribute__((noreturn, format(printf, 2, 3))) void kir_fail(kir_parser *p, const char *format, ...);
__attribute__((noreturn, format(printf, 3, 4))) void kir_fail_at(kir_parser *p, const char *where, const char *format,
                                                                 ...);

/* Whatever takes passes over space and comments first. */
void kir_skip_blanks(kir_parser *p);
void kir_skip_space(kir_parser *p);
char kir_peek(kir_parser *p);
bool kir_take(kir_parser *p, const char *token);
void kir_expect(kir_parser *p, const char *token);
bool kir_word_is(kir_word w, const char *s);
kir_word kir_peek_word(kir_parser *p);
kir_word kir_take_any_word(kir_parser *p);
bool kir_take_word(kir_parser *p, const char *s);
int kir_find_word(kir_word w, const char *const *words, int n);

/* Numbers, strings, places. */
uint64_t kir_take_unsigned(kir_parser *p);
uint32_t kir_take_index(kir_parser *p);
int64_t kir_take_integer(kir_parser *p);
/* A float, sign included, if one stands here. */
bool kir_take_float(kir_parser *p, double *x);
text kir_take_string(kir_parser *p);
/* file/line:col */
span kir_take_place(kir_parser *p);

/* Types: NULL when the word is none. */
type *kir_dtype_called(const kir_parser *p, kir_word w);
type *kir_take_type(kir_parser *p);

/* Variables and functions. */
kir_var_name kir_take_var_name(kir_parser *p);
kir_var *kir_take_var(kir_parser *p);
kir_var *kir_take_array(kir_parser *p);
/* ": type [borrowed] [scratch]" after the name. */
kir_var *kir_declare_var(kir_parser *p, kir_var_name name);
/* A variable that is assigned: one known already, or a temporary declared on the spot. */
kir_var *kir_take_assigned(kir_parser *p);
sym kir_take_fn_name(kir_parser *p);
/* The function of this name; made when it is called before it is defined. */
kir_fn *kir_fn_called(kir_parser *p, sym name, bool define);

/* Members: false when the next word is another one. */
bool kir_take_field(kir_parser *p, const kir_field *fields, void *object);
bool kir_take_choice(kir_parser *p, const char *name, const char *const *words, int *choice);
bool kir_take_schedule(kir_parser *p, int32_t *schedule);
bool kir_take_text_field(kir_parser *p, const char *name, const char **value);
bool kir_take_sym_field(kir_parser *p, const char *name, sym *value);
bool kir_take_at_field(kir_parser *p, span *at);

#endif
