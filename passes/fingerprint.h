/* A number for all that simplify sees of a function. Equal texts in equal places have equal numbers; what simplify asks
 * variables and loops besides (their names, whether a loop is cold) is in it, decisions about loops are not. */
#ifndef PLAIT_PASSES_FINGERPRINT_H
#define PLAIT_PASSES_FINGERPRINT_H

#include "kir/kir.h"

/* Never 0. */
uint64_t fingerprint_of(const kir_fn *f);

#endif
