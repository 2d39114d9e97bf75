/* Types of parameters, guessed from the file: only for `plait explain` without a signature. */
#ifndef PLAIT_CLI_GUESS_H
#define PLAIT_CLI_GUESS_H

#include "cli/calls.h"

typedef struct signature_guess {
    const char *signature; /* "(array(float64, 2d, C), int64)" */
    const char *why;       /* where it comes from, by parameter when calls do not say it: "a: subscripted; n: counts" */
    bool uncertain;        /* nothing in the file tells some of it */
} signature_guess;

/* The signature that the file's own calls of the kernel suggest, else the use of the parameters in its body. `module` may
 * be NULL. */
signature_guess guess_signature(const call_finder *f, const ast *module, const ast *kernel);

#endif
