#include "grpc/json_to_protobuf.h"

#include "codec/json.h"
#include "codec/protobuf_write.h"
#include "grpc/json_scalar.h"
#include "grpc/known_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Design
//
// One walk over the text, which writes as it reads. Messages in messages are a recursion: each
// level is entered in one place (write_message), which counts them, so that a peer can't choose
// more than JSON_TO_PROTOBUF_DEPTH_MAX frames of some hundred bytes.
// The well-known types need little code of their own: a Struct is its map, a ListValue its repeated
// field, a Value the one of its fields that the JSON is of, a wrapper its field.
// Keys of maps are compared once the map is written, by the bytes that they became: sorted, so that
// no choice of keys makes it slow.

enum { ENTRIES_FIRST = 16, SHOWN_MAX = 64 };

// What reading a name returns that an enum doesn't have and that is to be ignored.
static const err IGNORED = ERR_AGAIN;

// Which members of a message were there, a bit each: its fields, then its oneofs.
struct seen {
    uint64_t *bits;
    size_t words;
};

struct conversion {
    const struct json_to_protobuf_options *o;
    struct message_fault *why;
    struct json_reader r;
    struct protobuf_writer w;
    uint32_t depth;
    struct seen seen[JSON_TO_PROTOBUF_DEPTH_MAX + 1]; // of each level, kept for the next message
};

static err write_message(struct conversion *c, const struct descriptor_message *m);

static err expected(struct conversion *c, const char *what)
{
    return message_fault_set(c->why, ERR_TYPE, "expected %s", what);
}

// Why the scalar that comes next is none of the field.
static err scalar_fault(struct conversion *c, const struct descriptor_field *f, err e)
{
    if (e == ERR_RANGE) return message_fault_set(c->why, e, "the number is out of range");
    if (e == ERR_ABSENT)
        return message_fault_set(c->why, e, "not a value of %" STR_FMT,
                                 STR_ARG(f->enumeration->name));
    return expected(c, json_scalar_expected(f));
}

// Reads the value that comes next as one of a field that is no message.
static err read_scalar(struct conversion *c, const struct descriptor_field *f,
                       struct json_scalar *out)
{
    struct json_value v;

    TRY(json_value(&c->r, &v));
    err e = json_scalar_read(f, v, c->o->arena, out);
    if (e == ERR_ABSENT && v.kind == JSON_STRING && c->o->ignores_unknown) return IGNORED;
    return e ? scalar_fault(c, f, e) : OK;
}

static void write_scalar(struct conversion *c, uint32_t number, const struct json_scalar *s)
{
    if (s->wire == PROTOBUF_BYTES) {
        protobuf_write_bytes(&c->w, number, s->bytes);
        return;
    }
    protobuf_write_tag(&c->w, number, s->wire);
    protobuf_write_value(&c->w, s->wire, s->value);
}

// A message or group with its tag.
static err write_nested(struct conversion *c, const struct descriptor_field *f)
{
    if (f->type == DESCRIPTOR_GROUP) {
        protobuf_write_tag(&c->w, f->number, PROTOBUF_GROUP);
        TRY(write_message(c, f->message));
        protobuf_write_tag(&c->w, f->number, PROTOBUF_GROUP_END);
        return OK;
    }
    size_t mark = protobuf_write_open(&c->w, f->number);
    TRY(write_message(c, f->message));
    protobuf_write_close(&c->w, mark);
    return OK;
}

// One value of a field: all of a singular one. What is zero and has no presence isn't written.
static err write_one(struct conversion *c, const struct descriptor_field *f, bool is_shown)
{
    struct json_scalar s;

    if (f->message) return write_nested(c, f);
    err e = read_scalar(c, f, &s);
    if (e == IGNORED) return OK;
    TRY(e);
    if (is_shown || s.value || s.bytes.len) write_scalar(c, f->number, &s);
    return OK;
}

