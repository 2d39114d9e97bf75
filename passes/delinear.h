/* Inside of the dependence analysis: a subscript b*s + i with 0 <= i < s, s not known, as the two subscripts b and i. */
#ifndef PLAIT_PASSES_DELINEAR_H
#define PLAIT_PASSES_DELINEAR_H

#include "passes/affine.h"

/* Does that to every access of `root` in the same way, so that they touch one element where all subscripts are equal, and
 * only there. What has to hold at run time besides is added to w->require. False: nothing was changed. */
bool delinear_root(access_walk *w, const kir_var *root);

#endif
