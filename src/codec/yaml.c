// Design: libfyaml's document API recurses and follows aliases, so only its events are used and
// the tree is ours. The text is checked before libfyaml sees it: UTF-8 without control bytes.
// libfyaml reports into a diag object that collects, which keeps it from printing.
//
// libfyaml 0.7.12 gives a wrong text for, and leaks on, a single-quoted scalar with two escaped
// quotes in a row ('a''''b'). Such a scalar is refused before its text is asked for. An empty
// block scalar at the end of the text reads as one zero byte, therefore those are refused too.
#include "codec/yaml.h"

#include "codec/utf8.h"

#include <libfyaml.h>
#include <string.h>

struct builder {
    str text;
    struct arena *arena;
    struct diag *diag;
    struct diag_place place; // of the last event that had one; an implied null has none
    struct yaml_node *root;
    struct yaml_node *open[YAML_DEPTH_MAX];  // mappings and sequences around the next node
    struct yaml_node *last[YAML_DEPTH_MAX];  // child of each
    struct yaml_node *keyed[YAML_DEPTH_MAX]; // of a mapping: has a key, waits for its value
    size_t depth;
    size_t nodes;
    bool has_document;
};

static err refuse(struct builder *b, struct diag_place place, err e, const char *what)
{
    diag_add(b->diag, place, STR(""), "%s", what);
    return e;
}

static err check_characters(struct builder *b, str text)
{
    const unsigned char *s = (const unsigned char *)text.ptr;
    struct diag_place place = {1, 1};

    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_sequence(str_sub(text, i, UTF8_SEQUENCE_MAX));
        bool is_control = s[i] == 0x7f || (s[i] < 0x20 && !(s[i] >= '\t' && s[i] <= '\r'));
        if (!len) return refuse(b, place, ERR_SYNTAX, "the text is not UTF-8");
        if (is_control || s[i] == '\v' || s[i] == '\f')
            return refuse(b, place, ERR_SYNTAX, "a control byte");
        place.column++;
        if (s[i] == '\n') place = (struct diag_place){place.line + 1, 1};
        i += len;
    }
    return OK;
}

static bool is_misread(const struct builder *b, struct fy_token *token)
{
    const struct fy_mark *start = fy_token_start_mark(token);
    const struct fy_mark *end = fy_token_end_mark(token);

    if (fy_token_scalar_style(token) != FYSS_SINGLE_QUOTED) return false;
    if (!start || !end || end->input_pos < start->input_pos) return true;
    str raw = str_sub(b->text, start->input_pos, end->input_pos - start->input_pos);
    return str_find(raw, STR("''''")) < raw.len;
}

static err text_of(struct builder *b, struct fy_token *token, str *out)
{
    const char *text = "";
    size_t len = 0;

    if (token && is_misread(b, token))
        return refuse(b, b->place, ERR_SYNTAX,
                      "several quotes in a row inside single quotes; use double quotes");
    if (token) text = fy_token_get_text(token, &len);
    if (!text || memchr(text, '\0', len))
        return refuse(b, b->place, ERR_SYNTAX, "an empty block or a zero byte in a scalar");
    *out = arena_str(b->arena, (str){.ptr = text, .len = len});
    return OK;
}

// Takes a scalar as the key of the innermost mapping. The node waits for its value, outside the
// tree if the key stood before.
static err take_key(struct builder *b, struct fy_event *event)
{
    struct yaml_node *parent = b->open[b->depth - 1];
    struct yaml_node *n = arena_new(b->arena, struct yaml_node);

    if (event->type != FYET_SCALAR)
        return refuse(b, b->place, ERR_SYNTAX, "a key must be a scalar");
    if (parent->count == YAML_KEYS_MAX)
        return refuse(b, b->place, ERR_LIMIT, "too many keys in one mapping");
    TRY(text_of(b, event->scalar.value, &n->key));
    n->key_place = b->place;
    b->keyed[b->depth - 1] = n;
    return OK;
}

// Puts a node under its parent; a key that stood before is a finding and leaves it outside.
static void attach(struct builder *b, struct yaml_node *n)
{
    size_t level = b->depth - 1;
    struct yaml_node *parent = b->open[level];
    const struct yaml_node *before = NULL;

    if (parent->kind == YAML_MAPPING) before = yaml_get(parent, n->key);
    if (before) {
        diag_add(b->diag, n->key_place,
                 arena_format(b->arena, "first on line %u", before->key_place.line),
                 "the key stands twice in its mapping");
        return;
    }
    if (b->last[level])
        b->last[level]->next = n;
    else
        parent->first = n;
    b->last[level] = n;
    parent->count++;
}

static err take_node(struct builder *b, struct fy_event *event)
{
    struct yaml_node *parent = b->depth ? b->open[b->depth - 1] : NULL;
    struct yaml_node *n = NULL;

    if (++b->nodes > YAML_NODES_MAX) return refuse(b, b->place, ERR_LIMIT, "too many nodes");
    if (parent && parent->kind == YAML_MAPPING) {
        n = b->keyed[b->depth - 1];
        if (!n) return take_key(b, event);
        b->keyed[b->depth - 1] = NULL;
    }
    if (!n) n = arena_new(b->arena, struct yaml_node);
    n->place = b->place;
    if (parent)
        attach(b, n);
    else
        b->root = n;
    if (event->type == FYET_SCALAR) {
        n->kind = YAML_SCALAR;
        n->is_quoted = fy_token_scalar_style(event->scalar.value) != FYSS_PLAIN;
        return text_of(b, event->scalar.value, &n->text);
    }
    if (b->depth == YAML_DEPTH_MAX) return refuse(b, b->place, ERR_LIMIT, "nested too deep");
    n->kind = event->type == FYET_MAPPING_START ? YAML_MAPPING : YAML_SEQUENCE;
    b->open[b->depth] = n;
    b->last[b->depth] = NULL;
    b->keyed[b->depth] = NULL;
    b->depth++;
    return OK;
}