// Whether null is a value of the field, and not its absence.
static bool takes_null(const struct descriptor_field *f)
{
    if (f->message) return f->message->well_known == DESCRIPTOR_VALUE && !f->is_map;
    return f->type == DESCRIPTOR_ENUM && json_scalar_is_null(f->enumeration);
}

// An element of an array; the elements of packed fields have no tags.
static err write_element(struct conversion *c, const struct descriptor_field *f)
{
    struct json_scalar s;
    enum json_kind kind;

    TRY(json_peek(&c->r, &kind));
    if (kind == JSON_NULL && !takes_null(f))
        return message_fault_set(c->why, ERR_TYPE, "null is no element");
    if (!f->is_packed) return write_one(c, f, true);
    err e = read_scalar(c, f, &s);
    if (e == IGNORED) return OK;
    TRY(e);
    protobuf_write_value(&c->w, s.wire, s.value);
    return OK;
}

static err write_array(struct conversion *c, const struct descriptor_field *f)
{
    enum json_kind kind;
    size_t mark = 0;
    size_t index = 0;
    err e;

    TRY(json_peek(&c->r, &kind));
    if (kind != JSON_ARRAY) return expected(c, "an array");
    TRY(json_enter(&c->r));
    while ((e = json_element(&c->r)) == OK) {
        if (index == 0 && f->is_packed) mark = protobuf_write_open(&c->w, f->number);
        TRY(message_fault_in_element(c->why, write_element(c, f), index));
        TRY(c->w.error);
        index++;
    }
    if (e != ERR_EOF) return e;
    if (index && f->is_packed) protobuf_write_close(&c->w, mark);
    return OK;
}

// Where the entries of a map begin in what was written.
struct entries {
    size_t *at;
    size_t count;
    size_t size;
};

static void entries_add(struct conversion *c, struct entries *e, size_t at)
{
    if (e->count == e->size) {
        size_t size = e->size ? e->size * 2 : ENTRIES_FIRST;
        size_t *grown = arena_alloc_raw(c->o->arena, size * sizeof(*grown));
        if (e->count) memcpy(grown, e->at, e->count * sizeof(*grown));
        e->at = grown;
        e->size = size;
    }
    e->at[e->count++] = at;
}

// The key field of a written entry, as its bytes.
static str entry_key(str written, size_t at)
{
    struct protobuf_reader r;
    struct protobuf_field entry = {0};
    struct protobuf_field key = {0};

    protobuf_reader_init(&r, str_sub(written, at, written.len));
    err e = protobuf_next(&r, &entry);
    protobuf_reader_init(&r, entry.bytes);
    if (!e) e = protobuf_next(&r, &key);
    assert(!e); // it was written here
    return key.whole;
}

static int by_entry_key(const void *a, const void *b, void *written)
{
    const str *all = written;
    const size_t *x = a;
    const size_t *y = b;

    return str_compare(entry_key(*all, *x), entry_key(*all, *y));
}

static err check_keys(struct conversion *c, struct entries *e)
{
    str written = buf_view(c->w.out);

    if (c->w.error) return c->w.error;
    if (e->count < 2) return OK;
    qsort_r(e->at, e->count, sizeof(*e->at), by_entry_key, &written);
    for (size_t i = 1; i < e->count; i++) {
        if (by_entry_key(&e->at[i - 1], &e->at[i], &written) == 0)
            return message_fault_set(c->why, ERR_SYNTAX, "a key is given twice");
    }
    return OK;
}

// A member of an object as the key of a map. `raw` stands between quotes in the text.
static err read_key(struct conversion *c, const struct descriptor_field *f, str raw,
                    struct json_scalar *out)
{
    struct json_value quoted = {.kind = JSON_STRING, .text = {raw.ptr - 1, raw.len + 2}};
    err e = f->type == DESCRIPTOR_STRING
                ? json_scalar_read(f, quoted, c->o->arena, out)
                : json_scalar_read_text(f, json_decode(raw, c->o->arena), c->o->arena, out);

