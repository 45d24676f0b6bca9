#include "grpc/protobuf_to_json.h"

#include "base/number.h"
#include "codec/base64.h"
#include "codec/json_write.h"
#include "codec/utf8.h"
#include "grpc/json_scalar.h"
#include "grpc/known_text.h"
#include "grpc/message_fields.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Design
//
// Each message is read twice: message_fields finds what it has of each field, then the fields are
// written in the order of their declaration. Messages in messages are a recursion: each level is
// entered in one place (enter), which counts them, so that a peer can't choose more than
// PROTOBUF_TO_JSON_DEPTH_MAX frames of some hundred bytes. JSON has at most two levels for each.

static_assert(2 * PROTOBUF_TO_JSON_DEPTH_MAX < JSON_WRITE_DEPTH_MAX);

enum { COPIES = 8, SHOWN_MAX = 64 };

struct conversion {
    const struct protobuf_to_json_options *o;
    struct message_fault *why;
    struct json_writer w;
    struct message_fields_room room;
    uint32_t depth;
    struct message_fields levels[PROTOBUF_TO_JSON_DEPTH_MAX + 1];
    struct message_fields entry; // of a map, read between two levels
};

static err write_message(struct conversion *c, const struct descriptor_message *m, str bytes);

static err broken(struct conversion *c, err e)
{
    if (e == ERR_LIMIT)
        return message_fault_set(c->why, e, "its fields are scattered beyond the limit");
    return message_fault_set(c->why, ERR_SYNTAX, "these bytes are no message");
}

static str name_of(const struct conversion *c, const struct descriptor_field *f)
{
    return c->o->keeps_names ? f->name : f->json_name;
}

// Steps into a message; c->depth-- steps out.
static err enter(struct conversion *c, const struct descriptor_message *m, str bytes,
                 struct message_fields **out)
{
    if (c->depth == PROTOBUF_TO_JSON_DEPTH_MAX)
        return message_fault_set(c->why, ERR_LIMIT, "nested too deep");
    struct message_fields *fields = &c->levels[++c->depth];
    err e = message_fields_read(fields, m, bytes, &c->room);
    if (e) return broken(c, e);
    for (size_t i = 0; m->has_required && i < m->field_count; i++) {
        const struct descriptor_field *f = &m->fields[i];
        if (f->is_required && !message_fields_get(fields, f))
            return message_fault_in_member(
                c->why, message_fault_set(c->why, ERR_ABSENT, "required"), name_of(c, f));
    }
    *out = fields;
    return OK;
}

static err write_text(struct conversion *c, str text)
{
    if (!utf8_is_valid(text)) return message_fault_set(c->why, ERR_SYNTAX, "the text is not UTF-8");
    json_write_str(&c->w, text);
    return OK;
}

// Between quotes, straight to where the writer writes.
static err write_base64(struct conversion *c, str bytes)
{
    json_write_raw(&c->w, STR("\""));
    if (!c->w.error) c->w.error = base64_encode(c->w.out, bytes);
    if (!c->w.error) c->w.error = buf_append(c->w.out, STR("\""));
    return OK;
}

// A 64-bit number, which JavaScript would round if it weren't in quotes.
static err write_long(struct conversion *c, uint64_t magnitude, bool is_negative)
{
    char digits[1 + NUMBER_U64_DIGITS_MAX] = "-";
    size_t len = number_from_u64(digits + is_negative, magnitude);

    json_write_str(&c->w, (str){.ptr = digits, .len = is_negative + len});
    return OK;
}

static err write_signed_long(struct conversion *c, int64_t value)
{
    return write_long(c, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

static err write_unreal(struct conversion *c, double value, const struct descriptor_field *f)
{
    if (f->owner->well_known == DESCRIPTOR_VALUE)
        return message_fault_set(c->why, ERR_RANGE, "a Value that is no finite number has no JSON");
    json_write_str(&c->w, isnan(value) ? STR("NaN")
                          : value > 0  ? STR("Infinity")
                                       : STR("-Infinity"));
    return OK;
}

static err write_double(struct conversion *c, const struct descriptor_field *f, uint64_t bits)
{
    double value = 0;

    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value)) return write_unreal(c, value, f);
    json_write_double(&c->w, value);
    return OK;
}

