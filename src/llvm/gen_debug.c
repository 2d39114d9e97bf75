/* Line tables, with the option debug: which source line an instruction comes from, for debuggers and profilers. Code that
 * a pass inlined from another file keeps that file's lines, through a scope of its own. */
#include "llvm/gen.h"

#include <llvm-c/DebugInfo.h>
#include <string.h>

struct gen_debug {
    LLVMDIBuilderRef builder;
    LLVMMetadataRef unit, *files;      /* by index of the source */
    LLVMMetadataRef function, *scopes; /* of the function being written */
    uint32_t file;
};

static LLVMMetadataRef file_of(gen *g, uint32_t index) {
    gen_debug *d = g->debug;
    if (d->files[index])
        return d->files[index];
    const char *path = g->m->diags->sources.at[index].name, *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t folder = slash ? (size_t)(slash - path) : 0;
    return d->files[index] =
               LLVMDIBuilderCreateFile(d->builder, name, strlen(name), folder ? path : ".", folder ? folder : 1);
}

static void add_flag(gen *g, const char *name, int32_t value) {
    LLVMAddModuleFlag(g->module, LLVMModuleFlagBehaviorWarning, name, strlen(name),
                      LLVMValueAsMetadata(gen_int32(g, value)));
}

void gen_debug_open(gen *g) {
    uint32_t n = g->m->diags->sources.len;
    if (!g->m->options.debug || n == 0)
        return;
    gen_debug *d = g->debug = arena_make(g->a, gen_debug);
    d->builder = LLVMCreateDIBuilder(g->module);
    d->files = arena_array(g->a, LLVMMetadataRef, n);
    d->scopes = arena_array(g->a, LLVMMetadataRef, n);
    uint32_t file = g->m->fns.at[0]->at.file < n ? g->m->fns.at[0]->at.file : 0;
    d->unit =
        LLVMDIBuilderCreateCompileUnit(d->builder, LLVMDWARFSourceLanguagePython, file_of(g, file), "plait", 5, true,
                                       "", 0, 0, "", 0, LLVMDWARFEmissionLineTablesOnly, 0, false, false, "", 0, "", 0);
    add_flag(g, "Debug Info Version", (int32_t)LLVMDebugMetadataVersion());
    add_flag(g, "Dwarf Version", 4);
}

void gen_debug_function(gen *g, const kir_fn *f) {
    gen_debug *d = g->debug;
    if (!d)
        return;
    uint32_t n = g->m->diags->sources.len;
    d->file = f->at.file < n ? f->at.file : 0;
    LLVMMetadataRef none = LLVMDIBuilderCreateSubroutineType(d->builder, file_of(g, d->file), NULL, 0, LLVMDIFlagZero);
    sym name = f->user_name ? f->user_name : f->name;
    d->function = LLVMDIBuilderCreateFunction(d->builder, file_of(g, d->file), name->text, name->len, f->name->text,
                                              f->name->len, file_of(g, d->file), f->at.line, none, true, true,
                                              f->at.line, LLVMDIFlagZero, true);
    LLVMSetSubprogram(g->fn, d->function);
    memset(d->scopes, 0, n * sizeof *d->scopes);
    gen_debug_at(g, f->at);
}

void gen_debug_at(gen *g, span at) {
    gen_debug *d = g->debug;
    if (!d)
        return;
    LLVMMetadataRef scope = d->function;
    if (at.file != d->file && at.file < g->m->diags->sources.len) {
        if (!d->scopes[at.file])
            d->scopes[at.file] = LLVMDIBuilderCreateLexicalBlockFile(d->builder, d->function, file_of(g, at.file), 0);
        scope = d->scopes[at.file];
    }
    LLVMSetCurrentDebugLocation2(
        g->b, LLVMDIBuilderCreateDebugLocation(g->context, at.line, at.line ? at.col + 1 : 0, scope, NULL));
}

void gen_debug_leave(gen *g) {
    if (g->debug)
        LLVMSetCurrentDebugLocation2(g->b, NULL);
}

void gen_debug_close(gen *g) {
    if (!g->debug)
        return;
    LLVMDIBuilderFinalize(g->debug->builder);
    LLVMDisposeDIBuilder(g->debug->builder);
}