    if (!e) return OK;
    return message_fault_set(c->why, e, "the key is not %s", json_scalar_expected(f));
}

// One entry; both its fields are written even where they are zero.
static err write_entry(struct conversion *c, const struct descriptor_field *map, str raw,
                       struct entries *entries)
{
    const struct descriptor_field *key = map->message->by_number[0];
    const struct descriptor_field *value = map->message->by_number[1];
    size_t at = buf_len(c->w.out);
    struct json_scalar s;
    enum json_kind kind;

    TRY(read_key(c, key, raw, &s));
    TRY(json_peek(&c->r, &kind));
    if (kind == JSON_NULL && !takes_null(value))
        return message_fault_set(c->why, ERR_TYPE, "null is no value of a map");
    size_t mark = protobuf_write_open(&c->w, map->number);
    write_scalar(c, key->number, &s);
    if (value->message) {
        TRY(write_nested(c, value));
    } else {
        err e = read_scalar(c, value, &s);
        if (e == IGNORED) { // the entry goes with its value
            c->w.out->end = c->w.out->start + at;
            return OK;
        }
        TRY(e);
        write_scalar(c, value->number, &s);
    }
    protobuf_write_close(&c->w, mark);
    entries_add(c, entries, at);
    return c->w.error;
}

static err write_map(struct conversion *c, const struct descriptor_field *f)
{
    struct entries entries = {0};
    enum json_kind kind;
    str raw = STR("");
    err e;

    TRY(json_peek(&c->r, &kind));
    if (kind != JSON_OBJECT) return expected(c, "an object");
    TRY(json_enter(&c->r));
    while ((e = json_member(&c->r, &raw)) == OK) {
        TRY(message_fault_in_key(c->why, write_entry(c, f, raw, &entries), raw));
    }
    return e == ERR_EOF ? check_keys(c, &entries) : e;
}

static err write_field(struct conversion *c, const struct descriptor_field *f)
{
    if (f->is_map) return write_map(c, f);
    if (f->is_repeated) return write_array(c, f);
    return write_one(c, f, f->has_presence);
}

// The bits of a message that begins, all unset.
static struct seen *seen_begin(struct conversion *c, const struct descriptor_message *m)
{
    struct seen *s = &c->seen[c->depth];
    size_t words = (m->field_count + m->oneof_count) / 64 + 1;

    if (words > s->words) {
        s->bits = arena_alloc_raw(c->o->arena, words * sizeof(*s->bits));
        s->words = words;
    }
    memset(s->bits, 0, words * sizeof(*s->bits));
    return s;
}

static bool seen_test_and_set(struct seen *s, size_t bit)
{
    uint64_t mask = UINT64_C(1) << bit % 64;
    bool was_set = s->bits[bit / 64] & mask;

    s->bits[bit / 64] |= mask;
    return was_set;
}

// The value of a member that the message has.
static err write_member(struct conversion *c, const struct descriptor_field *f, struct seen *seen)
{
    const struct descriptor_message *m = f->owner;
    struct json_value null;
    enum json_kind kind;

    if (seen_test_and_set(seen, f->index))
        return message_fault_set(c->why, ERR_SYNTAX, "given twice");
    TRY(json_peek(&c->r, &kind));
    if (kind == JSON_NULL && (f->is_repeated || !takes_null(f))) {
        if (f->is_required) return message_fault_set(c->why, ERR_ABSENT, "required");
        return json_value(&c->r, &null);
    }
    if (f->oneof && seen_test_and_set(seen, m->field_count + (size_t)(f->oneof - m->oneofs)))
        return message_fault_set(c->why, ERR_SYNTAX, "another member of %" STR_FMT " is given",
                                 STR_ARG(f->oneof->name));
    return write_field(c, f);
}