static err write_float(struct conversion *c, const struct descriptor_field *f, uint64_t bits)
{
    float value = 0;

    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value)) return write_unreal(c, (double)value, f);
    json_write_float(&c->w, value);
    return OK;
}

static err write_enum(struct conversion *c, const struct descriptor_enum *e, int32_t number)
{
    const struct descriptor_enum_value *v = descriptor_value_by_number(e, number);

    if (json_scalar_is_null(e)) {
        json_write_null(&c->w);
    } else if (v) {
        json_write_str(&c->w, v->name);
    } else {
        json_write_i64(&c->w, number);
    }
    return OK;
}

// One value of a field that is no message; zero where `value` is zeroed.
static err write_scalar(struct conversion *c, const struct descriptor_field *f,
                        const struct protobuf_field *value)
{
    uint64_t bits = value->value;

    switch (f->type) {
    case DESCRIPTOR_DOUBLE: return write_double(c, f, bits);
    case DESCRIPTOR_FLOAT: return write_float(c, f, bits);
    case DESCRIPTOR_INT64:
    case DESCRIPTOR_SFIXED64: return write_signed_long(c, (int64_t)bits);
    case DESCRIPTOR_SINT64: return write_signed_long(c, protobuf_from_zigzag(bits));
    case DESCRIPTOR_UINT64:
    case DESCRIPTOR_FIXED64: return write_long(c, bits, false);
    case DESCRIPTOR_INT32:
    case DESCRIPTOR_SFIXED32: json_write_i64(&c->w, (int32_t)(uint32_t)bits); return OK;
    case DESCRIPTOR_SINT32: json_write_i64(&c->w, protobuf_from_zigzag((uint32_t)bits)); return OK;
    case DESCRIPTOR_UINT32:
    case DESCRIPTOR_FIXED32: json_write_u64(&c->w, (uint32_t)bits); return OK;
    case DESCRIPTOR_BOOL: json_write_bool(&c->w, bits != 0); return OK;
    case DESCRIPTOR_STRING: return write_text(c, value->bytes);
    case DESCRIPTOR_BYTES: return write_base64(c, value->bytes);
    case DESCRIPTOR_ENUM: return write_enum(c, f->enumeration, (int32_t)(uint32_t)bits);
    case DESCRIPTOR_GROUP:
    case DESCRIPTOR_MESSAGE: break;
    }
    return write_message(c, f->message, value->bytes);
}

static err write_array(struct conversion *c, const struct descriptor_field *f, str records)
{
    struct message_fields_elements elements;
    struct protobuf_field element;
    size_t index = 0;
    err e;

    json_write_array(&c->w);
    message_fields_elements_init(&elements, f, records);
    while ((e = message_fields_element(&elements, &element)) == OK) {
        TRY(message_fault_in_element(c->why, write_scalar(c, f, &element), index++));
        TRY(c->w.error);
    }
    if (e != ERR_EOF) return broken(c, e);
    json_write_array_end(&c->w);
    return OK;
}

// Entries of a map where they begin in its records, to be sorted.
struct entries {
    const struct descriptor_field *key;
    str records;
    size_t *at;
    size_t count;
};

struct entry_key {
    uint64_t value; // of a number, the same for each way it may be written
    str text;
};

static struct entry_key entry_key(const struct entries *e, size_t at)
{
    struct entry_key key = {.text = STR("")};
    struct protobuf_field record = {0};
    struct protobuf_field f;
    struct protobuf_reader r;
    bool is_short = e->key->type == DESCRIPTOR_INT32 || e->key->type == DESCRIPTOR_UINT32 ||
                    e->key->type == DESCRIPTOR_SINT32;

    protobuf_reader_init(&r, str_sub(e->records, at, e->records.len));
    if (protobuf_next(&r, &record)) return key;
    protobuf_reader_init(&r, record.bytes);
    while (protobuf_next(&r, &f) == OK) {
        if (f.number != e->key->number || f.wire != json_scalar_wire(e->key->type)) continue;
        key.text = f.bytes;
        key.value = f.value;
    }
    if (e->key->type == DESCRIPTOR_BOOL) key.value = key.value != 0;
    if (is_short) key.value = (uint32_t)key.value;
    return key;
}