// Moves the builder's place to the event, if it has one.
static void find_place(struct builder *b, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);

    if (!mark || event->type == FYET_STREAM_END || event->type == FYET_DOCUMENT_END) return;
    b->place = (struct diag_place){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
    if (event->type != FYET_SCALAR) return;
    enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
    // libfyaml's mark is behind the quote.
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) b->place.column--;
}

static err take_event(struct builder *b, struct fy_event *event)
{
    find_place(b, event);
    switch (event->type) {
    case FYET_ALIAS: return refuse(b, b->place, ERR_SYNTAX, "aliases are not supported");
    case FYET_DOCUMENT_START:
        if (b->has_document) return refuse(b, b->place, ERR_SYNTAX, "a second document");
        b->has_document = true;
        return OK;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: b->depth--; return OK;
    case FYET_SCALAR:
    case FYET_MAPPING_START:
    case FYET_SEQUENCE_START:
        if (fy_event_get_anchor_token(event))
            return refuse(b, b->place, ERR_SYNTAX, "anchors are not supported");
        if (fy_event_get_tag_token(event))
            return refuse(b, b->place, ERR_SYNTAX, "tags are not supported");
        return take_node(b, event);
    default: return OK;
    }
}

// Moves libfyaml's findings to the diag.
static err report(struct builder *b, struct fy_diag *collected)
{
    struct fy_diag_error *e;
    void *at = NULL;
    bool is_any = false;

    while ((e = fy_diag_errors_iterate(collected, &at))) {
        struct diag_place place = {(uint32_t)e->line, (uint32_t)e->column};
        if (e->line < 1 || e->column < 1) place = (struct diag_place){0};
        diag_add(b->diag, place, STR(""), "not YAML: %s", e->msg);
        is_any = true;
    }
    if (!is_any) diag_add(b->diag, (struct diag_place){0}, STR(""), "not YAML");
    return ERR_SYNTAX;
}

static err build(struct builder *b, struct fy_parser *parser, struct fy_diag *collected)
{
    struct fy_event *event;
    err e = OK;

    while (!e && (event = fy_parser_parse(parser))) {
        e = take_event(b, event);
        fy_parser_event_free(parser, event);
    }
    if (!e && fy_parser_get_stream_error(parser)) e = report(b, collected);
    return e;
}

// libfyaml wants somewhere to write; nothing comes, because its diag object collects.
static void discard(struct fy_diag *diag, void *user, const char *bytes, size_t len)
{
    (void)diag;
    (void)user;
    (void)bytes;
    (void)len;
}

static err build_with_libfyaml(struct builder *b, str text)
{
    const struct fy_diag_cfg quiet = {
        .output_fn = discard, .level = FYET_ERROR, .module_mask = ~0U};
    struct fy_diag *collected = fy_diag_create(&quiet);
    struct fy_parse_cfg options = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE,
                                   .diag = collected};
    struct fy_parser *parser = NULL;
    err e = ERR_SYSTEM;

    if (collected) {
        fy_diag_set_collect_errors(collected, true);
        parser = fy_parser_create(&options);
    }
    if (parser && !fy_parser_set_string(parser, text.ptr, text.len))
        e = build(b, parser, collected);
    else
        diag_add(b->diag, (struct diag_place){0}, STR(""), "the YAML parser did not start");
    if (parser) fy_parser_destroy(parser);
    if (collected) fy_diag_destroy(collected);
    return e;
}

err yaml_parse(str text, struct arena *arena, struct diag *d, const struct yaml_node **out)
{
    struct builder b = {.arena = arena, .diag = d};
    size_t findings = d->count;

    if (text.len > YAML_TEXT_MAX) {
        diag_add(d, (struct diag_place){0}, STR(""), "the text is longer than %d bytes",
                 YAML_TEXT_MAX);
        return ERR_LIMIT;
    }
    if (str_starts(text, STR("\xef\xbb\xbf"))) text = str_sub(text, 3, text.len); // byte order mark
    b.text = text;
    b.place = (struct diag_place){1, 1};
    TRY(check_characters(&b, text));
    if (text.len) TRY(build_with_libfyaml(&b, text));
    if (d->count > findings) return ERR_SYNTAX;
    if (!b.root) {
        b.root = arena_new(arena, struct yaml_node);
        b.root->place = (struct diag_place){1, 1};
    }
    *out = b.root;
    return OK;
}

const struct yaml_node *yaml_get(const struct yaml_node *n, str key)
{
    if (n->kind != YAML_MAPPING) return NULL;
    for (const struct yaml_node *child = n->first; child; child = child->next) {
        if (str_eq(child->key, key)) return child;
    }
    return NULL;
}

bool yaml_is_null(const struct yaml_node *n)
{
    if (n->kind != YAML_SCALAR || n->is_quoted) return false;
    return !n->text.len || str_eq(n->text, STR("~")) || str_eq(n->text, STR("null"));
}