static err check_required(struct conversion *c, const struct descriptor_message *m,
                          struct seen *seen)
{
    for (size_t i = 0; m->has_required && i < m->field_count; i++) {
        const struct descriptor_field *f = &m->fields[i];
        if (f->is_required && !seen_test_and_set(seen, f->index))
            return message_fault_in_member(
                c->why, message_fault_set(c->why, ERR_ABSENT, "required"), f->json_name);
    }
    return OK;
}

static err unknown_member(struct conversion *c, str name)
{
    if (c->o->ignores_unknown) return OK; // passed unread with the next member
    err e = message_fault_set(c->why, ERR_ABSENT, "no such member");
    return message_fault_in_member(c->why, e, name);
}

// The members of an object that was entered; within an Any one of them names its type.
static err write_members(struct conversion *c, const struct descriptor_message *m, bool is_in_any)
{
    struct seen *seen = seen_begin(c, m);
    size_t types = 0;
    str raw = STR("");
    err e;

    while ((e = json_member(&c->r, &raw)) == OK) {
        if (is_in_any && json_string_is(raw, STR("@type"))) {
            if (types++) return message_fault_set(c->why, ERR_SYNTAX, "@type is given twice");
            continue;
        }
        str name = json_decode(raw, c->o->arena);
        const struct descriptor_field *f = descriptor_field_by_name(m, name);
        if (!f) {
            TRY(unknown_member(c, name));
            continue;
        }
        TRY(message_fault_in_member(c->why, write_member(c, f, seen), name));
        TRY(c->w.error);
    }
    return e == ERR_EOF ? check_required(c, m, seen) : e;
}

// Finds "@type" among the members of the object that comes next, on a copy of the reader.
static err find_type(struct conversion *c, str *url)
{
    struct json_reader r = c->r;
    struct json_value v;
    str raw = STR("");
    size_t members = 0;
    err e = json_enter(&r);

    *url = STR("");
    while (!e && (e = json_member(&r, &raw)) == OK) {
        members++;
        if (!json_string_is(raw, STR("@type"))) continue;
        TRY(json_value(&r, &v));
        if (v.kind != JSON_STRING || json_raw(v).len == 0) return expected(c, "a URL in @type");
        *url = json_decode(json_raw(v), c->o->arena);
        return OK;
    }
    if (e != ERR_EOF) { // the first reader finds the same again
        struct json_value unread;
        return json_value(&c->r, &unread);
    }
    return members ? message_fault_set(c->why, ERR_ABSENT, "@type is missing") : OK;
}

// An Any of a type that has a form of its own: it stands in "value".
static err write_any_value(struct conversion *c, const struct descriptor_message *m)
{
    bool is_seen = false;
    size_t types = 0;
    str raw = STR("");
    err e;

    TRY(json_enter(&c->r));
    while ((e = json_member(&c->r, &raw)) == OK) {
        if (json_string_is(raw, STR("@type"))) {
            if (types++) return message_fault_set(c->why, ERR_SYNTAX, "@type is given twice");
            continue;
        }
        if (!json_string_is(raw, STR("value"))) {
            TRY(unknown_member(c, json_decode(raw, c->o->arena)));
            continue;
        }
        if (is_seen) return message_fault_set(c->why, ERR_SYNTAX, "value is given twice");
        is_seen = true;
        TRY(message_fault_in_member(c->why, write_message(c, m), STR("value")));
    }
    if (e != ERR_EOF) return e;
    // Some write a value for Empty and some don't.
    if (is_seen || m->well_known == DESCRIPTOR_EMPTY) return OK;
    return message_fault_set(c->why, ERR_ABSENT, "value is missing");
}

static err write_any_members(struct conversion *c, const struct descriptor_message *m)
{
    if (c->depth == JSON_TO_PROTOBUF_DEPTH_MAX)
        return message_fault_set(c->why, ERR_LIMIT, "nested too deep");
    TRY(json_enter(&c->r));
    c->depth++;
    TRY(write_members(c, m, true));
    c->depth--;
    return OK;
}

