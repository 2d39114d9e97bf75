/* Dependence analysis: which loops carry a memory dependence, exactly, on isl.
 *
 * For a loop L the question is whether two different iterations of L touch one array element, one of them writing. The
 * accesses of L's body are modelled as affine maps from L's and the inner loops' iterators to elements, over domains
 * made of the loop bounds and of the affine conditions around them; invariant values are parameters. A pair (write,
 * access) conflicts when the relation { d → d' : element(d) = element'(d'), d0 != d0' } is not empty.
 * Scalars are not the business of this analysis (see reduction, privatize). What is not affine is marked, not guessed.
 */
#ifndef PLAIT_PASSES_DEPENDENCE_H
#define PLAIT_PASSES_DEPENDENCE_H

#include "passes/pass.h"
#include "passes/vars.h"

typedef struct dep_pair { /* two arrays that must not share memory for the verdict to hold; checked at run time */
    kir_var *a, *b;
    bool same_ok; /* the verdict also holds when both are the very same view */
} dep_pair;

typedef struct dep_access { /* one access of the loop's body, as reported in a verdict */
    kir_stmt *statement;
    kir_var *array; /* as written in the statement */
    bool is_write;
} dep_access;

typedef struct dep_verdict {
    kir_class class;          /* INDEPENDENT, CARRIED or UNKNOWN */
    const char *reason;       /* code of reasons.def; NULL when INDEPENDENT */
    const char *detail;       /* for the reason's sentence: the array's name, or what is not affine */
    dep_access first, second; /* CARRIED, UNKNOWN: the offending pair (second may be empty) */
    const char *distance;     /* CARRIED: "1", "at least 1", … or NULL */
    const char *witness;      /* CARRIED: "iterations i = 1 and i = 2 both touch a[1]", or NULL */
    bool proven;              /* CARRIED: happens for all large trip counts and extents, every access being exact */
    VEC(dep_pair) pairs;      /* INDEPENDENT: hold only if these do not overlap */
    VEC(kir_var *) injective; /* INDEPENDENT: written arrays whose elements must be distinct memory (layout A) */
    VEC(kir_expr *) require;  /* INDEPENDENT: tests at the loop's entry that must hold besides */
} dep_verdict;

typedef struct dep_session dep_session;

/* One session per function; owns an isl context with an operation budget per loop. `a` must outlive it. */
dep_session *dep_open(kir_module *m, kir_fn *f, arena *a);
void dep_close(dep_session *s);

/* Verdict on `loop`. */
dep_verdict dep_analyse(dep_session *s, kir_stmt *loop);

/* Of a loop whose body was put together from those of two loops (statements before `split` from the first): INDEPENDENT
 * when no element is touched by both parts in different iterations, one of them writing, so that the loops may run as one
 * and the one carries no more than they did. `pairs` and `injective` are what that rests on. Otherwise UNKNOWN. */
dep_verdict dep_parts(dep_session *s, kir_stmt *loop, uint32_t split);

/* Dependences through memory between the statements of a loop's body, by their positions (at most 32). */
typedef struct dep_edges {
    uint32_t same[32];    /* bit k > i of same[i]: i and k may touch one element, within an iteration or not */
    uint32_t carried[32]; /* bit k of carried[i]: i may touch an element that k touches in a later iteration */
} dep_edges;
/* False when it is not known. *assumed gets the pairs and arrays under which it holds. */
bool dep_statements(dep_session *s, kir_stmt *loop, dep_edges *e, dep_verdict *assumed);
typedef struct dep_element { /* what an excepted statement touches */
    kir_stmt *statement;
    kir_var *root;
    kir_expr **index; /* into root */
    uint32_t n;
} dep_element;

/* Verdict on `loop` as if the statements `except` touched memory of nobody else's: their elements are listed instead. Of
 * the IFs `taken` only the first arm counts. UNKNOWN when some other statement touches an excepted array; that nothing
 * else shares memory with them, and their elements are distinct, becomes part of the assumptions. */