static int compare_keys(const struct entries *e, size_t a, size_t b)
{
    struct entry_key x = entry_key(e, a);
    struct entry_key y = entry_key(e, b);

    if (x.value != y.value) return x.value < y.value ? -1 : 1;
    return str_compare(x.text, y.text);
}

static int by_key(const void *a, const void *b, void *entries)
{
    const size_t *x = a;
    const size_t *y = b;
    int order = compare_keys(entries, *x, *y);

    return order ? order : (*x > *y) - (*x < *y);
}

static int by_place(const void *a, const void *b)
{
    const size_t *x = a;
    const size_t *y = b;

    return (*x > *y) - (*x < *y);
}

// Finds where entries begin; of those with one key only the last is kept.
static void find_entries(struct conversion *c, struct entries *e, size_t count)
{
    struct protobuf_reader r;
    struct protobuf_field record;
    size_t kept = 0;

    e->at = arena_alloc_raw(c->o->arena, count * sizeof(*e->at));
    protobuf_reader_init(&r, e->records);
    while (e->count < count && protobuf_next(&r, &record) == OK) {
        e->at[e->count++] = (size_t)(record.whole.ptr - e->records.ptr);
    }
    if (e->count < 2) return;
    qsort_r(e->at, e->count, sizeof(*e->at), by_key, e);
    for (size_t i = 0; i < e->count; i++) {
        if (i + 1 == e->count || compare_keys(e, e->at[i], e->at[i + 1]) != 0)
            e->at[kept++] = e->at[i];
    }
    e->count = kept;
    qsort(e->at, e->count, sizeof(*e->at), by_place);
}

// A key is text, whatever its type.
static err write_key(struct conversion *c, const struct descriptor_field *key,
                     const struct protobuf_field *value, struct arena *arena, str *out)
{
    int64_t number = (int64_t)value->value;

    switch (key->type) {
    case DESCRIPTOR_STRING:
        *out = value->bytes;
        if (!utf8_is_valid(*out))
            return message_fault_set(c->why, ERR_SYNTAX, "a key is not UTF-8");
        break;
    case DESCRIPTOR_BOOL: *out = value->value ? STR("true") : STR("false"); break;
    case DESCRIPTOR_UINT64:
    case DESCRIPTOR_FIXED64: *out = arena_format(arena, "%llu", (unsigned long long)number); break;
    case DESCRIPTOR_UINT32:
    case DESCRIPTOR_FIXED32: *out = arena_format(arena, "%u", (unsigned)number); break;
    case DESCRIPTOR_SINT64: number = protobuf_from_zigzag(value->value); [[fallthrough]];
    case DESCRIPTOR_INT64:
    case DESCRIPTOR_SFIXED64: *out = arena_format(arena, "%lld", (long long)number); break;
    case DESCRIPTOR_SINT32: number = protobuf_from_zigzag((uint32_t)value->value); [[fallthrough]];
    default: *out = arena_format(arena, "%d", (int)number); break;
    }
    json_write_key(&c->w, *out);
    return OK;
}

// One entry; a key or value that it lacks is zero.
static err write_entry(struct conversion *c, const struct descriptor_field *map, str bytes)
{
    const struct descriptor_field *key = map->message->by_number[0];
    const struct descriptor_field *value = map->message->by_number[1];
    struct protobuf_field key_field = {.bytes = STR("")};
    struct protobuf_field value_field = {.bytes = STR("")};
    const struct message_fields_slot *slot;
    str text = STR("");

    err e = message_fields_read(&c->entry, map->message, bytes, &c->room);
    if (e) return broken(c, e);
    slot = message_fields_get(&c->entry, key);
    if (slot) key_field = slot->last;
    slot = message_fields_get(&c->entry, value);
    if (slot) value_field = slot->last;
    TRY(write_key(c, key, &key_field, c->o->arena, &text));
    return message_fault_in_key(c->why, write_scalar(c, value, &value_field), text);
}

