/* Configuration as JSON: what `plait config`, `plait.config` and a kernel's own report tell of it. Every value comes with
 * who said it, in the words of config.c's order: a scope, the decorator, a file and its line, a variable, the default. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plait/stats.h"
#include "runtime/settings.h"

static void put_value(FILE *f, int row, const rt_value *v) {
    bool is_number = v->text[0] != '\0' && strspn(v->text, "0123456789") == strlen(v->text) &&
                     rt_settings[row].type != RT_PLACEMENT && rt_settings[row].type != RT_PATH &&
                     rt_settings[row].type != RT_NAME;
    bool is_list = rt_settings[row].type == RT_TILE && v->text[0] == '[';
    if (is_number || is_list || (rt_settings[row].type == RT_SWITCH && v->text[0] != '\0'))
        fputs(v->text, f);
    else if (v->text[0] == '\0')
        fputs("null", f);
    else
        rt_json_text(f, v->text);
}

static void put_pair(FILE *f, const char *key, const char *text, const char *before) {
    fprintf(f, "%s\"%s\":", before, key);
    rt_json_text(f, text);
}

static void put_setting(FILE *f, const rt_snapshot *s, int row) {
    rt_value v = rt_setting_now(s, row);
    put_pair(f, "name", rt_settings[row].name, row > 0 ? ",\n{" : "{");
    fputs(",\"value\":", f);
    put_value(f, row, v.text != NULL ? &v : &(rt_value){.text = rt_settings[row].fallback});
    put_pair(f, "from", v.text != NULL ? v.origin : "default", ",");
    put_pair(f, "variables", rt_settings[row].variables, ",");
    put_pair(f, "where", rt_settings[row].where, ",");
    put_pair(f, "doc", rt_settings[row].doc, ",");
    fputc('}', f);
}

static void put_values(FILE *f, const rt_value *values, const char *before) {
    for (int i = 0; i < SETTINGS; i++) {
        if (values[i].text == NULL)
            continue;
        fprintf(f, "%s\"%s\":", before, rt_settings[i].name);
        put_value(f, i, &values[i]);
        before = ",";
    }
}

static void put_section(FILE *f, const rt_section *s) {
    put_pair(f, "name", s->pattern, "{");
    put_pair(f, "from", s->origin, ",");
    put_values(f, s->values, ",");
    for (int32_t i = 0; i < s->n_sizes; i++) {
        fprintf(f, "%s{\"up_to\":%lld", i > 0 ? "," : ",\"sizes\":[", (long long)s->sizes[i].up_to);
        put_values(f, s->sizes[i].values, ",");
        fputs(i + 1 == s->n_sizes ? "}]" : "}", f);
    }
    for (int32_t i = 0; i < s->n_loops; i++) {
        fprintf(f, "%s\"%s%d\":{", i > 0 ? "," : ",\"loops\":{", s->loops[i].number > 0 ? "#" : "",
                s->loops[i].number > 0 ? s->loops[i].number : s->loops[i].line);
        put_values(f, s->loops[i].values, "");
        fputs(i + 1 == s->n_loops ? "}}" : "}", f);
    }
    fputc('}', f);
}

static void put_unknown_variables(FILE *f) {
    char *text = plrt_config_unknown_variables(), *rest = NULL;
    const char *before = "";
    for (char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *near = strchr(line, ' ');
        *near++ = '\0';
        put_pair(f, "name", line, before[0] != '\0' ? ",{" : "{");
        put_pair(f, "nearest", strcmp(near, "-") != 0 ? near : "", ",");
        fputc('}', f);
        before = ",";
    }
    free(text);
}

char *plrt_config_json(void) {
    const rt_snapshot *s = rt_config_now();
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL)
        return NULL;
    rt_config_lock();
    fputs("{\"settings\":[\n", f);
    for (int i = 0; i < SETTINGS; i++)
        put_setting(f, s, i);
    fputs("],\n\"files\":[", f);
    for (int i = 0, n = 0; i < FILES; i++) {
        if (s->documents[i] == NULL)
            continue;
        fputs(n++ > 0 ? "," : "", f);
        rt_json_text(f, s->documents[i]->path);
    }
    fputs("],\n\"kernels\":[", f);
    for (int32_t i = 0; i < s->n_sections; i++) {
        fputs(i > 0 ? ",\n" : "\n", f);
        put_section(f, &s->sections[i]);
    }
    fputs("],\n\"unknown_variables\":[", f);
    put_unknown_variables(f);
    fputs("],\n\"problems\":", f);
    if (s->problems != NULL)
        rt_json_text(f, s->problems);
    else
        fputs("null", f);
    fputs("}\n", f);
    rt_config_unlock();
    return fclose(f) == 0 ? text : NULL;
}

/* What a choice says about a row, as a value of its origin; text NULL: nothing. */
static rt_value value_of_choice(const plrt_choice *choice, int row, const char *origin, char *number, size_t size) {
    const char *text = NULL;
    int64_t n = row == SET_threads ? choice->threads : row == SET_chunk ? choice->chunk : 0;
    if (n != 0) {
        snprintf(number, size, "%lld", (long long)n);
        text = number;
    } else if (row == SET_schedule && choice->schedule != PLRT_SCHEDULE_DEFAULT) {
        text = rt_schedule_words[choice->schedule];
    } else if (row == SET_placement) {
        text = choice->placement;
    }
    return (rt_value){text, n, origin};
}

