/* Loading: one small LLJIT per kernel. Creating one costs less than a millisecond and disposing of it frees the code and
 * every table, so that kernels share nothing and need no lock.
 *
 * Symbols: the runtime's addresses are those of the libplait_rt that this library is linked to, whatever else the
 * process may have loaded; vector math functions come from the libraries that code generation found; the rest (libm,
 * libc) from the process. */
#include "driver/load.h"

#include "plait/runtime.h"
#include "support/arena.h"
#include "llvm/llvm.h"

#include <elf.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Object.h>
#include <llvm-c/Orc.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct loaded_aside { /* one that was run */
    _Atomic(loaded *) code;
} loaded_aside;

struct loaded {
    LLVMOrcLLJITRef jit;
    void *entry;
    const llvm_asides *asides; /* NULL: there are none */
    loaded *whole;             /* what `made` belongs to: an aside is part of it, and may have asides itself */
    loaded_aside *made;
};

typedef struct known_symbol {
    const char *name;
    uintptr_t address;
} known_symbol;

typedef struct aside_slot aside_slot;
typedef int32_t aside_fn(void *context, plrt_error *err, aside_slot *slot);

struct aside_slot { /* in compiled code (src/llvm/gen_aside.c) */
    aside_fn *_Atomic code;
    loaded *whole;
    int32_t number;
};

static aside_fn plait_resolve;

#define KNOWN(f) {#f, (uintptr_t)&f}
static const known_symbol *known_symbols(size_t *n) {
    static const known_symbol table[] = {
#include "driver/symbols.def"
    };
    *n = sizeof table / sizeof table[0];
    return table;
}

static uintptr_t find_symbol(const char *name, const loaded *l) {
    size_t n = 0;
    if (strcmp(name, "plait_loaded") == 0)
        return (uintptr_t)l->whole;
    if (strcmp(name, "plait_resolve") == 0)
        return (uintptr_t)plait_resolve;
    const known_symbol *table = known_symbols(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].address;
    if (strncmp(name, "Sleef_", 6) == 0 || strncmp(name, "_ZGV", 4) == 0)
        return (uintptr_t)llvm_math_symbol(name);
    return 0;
}

/* Called by the JIT with the names it misses. */
static LLVMErrorRef define_missing(LLVMOrcDefinitionGeneratorRef generator, void *context, LLVMOrcLookupStateRef *state,
                                   LLVMOrcLookupKind kind, LLVMOrcJITDylibRef dylib, LLVMOrcJITDylibLookupFlags flags,
                                   LLVMOrcCLookupSet wanted, size_t n) {
    (void)generator, (void)state, (void)kind, (void)flags;
    LLVMOrcCSymbolMapPair *found = calloc(n ? n : 1, sizeof *found);
    if (!found)
        return LLVMCreateStringError("out of memory");
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        uintptr_t at = find_symbol(LLVMOrcSymbolStringPoolEntryStr(wanted[i].Name), context);
        if (!at)
            continue;
        LLVMOrcRetainSymbolStringPoolEntry(wanted[i].Name);
        found[count].Name = wanted[i].Name;
        found[count].Sym.Address = (LLVMOrcJITTargetAddress)at;
        found[count++].Sym.Flags.GenericFlags = LLVMJITSymbolGenericFlagsExported;
    }
    LLVMErrorRef error = NULL;
    if (count)
        error = LLVMOrcJITDylibDefine(dylib, LLVMOrcAbsoluteSymbols(found, count));
    free(found);
    return error;
}

static char *take_message(LLVMErrorRef error) {
    char *said = LLVMGetErrorMessage(error), *copy = strdup(said);
    LLVMDisposeErrorMessage(said);
    return copy;
}

/* What the JIT reports besides the errors it returns. */
static void hear_jit(void *context, LLVMErrorRef error) {
    (void)context;
    LLVMConsumeError(error);
}

static LLVMErrorRef link_object(loaded *l, const void *object, size_t size, const char *entry) {
    LLVMOrcJITDylibRef dylib = LLVMOrcLLJITGetMainJITDylib(l->jit);
    LLVMOrcExecutionSessionSetErrorReporter(LLVMOrcLLJITGetExecutionSession(l->jit), hear_jit, NULL);
    LLVMOrcJITDylibAddGenerator(dylib, LLVMOrcCreateCustomCAPIDefinitionGenerator(define_missing, l, NULL));
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(object, size, "plait");
    LLVMErrorRef error = LLVMOrcLLJITAddObjectFile(l->jit, dylib, buffer);
    LLVMOrcExecutorAddress at = 0;
    if (!error)
        error = LLVMOrcLLJITLookup(l->jit, &at, entry);
    l->entry = (void *)(uintptr_t)at;
    return error;
}

/* The machine is described from what is known already: detecting it again costs more than linking. */
static LLVMErrorRef open_jit(loaded *l) {
    const llvm_host *h = llvm_host_get();
    LLVMTargetRef which = NULL;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(h->triple, &which, &message)) {
        LLVMErrorRef error = LLVMCreateStringError(message);
        LLVMDisposeMessage(message);
        return error;
    }
    LLVMTargetMachineRef machine = LLVMCreateTargetMachine(which, h->triple, h->cpu, "", LLVMCodeGenLevelDefault,
                                                           LLVMRelocPIC, LLVMCodeModelDefault);
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder,
                                                  LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(machine));
    return LLVMOrcCreateLLJIT(&l->jit, builder);
}