static err write_map(struct conversion *c, const struct descriptor_field *f,
                     const struct message_fields_slot *slot)
{
    struct entries entries = {.key = f->message->by_number[0]};
    struct protobuf_reader r;
    struct protobuf_field record;

    json_write_object(&c->w);
    if (slot) {
        entries.records = slot->records;
        find_entries(c, &entries, slot->count);
    }
    for (size_t i = 0; i < entries.count; i++) {
        protobuf_reader_init(&r, str_sub(entries.records, entries.at[i], entries.records.len));
        if (protobuf_next(&r, &record)) return broken(c, ERR_SYNTAX);
        TRY(write_entry(c, f, record.bytes));
        TRY(c->w.error);
    }
    json_write_object_end(&c->w);
    return OK;
}

// All of a field; what is absent as what it then is.
static err write_field(struct conversion *c, const struct descriptor_field *f,
                       const struct message_fields_slot *slot)
{
    static const struct protobuf_field zero = {.bytes = STR_INIT("")};

    if (f->is_map) return write_map(c, f, slot);
    if (f->is_repeated) return write_array(c, f, slot ? slot->records : STR(""));
    if (slot || !f->message) return write_scalar(c, f, slot ? &slot->last : &zero);
    json_write_null(&c->w);
    return OK;
}

static err write_member(struct conversion *c, const struct message_fields *fields, size_t index)
{
    const struct descriptor_field *f = &fields->message->fields[index];

    json_write_key(&c->w, name_of(c, f));
    err e = write_field(c, f, message_fields_get(fields, f));
    if (!e) e = c->w.error;
    return message_fault_in_member(c->why, e, name_of(c, f));
}

// Whether a field that is absent is shown all the same.
static bool is_default_shown(const struct conversion *c, const struct descriptor_field *f)
{
    return c->o->emits_defaults && !f->has_presence;
}

// Of a number of 32 bits what is above them on the wire does not count.
static bool is_zero(const struct descriptor_field *f, const struct protobuf_field *value)
{
    bool is_narrow = f->type == DESCRIPTOR_INT32 || f->type == DESCRIPTOR_UINT32 ||
                     f->type == DESCRIPTOR_SINT32 || f->type == DESCRIPTOR_ENUM;

    return !value->bytes.len && !(is_narrow ? (uint32_t)value->value : value->value);
}

// Zero without presence is as good as absent, however it was sent, and so are no elements.
static bool is_shown(const struct conversion *c, const struct message_fields *fields, size_t index)
{
    const struct descriptor_field *f = &fields->message->fields[index];
    const struct message_fields_slot *slot = message_fields_get(fields, f);
    struct message_fields_elements elements;
    struct protobuf_field element;

    if (!slot) return is_default_shown(c, f);
    if (f->has_presence || f->is_map || c->o->emits_defaults) return true;
    if (f->is_repeated) {
        message_fields_elements_init(&elements, f, slot->records);
        return message_fields_element(&elements, &element) != ERR_EOF;
    }
    return !is_zero(f, &slot->last);
}

static err write_members(struct conversion *c, const struct message_fields *fields)
{
    size_t count = fields->message->field_count;
    bool shows_all = c->o->emits_defaults;

    for (size_t i = shows_all ? 0 : message_fields_next(fields, 0); i < count;
         i = shows_all ? i + 1 : message_fields_next(fields, i + 1)) {
        if (is_shown(c, fields, i)) TRY(write_member(c, fields, i));
    }
    return OK;
}

// The bytes of a singular field; empty where it is absent.
static str bytes_of(const struct message_fields *fields, uint32_t number)
{
    const struct descriptor_field *f = descriptor_field_by_number(fields->message, number);
    const struct message_fields_slot *slot = message_fields_get(fields, f);

    return slot ? slot->last.bytes : STR("");
}

// What an Any holds, within the object that was opened for it.
static err write_any_members(struct conversion *c, const struct descriptor_message *m, str bytes)
{
    struct message_fields *fields = NULL;

    if (m->well_known != DESCRIPTOR_ORDINARY && m->well_known != DESCRIPTOR_EMPTY) {
        json_write_key(&c->w, STR("value"));
        return write_message(c, m, bytes);
    }
    TRY(enter(c, m, bytes, &fields));
    TRY(write_members(c, fields));
    c->depth--;
    return OK;
}

// The type is what follows the last slash of its URL.
static const struct descriptor_message *find_any_type(const struct conversion *c, str url)
{
    str name = url;

    while (str_find_char(name, '/') < name.len) {
        (void)str_cut(&name, '/'); // what precedes it names a place
    }
    return name.len < url.len ? descriptor_find_message(c->o->pool, name) : NULL;
}