typedef struct dep_exceptions {
    kir_stmt *const *except;
    uint32_t n_except;
    kir_stmt *const *taken;
    uint32_t n_taken;
} dep_exceptions;
dep_verdict dep_analyse_except(dep_session *s, kir_stmt *loop, const dep_exceptions *x, const dep_element **elements,
                               uint32_t *n_elements);

/* Is each element of the array that an iteration of the loop reads written in the same iteration before, and would arrays
 * of which this holds, one for each iteration, leave the loop nothing to carry through memory? */
bool dep_is_private(dep_session *s, kir_stmt *loop, const kir_var *array);

/* An argument that iterations of a loop use as a work array: each writes the same elements, which are those of `store`, in
 * the loops `around` it with bounds that the loop does not change, and reads none that it has not written before. */
enum { DEP_WORK_DEPTH = 8 };
typedef struct dep_work {
    kir_var *array;
    kir_expr **index;
    uint32_t depth;
    struct {
        kir_stmt *loop;
        kir_expr *lo, *hi;
    } around[DEP_WORK_DEPTH];
} dep_work;

/* Those of the loop, when they are all that its iterations meet in; of the IFs `taken` only the first arm counts. *assumed:
 * that nothing else shares memory with them, and that their elements are distinct. False: there are none, or iterations meet
 * elsewhere, too. */
bool dep_work_arrays(dep_session *s, kir_stmt *loop, const dep_exceptions *x, const dep_work **works, uint32_t *n,
                     dep_verdict *assumed);

/* The run-time condition under which a verdict holds, NULL: always. (classify.c) */
kir_expr *dep_condition(kir_module *m, const dep_verdict *v, span at);

/* For a nest of two loops (`outer` holds nothing but a FOR) with steps 1 or -1: the least s in 0..4 such that every
 * dependence from iteration (i, j) to a later (i', j') has (j' - j) + s * (i' - i) >= 0, counted in the direction of the
 * loops: then blocks of the plane (i, j + s*i) that lie on one anti-diagonal are independent. -1: there is none, or it
 * is not known. *assumed gets the pairs and arrays under which it holds. */
int dep_skew(dep_session *s, kir_stmt *outer, dep_verdict *assumed);

/* What a pass needs that changes the order of iterations of the whole nest at `loop`: every access as an isl map from the
 * iterators of the loops around it (outermost first, padded to the deepest nest) to elements of the root array. */
struct isl_ctx;
struct isl_map;
struct isl_set;

typedef struct dep_site {
    kir_stmt *statement;
    kir_var *root;
    bool is_write;
    uint32_t depth;           /* loops around it */
    struct isl_map *elements; /* NULL: not affine, of an array that the nest only reads */
} dep_site;

typedef struct dep_nest dep_nest;

/* NULL when some access that matters is not affine, or over budget. Until dep_nest_close isl counts operations, of which
 * there are `operations`. */
dep_nest *dep_nest_open(dep_session *s, kir_stmt *loop, uint32_t operations);
void dep_nest_close(dep_nest *n);
struct isl_ctx *dep_nest_isl(dep_nest *n);
const dep_site *dep_nest_sites(const dep_nest *n, uint32_t *count);
/* Iterations of the loops at[0..depth), outermost first (the first is the nest's); NULL when that is not exactly affine. */
struct isl_set *dep_nest_domain(dep_nest *n, kir_stmt *const *at, uint32_t depth);
/* Parameter `p<k>` of the sets and maps: a value that the nest does not change; NULL when there is none such. */
kir_expr *dep_nest_parameter(const dep_nest *n, uint32_t k);
/* The run-time condition under which the accesses to different arrays touch different memory; NULL: always. */
kir_expr *dep_nest_condition(dep_nest *n, span at);
/* Arrays a and b are known to share no memory, until the next dep_forget. */
void dep_assume_apart(dep_session *s, const kir_var *a, const kir_var *b);
uint32_t dep_known_apart(const dep_session *s);
void dep_forget(dep_session *s, uint32_t known);

#endif
