/* Loading: one small LLJIT per kernel. Creating one costs less than a millisecond and disposing of it frees the code and
 * every table, so that kernels share nothing and need no lock.
 *
 * Symbols: the runtime's addresses are those of the libplait_rt that this library is linked to, whatever else the
 * process may have loaded; vector math functions come from the libraries that code generation found; the rest (libm,
 * libc) from the process. */
#include "driver/load.h"

#include "plait/runtime.h"
#include "llvm/llvm.h"

#include <elf.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Object.h>
#include <llvm-c/Orc.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct loaded {
    LLVMOrcLLJITRef jit;
    void *entry;
};

typedef struct known_symbol {
    const char *name;
    uintptr_t address;
} known_symbol;

#define KNOWN(f) {#f, (uintptr_t)&f}
static const known_symbol *known_symbols(size_t *n) {
    static const known_symbol table[] = {
#include "driver/symbols.def"
    };
    *n = sizeof table / sizeof table[0];
    return table;
}

static uintptr_t find_symbol(const char *name) {
    size_t n = 0;
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
    (void)generator, (void)context, (void)state, (void)kind, (void)flags;
    LLVMOrcCSymbolMapPair *found = calloc(n ? n : 1, sizeof *found);
    if (!found)
        return LLVMCreateStringError("out of memory");
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        uintptr_t at = find_symbol(LLVMOrcSymbolStringPoolEntryStr(wanted[i].Name));
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
    LLVMOrcJITDylibAddGenerator(dylib, LLVMOrcCreateCustomCAPIDefinitionGenerator(define_missing, NULL, NULL));
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

loaded *load_object(const void *object, size_t size, const char *entry, char **message) {
    *message = NULL;
    if (!is_for_host(object, size)) {
        *message = strdup("the object is for another machine");
        return NULL;
    }
    loaded *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    LLVMErrorRef error = open_jit(l);
    if (!error)
        error = link_object(l, object, size, entry);
    if (!error)
        return l;
    *message = take_message(error);
    loaded_free(l);
    return NULL;
}

void *loaded_entry(const loaded *l) {
    return l->entry;
}

void loaded_free(loaded *l) {
    if (!l)
        return;
    if (l->jit)
        LLVMConsumeError(LLVMOrcDisposeLLJIT(l->jit));
    free(l);
}
