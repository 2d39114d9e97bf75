/* What is known of each operator of KIR. */
#ifndef PLAIT_KIR_OP_H
#define PLAIT_KIR_OP_H

#include "kir/kir.h"

typedef enum kir_form {
    KIR_FORM_INVALID,
    KIR_FORM_UNARY,
    KIR_FORM_BINARY,
    KIR_FORM_MATH,
    KIR_FORM_REDUCE,
    KIR_FORM_PART
} kir_form;

enum {
    KIR_OP_COMMUTES = 1, /* operands may be swapped, NaN payloads aside */
    KIR_OP_COMPARES = 2, /* gives bool */
    KIR_OP_REDUCES = 4   /* may combine the partial results of a reduction */
};

typedef struct kir_op_info {
    const char *name;  /* "add" */
    const char *infix; /* "+", or NULL: printed as a call of `name` */
    kir_form form;
    uint8_t arity;
    uint8_t flags;
} kir_op_info;

const kir_op_info *kir_op_facts(kir_op op); /* never NULL */
kir_op kir_op_find(const char *name, size_t len);

#endif
