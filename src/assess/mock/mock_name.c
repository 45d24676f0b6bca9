#include "assess/mock/mock_name.h"

#include "assess/mock/mock_script.h"

static const struct mock_name_entry names[] = {
#define MOCK_NAME(name_, preset_, snippet_, help_)                                                 \
    {.name = STR_INIT(name_),                                                                      \
     .preset = STR_INIT(preset_),                                                                  \
     .snippet = STR_INIT(snippet_),                                                                \
     .help = STR_INIT(help_)},
#include "assess/mock/mock_names.def"
#undef MOCK_NAME
};

enum { NAMES = sizeof(names) / sizeof(names[0]), NUMBER_DIGITS_MAX = 9, WORDS_MAX = 16 };

bool mock_name_entry(size_t index, struct mock_name_entry *out)
{
    if (index >= NAMES) return false;
    *out = names[index];
    return true;
}

static const struct mock_name_entry *find(str word)
{
    for (size_t i = 0; i < NAMES; i++) {
        if (str_eq(names[i].name, word)) return &names[i];
    }
    return NULL;
}

// A number belongs to the word before it, but for one that is a word itself: mock-tokens-500 says
// 500 words, and mock-500 fails.
static bool is_number(str word)
{
    uint64_t ignored = 0;

    return word.len <= NUMBER_DIGITS_MAX && str_to_u64(word, UINT32_MAX, &ignored);
}

static err apply(const struct mock_name_entry *n, str number, struct arena *arena,
                 struct mock_rule *rule)
{
    size_t at = str_find_char(n->snippet, '@');
    str snippet = n->snippet;
    struct diag d;

    if (at < snippet.len) {
        str head = str_sub(snippet, 0, at);
        str tail = str_sub(snippet, at + 1, snippet.len);
        snippet = arena_format(arena, "%" STR_FMT "%" STR_FMT "%" STR_FMT, STR_ARG(head),
                               STR_ARG(number), STR_ARG(tail));
    }
    diag_init(&d);
    err e = mock_script_overlay(snippet, arena, &d, rule);
    diag_done(&d);
    return e ? ERR_RANGE : OK;
}

err mock_name_apply(str model, struct arena *arena, struct mock_rule *rule)
{
    str rest = str_sub(model, STR("mock-").len, model.len);

    if (!str_starts(model, STR("mock-"))) return OK;
    for (int i = 0; rest.len; i++) {
        const struct mock_name_entry *n = find(str_cut(&rest, '-'));
        str ahead = rest;
        str number = str_cut(&ahead, '-');
        if (!n || i == WORDS_MAX) return ERR_ABSENT;
        if (is_number(number)) {
            rest = ahead;
        } else {
            number = n->preset;
        }
        TRY(apply(n, number, arena, rule));
    }
    return OK;
}