/* "auto" and 0 leave it to the next. */
static bool says(const rt_value *v) {
    return v->text != NULL && strcmp(v->text, "auto") != 0 && strcmp(v->text, "0") != 0;
}

static rt_value value_of_sections(const plrt_kernel_settings *k, int row, int64_t bytes) {
    for (int32_t i = 0; k != NULL && i < k->count; i++) {
        const rt_size_class *c = rt_section_class(k->sections[i], bytes);
        if (c != NULL && (row == SET_tile ? c->values[row].text != NULL : says(&c->values[row])))
            return c->values[row];
        if (row == SET_tile ? k->sections[i]->values[row].text != NULL : says(&k->sections[i]->values[row]))
            return k->sections[i]->values[row];
    }
    return (rt_value){0};
}

static void put_effective(FILE *f, int row, rt_value v, const char *before) {
    if (row == SET_threads) {
        static _Thread_local char number[16];
        int32_t n = says(&v) && v.number < plrt_max_threads() ? (int32_t)v.number
                    : says(&v)                                ? plrt_max_threads()
                                                              : plrt_get_num_threads();
        snprintf(number, sizeof number, "%d", n);
        v.text = number;
    }
    fprintf(f, "%s\"%s\":{\"value\":", before, rt_settings[row].name);
    put_value(f, row, v.text != NULL ? &v : &(rt_value){.text = rt_settings[row].fallback});
    put_pair(f, "from", v.origin != NULL ? v.origin : "default", ",");
    fputc('}', f);
}

char *plrt_config_effective_json(const char *name, const plrt_choice *own, int64_t own_tile, int64_t bytes) {
    static const int asked[] = {SET_threads, SET_schedule, SET_chunk, SET_placement, SET_tile};
    const rt_snapshot *s = rt_config_now();
    const plrt_kernel_settings *k = plrt_config_kernel(name);
    char *text = NULL, first[32], second[32];
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        int row = asked[i];
        rt_value v = value_of_choice(rt_scope_now(), row, "a scope", first, sizeof first);
        if (v.text == NULL && own != NULL)
            v = value_of_choice(own, row, "the decorator", second, sizeof second);
        if (row == SET_tile && own_tile >= 0) {
            rt_tile_text(own_tile, second, sizeof second);
            v = (rt_value){second, own_tile, "the decorator"};
        }
        if (v.text == NULL)
            v = value_of_sections(k, row, bytes);
        if (v.text == NULL)
            v = rt_setting_now(s, row);
        put_effective(f, row, v, i > 0 ? "," : "{");
    }
    fputs("}", f);
    return fclose(f) == 0 ? text : NULL;
}

char *plrt_config_kernel_json(const char *name, int64_t bytes) {
    const plrt_kernel_settings *k = plrt_config_kernel(name);
    rt_value merged[SETTINGS] = {0};
    for (int32_t i = 0; k != NULL && i < k->count; i++) {
        const rt_size_class *c = rt_section_class(k->sections[i], bytes);
        for (int row = 0; row < SETTINGS; row++) {
            const rt_value *v =
                c != NULL && c->values[row].text != NULL ? &c->values[row] : &k->sections[i]->values[row];
            if (merged[row].text == NULL)
                merged[row] = *v;
        }
    }
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL)
        return NULL;
    fputc('{', f);
    put_values(f, merged, "");
    fputs("}", f);
    return fclose(f) == 0 ? text : NULL;
}