static err write_any(struct conversion *c, const struct message_fields *fields)
{
    str url = bytes_of(fields, 1);
    str value = bytes_of(fields, 2);

    json_write_object(&c->w);
    if (url.len || value.len) {
        const struct descriptor_message *m = find_any_type(c, url);
        if (!m)
            return message_fault_set(c->why, ERR_ABSENT, "no descriptor of \"%.*s\"",
                                     (int)(url.len < SHOWN_MAX ? url.len : SHOWN_MAX), url.ptr);
        json_write_key(&c->w, STR("@type"));
        TRY(write_text(c, url));
        TRY(write_any_members(c, m, value));
    }
    json_write_object_end(&c->w);
    return OK;
}

static err write_known_text(struct conversion *c, const struct descriptor_message *m, str bytes)
{
    str text = STR("");
    err e = known_text_write(m->well_known, bytes, c->o->arena, &text);

    if (e == ERR_RANGE)
        return message_fault_set(c->why, e, "it holds what a %" STR_FMT " may not",
                                 STR_ARG(m->name));
    if (e) return broken(c, e);
    json_write_str(&c->w, text);
    return OK;
}

// A Value is the one of its fields that is set.
static err write_value(struct conversion *c, const struct message_fields *fields)
{
    size_t index = message_fields_next(fields, 0);

    if (index == fields->message->field_count) {
        json_write_null(&c->w);
        return OK;
    }
    const struct descriptor_field *f = &fields->message->fields[index];
    return write_field(c, f, message_fields_get(fields, f));
}

static err write_form(struct conversion *c, const struct message_fields *fields)
{
    const struct descriptor_message *m = fields->message;

    switch (m->well_known) {
    case DESCRIPTOR_ANY: return write_any(c, fields);
    case DESCRIPTOR_LIST_VALUE:
    case DESCRIPTOR_STRUCT:
    case DESCRIPTOR_WRAPPER:
        return write_field(c, m->by_number[0], message_fields_get(fields, m->by_number[0]));
    case DESCRIPTOR_VALUE: return write_value(c, fields);
    default: break;
    }
    json_write_object(&c->w);
    TRY(write_members(c, fields));
    json_write_object_end(&c->w);
    return OK;
}

static err write_message(struct conversion *c, const struct descriptor_message *m, str bytes)
{
    struct message_fields *fields = NULL;

    if (known_text_has(m->well_known)) return write_known_text(c, m, bytes);
    TRY(enter(c, m, bytes, &fields));
    TRY(write_form(c, fields));
    c->depth--;
    return OK;
}

static void begin(struct conversion *c, const struct protobuf_to_json_options *o, str bytes,
                  struct buf *out, struct message_fault *why)
{
    *c = (struct conversion){.o = o, .why = why};
    c->room = (struct message_fields_room){.arena = o->arena, .left = COPIES * bytes.len};
    message_fault_init(why);
    json_write_init(&c->w, out);
}

// What became of it; says why where nobody has yet.
static err end(struct conversion *c, err e)
{
    if (!e) e = c->w.error;
    if (!e || c->why->reason[0]) return e;
    return message_fault_set(c->why, e, "more than %zu bytes as JSON", c->w.out->max);
}

err protobuf_to_json(const struct protobuf_to_json_options *o, const struct descriptor_message *m,
                     str bytes, struct buf *out, struct message_fault *why)
{
    struct conversion c;

    begin(&c, o, bytes, out, why);
    return end(&c, write_message(&c, m, bytes));
}

static err write_only(struct conversion *c, const struct descriptor_field *f, str bytes)
{
    struct message_fields *fields = NULL;

    TRY(enter(c, f->owner, bytes, &fields));
    return message_fault_in_member(c->why, write_field(c, f, message_fields_get(fields, f)),
                                   name_of(c, f));
}

err protobuf_to_json_field(const struct protobuf_to_json_options *o,
                           const struct descriptor_field *f, str bytes, struct buf *out,
                           struct message_fault *why)
{
    struct conversion c;

    begin(&c, o, bytes, out, why);
    return end(&c, write_only(&c, f, bytes));
}