// The type is what follows the last slash of its URL.
static const struct descriptor_message *find_any_type(struct conversion *c, str url)
{
    str name = url;

    while (str_find_char(name, '/') < name.len) {
        (void)str_cut(&name, '/'); // what precedes it names a place
    }
    return name.len < url.len ? descriptor_find_message(c->o->pool, name) : NULL;
}

static err write_any(struct conversion *c)
{
    struct json_value empty;
    enum json_kind kind;
    str url;

    TRY(json_peek(&c->r, &kind));
    if (kind != JSON_OBJECT) return expected(c, "an object");
    TRY(find_type(c, &url));
    if (url.len == 0) return json_value(&c->r, &empty);
    const struct descriptor_message *m = find_any_type(c, url);
    if (!m)
        return message_fault_set(c->why, ERR_ABSENT, "no descriptor of \"%.*s\"",
                                 (int)(url.len < SHOWN_MAX ? url.len : SHOWN_MAX), url.ptr);
    protobuf_write_bytes(&c->w, 1, url);
    size_t at = buf_len(c->w.out);
    size_t mark = protobuf_write_open(&c->w, 2);
    bool is_ordinary = m->well_known == DESCRIPTOR_ORDINARY;
    TRY(is_ordinary ? write_any_members(c, m) : write_any_value(c, m));
    if (c->w.error) return c->w.error;
    if (buf_len(c->w.out) == mark) { // nothing in it
        c->w.out->end = c->w.out->start + at;
        return OK;
    }
    protobuf_write_close(&c->w, mark);
    return OK;
}

// A Value: the one of its fields that the JSON is of.
static err write_value(struct conversion *c, const struct descriptor_message *m)
{
    static const uint8_t numbers[] = {
        [JSON_NULL] = 1, [JSON_NUMBER] = 2, [JSON_STRING] = 3, [JSON_FALSE] = 4,
        [JSON_TRUE] = 4, [JSON_OBJECT] = 5, [JSON_ARRAY] = 6,
    };
    enum json_kind kind;

    TRY(json_peek(&c->r, &kind));
    return write_one(c, descriptor_field_by_number(m, numbers[kind]), true);
}

static err known_text_fault(struct conversion *c, const struct descriptor_message *m, err e)
{
    if (e == ERR_RANGE) return message_fault_set(c->why, e, "the time is out of range");
    return message_fault_set(c->why, ERR_TYPE, "expected the text of a %" STR_FMT,
                             STR_ARG(m->name));
}

static err write_known_text(struct conversion *c, const struct descriptor_message *m)
{
    struct json_value v;

    TRY(json_value(&c->r, &v));
    if (v.kind != JSON_STRING) return known_text_fault(c, m, ERR_TYPE);
    str text = json_decode(json_raw(v), c->o->arena);
    err e = known_text_read(m->well_known, text, &c->w);
    return e ? known_text_fault(c, m, e) : OK;
}

static err write_ordinary(struct conversion *c, const struct descriptor_message *m)
{
    enum json_kind kind;

    TRY(json_peek(&c->r, &kind));
    if (kind != JSON_OBJECT) return expected(c, "an object");
    TRY(json_enter(&c->r));
    return write_members(c, m, false);
}

static err write_form(struct conversion *c, const struct descriptor_message *m)
{
    switch (m->well_known) {
    case DESCRIPTOR_ANY: return write_any(c);
    case DESCRIPTOR_DURATION:
    case DESCRIPTOR_FIELD_MASK:
    case DESCRIPTOR_TIMESTAMP: return write_known_text(c, m);
    case DESCRIPTOR_LIST_VALUE: return write_array(c, m->by_number[0]);
    case DESCRIPTOR_STRUCT: return write_map(c, m->by_number[0]);
    case DESCRIPTOR_VALUE: return write_value(c, m);
    case DESCRIPTOR_WRAPPER: return write_one(c, m->by_number[0], m->by_number[0]->has_presence);
    case DESCRIPTOR_EMPTY:
    case DESCRIPTOR_ORDINARY: break;
    }
    return write_ordinary(c, m);
}

