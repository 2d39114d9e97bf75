/* Objects → callable memory, by LLVM's LLJIT. */
#ifndef PLAIT_DRIVER_LOAD_H
#define PLAIT_DRIVER_LOAD_H

#include "llvm/llvm.h"

#include <stddef.h>

typedef struct loaded loaded;

/* Links an object for the host into the process. NULL with *message set (free it) when that fails: an object for
 * another machine, a missing symbol. */
loaded *load_object(const void *object, size_t size, const char *entry, char **message);
/* The same, of a module of which parts are to be compiled when they are first run; `asides` outlives what is loaded. */
loaded *load_with_asides(const void *object, size_t size, const char *entry, const llvm_asides *asides, char **message);
void *loaded_entry(const loaded *l);
void loaded_free(loaded *l);

#endif