/* LLJIT does not look at the machine an object is for. */
static bool is_for_host(const void *object, size_t size) {
#if defined(__x86_64__)
    const Elf64_Half machine = EM_X86_64;
#elif defined(__powerpc64__)
    const Elf64_Half machine = EM_PPC64;
#elif defined(__aarch64__)
    const Elf64_Half machine = EM_AARCH64;
#else
    const Elf64_Half machine = EM_NONE;
#endif
    Elf64_Ehdr header;
    if (size < sizeof header)
        return false;
    memcpy(&header, object, sizeof header);
    return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && (machine == EM_NONE || header.e_machine == machine);
}

static loaded *load(const void *object, size_t size, const char *entry, const llvm_asides *asides, loaded *whole,
                    char **message) {
    loaded *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->asides = asides;
    l->whole = whole ? whole : l;
    l->made = asides && !whole ? calloc(asides->n, sizeof *l->made) : NULL;
    if (asides && !whole && !l->made) {
        free(l);
        return NULL;
    }
    LLVMErrorRef error = open_jit(l);
    if (!error)
        error = link_object(l, object, size, entry);
    if (!error)
        return l;
    *message = take_message(error);
    loaded_free(l);
    return NULL;
}

loaded *load_with_asides(const void *object, size_t size, const char *entry, const llvm_asides *asides,
                         char **message) {
    *message = NULL;
    if (is_for_host(object, size))
        return load(object, size, entry, asides && asides->n ? asides : NULL, NULL, message);
    *message = strdup("the object is for another machine");
    return NULL;
}

loaded *load_object(const void *object, size_t size, const char *entry, char **message) {
    return load_with_asides(object, size, entry, NULL, message);
}

/* ---- asides -------------------------------------------------------------------------------------------------------------------
 *
 * Compiled where they are first called, in whichever thread that is; on a stack of its own if little is left of the
 * caller's. Two threads that come at once compile twice, and one throws its work away: so nobody waits for a lock that a
 * fork may have left closed. */

enum { ENOUGH_BYTES = 2 << 20 };

typedef struct making {
    loaded *whole;
    uint32_t number;
    loaded *made;
} making;

static void *make_aside(void *context) {
    making *m = context;
    const llvm_asides *asides = m->whole->asides;
    char name[40], *message = NULL;
    if (!memory_is_left())
        return NULL;
    llvm_object ready = asides->ready ? asides->ready[m->number] : (llvm_object){0}, object = ready;
    if (!object.at)
        object.at = llvm_emit_aside(asides, m->number, &object.size);
    snprintf(name, sizeof name, LLVM_ASIDE "%u", m->number);
    if (object.at)
        m->made = load(object.at, object.size, name, asides, m->whole, &message);
    free(message);
    if (!ready.at)
        free((void *)(uintptr_t)object.at);
    return NULL;
}

static bool has_room(void) {
    char *here = __builtin_frame_address(0), *limit = plrt_stack_limit();
    return here - limit >= ENOUGH_BYTES;
}

static loaded *make(loaded *whole, uint32_t number) {
    making m = {whole, number, NULL};
    if (has_room()) {
        make_aside(&m);
        return m.made;
    }
    pthread_t thread;
    bool apart = llvm_start_thread(&thread, make_aside, &m);
    if (apart)
        pthread_join(thread, NULL);
    else
        make_aside(&m);
    return m.made;
}

static loaded *find_aside(loaded *whole, uint32_t number) {
    loaded_aside *at = &whole->made[number];
    loaded *known = atomic_load(&at->code);
    if (known)
        return known;
    loaded *made = make(whole, number);
    if (!made || atomic_compare_exchange_strong(&at->code, &known, made))
        return made;
    loaded_free(made);
    return known;
}

/* Called by compiled code where it calls an aside for the first time. One that cannot be compiled (there is no memory)
 * raises MemoryError, and is tried again by the next call. */
static int32_t plait_resolve(void *context, plrt_error *err, aside_slot *slot) {
    loaded *found = find_aside(slot->whole, (uint32_t)slot->number);
    if (!found) {
        *err = (plrt_error){.site = PLRT_SITE_MEMORY, .nargs = 1};
        return 1;
    }
    aside_fn *code = (aside_fn *)(uintptr_t)found->entry;
    atomic_store(&slot->code, code);
    return code(context, err, slot);
}

void *loaded_entry(const loaded *l) {
    return l->entry;
}

void loaded_free(loaded *l) {
    if (!l)
        return;
    for (uint32_t i = 0; l->made && i < l->asides->n; i++)
        loaded_free(atomic_load(&l->made[i].code));
    free(l->made);
    if (l->jit)
        LLVMConsumeError(LLVMOrcDisposeLLJIT(l->jit));
    free(l);
}
