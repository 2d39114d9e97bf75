/* A loop nest as statements over isl domains, with the dependences between them: what reorder decides on.
 *
 * Statements are maximal runs of non-loop statements. Their dimensions are the loops around them, outermost first, each
 * counted in the loop's direction (a loop with step -1 has the negative of its variable as dimension), so that the
 * source's order is lexicographic. Scalars that a run assigns live within it; a nest in which one crosses is refused. */
#ifndef PLAIT_PASSES_SCOP_H
#define PLAIT_PASSES_SCOP_H

#include "passes/dependence.h"

struct isl_map;
struct isl_set;

enum { SCOP_DEPTH = 8, SCOP_STATEMENTS = 16 };

typedef struct scop_stmt {
    kir_stmt *const *at; /* the run: n statements */
    uint32_t n, depth;
    kir_stmt *loops[SCOP_DEPTH];
    int8_t way[SCOP_DEPTH];  /* step of each loop: 1 or -1 */
    struct isl_set *domain;  /* named S<number> */
    struct isl_map *carried; /* dependences from this statement to itself */
} scop_stmt;

typedef struct scop {
    kir_module *m;
    kir_fn *f;
    arena *scratch;
    kir_stmt *nest;
    uint32_t n;
    scop_stmt stmt[SCOP_STATEMENTS];
    bool raises;                                           /* holds a CHECK */
    bool feeds[SCOP_STATEMENTS][SCOP_STATEMENTS];          /* a dependence goes from one to the other */
    bool reaches[SCOP_STATEMENTS][SCOP_STATEMENTS];        /* … by way of others too */
    struct isl_map *dep[SCOP_STATEMENTS][SCOP_STATEMENTS]; /* all of them, NULL: none */
    dep_nest *accesses;
} scop;

/* The statements of the nest; NULL when it holds what cannot be reordered. Cheap: no isl. `live` NULL: no variable of the
 * nest is read after it. `cuts`: runs end at each STORE where they can be cut. */
scop *scop_new(kir_module *m, kir_fn *f, arena *scratch, const live_map *live, bool cuts, kir_stmt *nest);
/* Domains and dependences. False when something is not affine or over budget; scop_close in any case. */
bool scop_analyse(scop *s, dep_session *session, uint32_t operations);
void scop_close(scop *s);
/* Appends a copy of the run, in which the loops' variables have the values `at`, by dimension. */
void scop_put_run(const scop *s, const scop_stmt *t, kir_expr *const *at, kir_block *out);
/* Does a dependence of `deps` (a relation of one statement with itself or two of equal depth) go forward (sign 1) or
 * backward (-1) in dimension d? True when not known. */
bool scop_moves(struct isl_map *deps, uint32_t d, int sign);
/* Accesses a and b of statement k (both of one array): may they touch one element in iterations that agree in all
 * dimensions of the mask `equal`? True when not known. */
bool scop_meet(scop *s, uint32_t k, const kir_stmt *a, const kir_stmt *b, uint32_t equal);
/* The elements that access `statement` of statement k touches, from its domain; NULL: not known. */
struct isl_map *scop_elements(scop *s, uint32_t k, const kir_stmt *statement);

#endif