// The fields of the message that comes next.
static err write_message(struct conversion *c, const struct descriptor_message *m)
{
    if (c->depth == JSON_TO_PROTOBUF_DEPTH_MAX)
        return message_fault_set(c->why, ERR_LIMIT, "nested too deep");
    c->depth++;
    TRY(write_form(c, m));
    c->depth--;
    return OK;
}

static void begin(struct conversion *c, const struct json_to_protobuf_options *o, struct buf *out,
                  struct message_fault *why)
{
    *c = (struct conversion){.o = o, .why = why};
    message_fault_init(why);
    protobuf_write_init(&c->w, out);
}

// What became of it; says why where nobody has yet.
static err end(struct conversion *c, err e)
{
    if (!e) e = c->w.error;
    if (!e || c->why->reason[0]) return e;
    if (c->r.error == ERR_LIMIT) return message_fault_set(c->why, e, "nested too deep");
    if (c->r.error) return message_fault_set(c->why, e, "no JSON at byte %zu", c->r.at);
    return message_fault_set(c->why, e, "more than %zu bytes as a message", c->w.out->max);
}

err json_to_protobuf(const struct json_to_protobuf_options *o, const struct descriptor_message *m,
                     str json, struct buf *out, struct message_fault *why)
{
    struct conversion c;

    begin(&c, o, out, why);
    json_reader_init(&c.r, json);
    err e = write_message(&c, m);
    if (!e) e = json_end(&c.r);
    return end(&c, e);
}

static err write_whole_field(struct conversion *c, const struct descriptor_field *f)
{
    struct json_value null;
    enum json_kind kind;

    TRY(json_peek(&c->r, &kind));
    if (kind == JSON_NULL && (f->is_repeated || !takes_null(f))) {
        TRY(json_value(&c->r, &null));
    } else {
        TRY(write_field(c, f));
    }
    return json_end(&c->r);
}

err json_to_protobuf_field(const struct json_to_protobuf_options *o,
                           const struct descriptor_field *f, str json, struct buf *out,
                           struct message_fault *why)
{
    struct conversion c;

    begin(&c, o, out, why);
    json_reader_init(&c.r, json);
    return end(&c, message_fault_in_member(why, write_whole_field(&c, f), f->json_name));
}

// A message whose JSON is text, or a number in quotes.
static err write_text_message(struct conversion *c, const struct descriptor_field *f, str text)
{
    const struct descriptor_message *m = f->message;
    struct json_scalar s;
    err e = OK;

    if (f->is_map || f->type == DESCRIPTOR_GROUP ||
        (!known_text_has(m->well_known) && m->well_known != DESCRIPTOR_WRAPPER))
        return expected(c, "no text but a message");
    size_t mark = protobuf_write_open(&c->w, f->number);
    if (m->well_known == DESCRIPTOR_WRAPPER) {
        e = json_scalar_read_text(m->by_number[0], text, c->o->arena, &s);
        if (e) return scalar_fault(c, m->by_number[0], e);
        write_scalar(c, m->by_number[0]->number, &s);
    } else {
        e = known_text_read(m->well_known, text, &c->w);
        if (e) return known_text_fault(c, m, e);
    }
    protobuf_write_close(&c->w, mark);
    return OK;
}

static err write_text(struct conversion *c, const struct descriptor_field *f, str text)
{
    struct json_scalar s;

    if (f->message) return write_text_message(c, f, text);
    err e = json_scalar_read_text(f, text, c->o->arena, &s);
    if (e) return scalar_fault(c, f, e);
    write_scalar(c, f->number, &s);
    return OK;
}

err json_to_protobuf_text(const struct json_to_protobuf_options *o,
                          const struct descriptor_field *f, str text, struct buf *out,
                          struct message_fault *why)
{
    struct conversion c;

    begin(&c, o, out, why);
    return end(&c, message_fault_in_member(why, write_text(&c, f, text), f->json_name));
}
