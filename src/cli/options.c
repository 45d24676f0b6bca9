#include "cli/options.h"

#include <stdio.h>

static const struct option *find(const struct option *table, size_t count, str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(str_from_c(table[i].name), name)) return &table[i];
        if (name.len == 1 && table[i].letter == name.ptr[0]) return &table[i];
    }
    return NULL;
}

static err fail(str *problem, const char *what, str name)
{
    static char text[200];
    int len = snprintf(text, sizeof(text), "%s \"%.*s\"", what, name.len > 80 ? 80 : (int)name.len,
                       name.ptr);

    *problem = (str){.ptr = text, .len = len < 0 ? 0 : (size_t)len};
    return ERR_SYNTAX;
}

// Takes the option at `args[*at]` and its value, which may be the next argument.
static err take(const struct option *table, size_t count, char **args, int *at, str *problem)
{
    str given = str_from_c(args[*at]);
    bool is_long = str_starts(given, STR("--"));
    str value = str_sub(given, is_long ? 2 : 1, given.len);
    bool has_value = is_long && str_find_char(value, '=') < value.len;
    str name = has_value ? str_cut(&value, '=') : value;
    const struct option *o = find(table, count, name);

    if (!o || is_long != (name.len > 1)) return fail(problem, "unknown option", given);
    if (!o->argument) {
        if (has_value) return fail(problem, "no value belongs to", given);
        *o->flag = true;
        return OK;
    }
    if (!has_value) {
        if (!args[*at + 1]) return fail(problem, "a value is missing behind", given);
        value = str_from_c(args[++*at]);
    }
    *o->value = value;
    return OK;
}

err options_parse(const struct option *table, size_t count, char **args, int *positional,
                  str *problem)
{
    bool is_ended = false;
    int kept = 0;

    for (int at = 0; args[at]; at++) {
        str given = str_from_c(args[at]);
        if (!is_ended && str_eq(given, STR("--"))) {
            is_ended = true;
        } else if (!is_ended && given.len > 1 && given.ptr[0] == '-') {
            TRY(take(table, count, args, &at, problem));
        } else {
            args[kept++] = args[at];
        }
    }
    args[kept] = NULL;
    *positional = kept;
    return OK;
}

err options_help(const struct option *table, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct option *o = &table[i];
        char left[64];
        char letter[8] = "    ";
        if (o->letter) (void)snprintf(letter, sizeof(letter), "-%c, ", o->letter); // fits
        (void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->argument ? " " : "",
                       o->argument ? o->argument : ""); // the table's own words
        TRY(buf_append_format(out, "  %-28s %s\n", left, o->help));
    }
    return OK;
}
