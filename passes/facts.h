/* Facts about integers: linear forms over named values, what is known of them at a point of the program, and a small
 * prover. Shared by simplify (drops checks), guard (hoists them) and the access analysis.
 *
 * Values, not variables: an atom is a variable *at a version*; an assignment makes a new version, so a fact never goes
 * stale, it just speaks of a value that nobody asks about any more. Facts are scoped: take facts_mark before a branch or
 * a loop, facts_reset after it.
 *
 * Arithmetic of KIR wraps; linear forms are mathematical. So an operation becomes linear only when its result is
 * proven to fit int64, else it is an opaque atom of its own. Extents are taken to be below 2^56 (no array is larger). */
#ifndef PLAIT_PASSES_FACTS_H
#define PLAIT_PASSES_FACTS_H

#include "kir/kir.h"

typedef __int128 wide;

typedef enum atom_kind {
    ATOM_INVALID,
    ATOM_VAR,      /* a scalar integer variable */
    ATOM_DIM,      /* extent of an array variable */
    ATOM_FLOORDIV, /* floor(a / c), c a positive constant */
    ATOM_OP,       /* op(a, b), not linear or not known to fit */
    ATOM_SELECT,   /* a where test >= 0, else b */
    ATOM_OPAQUE    /* nothing is known but the range */
} atom_kind;

typedef struct lin lin;
typedef struct atom {
    atom_kind kind;
    kir_op op;
    kir_var *var;
    uint32_t version, axis;
    const lin *a, *b, *test;
    int64_t c;
    wide lo, hi;         /* numeric range */
    wide now_lo, now_hi; /* and by the facts of epoch `now` - 1 */
    uint32_t now;
    uint32_t newest[2]; /* fact that speaks of the atom with a coefficient below and above zero: its mention + 1 */
} atom;

typedef struct lin_term {
    uint32_t atom;
    int64_t coef;
} lin_term;

struct lin { /* k + sum of coef * atom, atoms ascending, coefficients not 0 */
    int64_t k;
    uint32_t n;
    lin_term *term;
};

typedef struct facts facts;

facts *facts_new(arena *a, kir_module *m, kir_fn *f);
const atom *facts_atom(const facts *f, uint32_t i);

/* Linear form of an integer expression; never NULL for int and bool types, NULL for others. */
const lin *facts_lin(facts *f, kir_expr *e);
const lin *facts_var(facts *f, kir_var *v);
const lin *facts_const(facts *f, int64_t k);
/* a + scale * b; NULL when a coefficient leaves int64. */
const lin *facts_add(facts *f, const lin *a, const lin *b, int64_t scale);
bool facts_equal(const lin *a, const lin *b);
/* A form with a SELECT in it as two: *yes where test >= 0 (*when >= 0), *no elsewhere (*unless >= 0). False: it has none. */
bool facts_cases(facts *f, const lin *a, const lin **when, const lin **yes, const lin **unless, const lin **no);

/* True when `a` >= 0 (a == 0) follows from what is known. */
bool facts_nonneg(facts *f, const lin *a);
bool facts_zero(facts *f, const lin *a);
/* 1: the bool expression holds, 0: it does not, -1: not known. */
int facts_decide(facts *f, kir_expr *cond);

/* The form that is >= 0 exactly when the ordering comparison (< <= > >=) of integers holds; NULL for other conditions. */
const lin *facts_ordering(facts *f, kir_expr *cond);

/* From here on (until facts_reset to an earlier mark): cond is `truth`; a >= 0. */
void facts_assume(facts *f, kir_expr *cond, bool truth);
void facts_assume_nonneg(facts *f, const lin *a);
typedef struct facts_scope {
    uint32_t len, conditions;
} facts_scope;
facts_scope facts_mark(const facts *f);
void facts_reset(facts *f, facts_scope scope);
/* All that is known now: n forms, each >= 0. */
const lin *const *facts_known(const facts *f, uint32_t *n);

/* The statement has been executed: ASSIGN, CHECK, CALL … (not loops and IFs: see below). */
void facts_after(facts *f, kir_stmt *s);
/* Variable v got a new, unknown value. */
void facts_kill(facts *f, kir_var *v);
void facts_kill_written(facts *f, kir_block *b);
/* Entering the body of a FOR or LOOP: kills what the body writes, and gives the FOR's variable its bounds. */
void facts_enter_loop(facts *f, kir_stmt *loop);
/* Version of a variable: two uses with equal versions see one value. */
uint32_t facts_version(const facts *f, const kir_var *v);
/* Numeric range of a form. */
void facts_range(facts *f, const lin *a, wide *lo, wide *hi);

#endif
