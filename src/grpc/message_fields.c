#include "grpc/message_fields.h"

#include "grpc/json_scalar.h"

#include <string.h>

static bool is_present(const struct message_fields *f, size_t index)
{
    return f->present[index / 64] >> index % 64 & 1;
}

static void set_present(struct message_fields *f, size_t index, bool value)
{
    uint64_t bit = UINT64_C(1) << index % 64;

    f->present[index / 64] = value ? f->present[index / 64] | bit : f->present[index / 64] & ~bit;
}

static void begin(struct message_fields *f, const struct descriptor_message *m, struct arena *arena)
{
    size_t words = m->field_count / 64 + 1;

    f->message = m;
    if (!f->present || m->field_count > f->field_max) {
        f->present = arena_alloc_raw(arena, words * sizeof(*f->present));
        f->slots = arena_alloc_raw(arena, m->field_count * sizeof(*f->slots));
        f->field_max = m->field_count;
    }
    if (!f->holders || m->oneof_count > f->oneof_max) {
        f->holders = arena_alloc_raw(arena, m->oneof_count * sizeof(*f->holders));
        f->oneof_max = m->oneof_count;
    }
    memset(f->present, 0, words * sizeof(*f->present));
    memset(f->holders, 0, m->oneof_count * sizeof(*f->holders));
}

static bool is_value(const struct descriptor_field *field, uint64_t value)
{
    return !field->enumeration || field->enumeration->is_open ||
           descriptor_value_by_number(field->enumeration, (int32_t)(uint32_t)value);
}

// An entry of a map is unknown as a whole where its value is.
static bool is_entry(const struct descriptor_field *map, str bytes)
{
    const struct descriptor_field *value = map->message->by_number[1];
    struct protobuf_reader r;
    struct protobuf_field f;
    bool is_known = true;

    if (!value->enumeration || value->enumeration->is_open) return true;
    protobuf_reader_init(&r, bytes);
    while (protobuf_next(&r, &f) == OK) {
        if (f.number == value->number && f.wire == PROTOBUF_VARINT)
            is_known = is_value(value, f.value);
    }
    return is_known;
}

// The field that a record is of; NULL where it is unknown.
static const struct descriptor_field *field_of(const struct descriptor_message *m,
                                               const struct protobuf_field *record)
{
    const struct descriptor_field *field = descriptor_field_by_number(m, record->number);

    if (!field) return NULL;
    if (field->message) {
        bool is_group = field->type == DESCRIPTOR_GROUP;
        if (record->wire != (is_group ? PROTOBUF_GROUP : PROTOBUF_BYTES)) return NULL;
        return field->is_map && !is_entry(field, record->bytes) ? NULL : field;
    }
    if (record->wire == json_scalar_wire(field->type))
        return is_value(field, record->value) ? field : NULL;
    bool is_packed = field->is_repeated && descriptor_is_packable(field->type);
    return is_packed && record->wire == PROTOBUF_BYTES ? field : NULL;
}

// One member of a oneof makes the others absent.
static void hold_oneof(struct message_fields *f, const struct descriptor_field *field)
{
    const struct descriptor_field **holder = &f->holders[field->oneof - f->message->oneofs];

    if (*holder && *holder != field) set_present(f, (*holder)->index, false);
    *holder = field;
}

static void take(struct message_fields *f, const struct descriptor_field *field,
                 const struct protobuf_field *record)
{
    struct message_fields_slot *slot = &f->slots[field->index];

    if (field->oneof) hold_oneof(f, field);
    if (!is_present(f, field->index)) {
        *slot = (struct message_fields_slot){.first = record->whole.ptr};
        set_present(f, field->index, true);
    }
    slot->count++;
    slot->runs += slot->end != record->whole.ptr;
    slot->end = record->whole.ptr + record->whole.len;
    slot->size += field->is_repeated ? record->whole.len : record->bytes.len;
    slot->last = *record;
}

// What of a record belongs into the copy of a field.
static str copied_part(const struct descriptor_field *field, const struct protobuf_field *record)
{
    return field->is_repeated ? record->whole : record->bytes;
}

// Goes through the message again for what has to be copied.
static void copy(struct message_fields *f, str bytes)
{
    struct protobuf_reader r;
    struct protobuf_field record;

    protobuf_reader_init(&r, bytes);
    while (protobuf_next(&r, &record) == OK) {
        const struct descriptor_field *field = field_of(f->message, &record);
        if (!field || !is_present(f, field->index)) continue;
        struct message_fields_slot *slot = &f->slots[field->index];
        if (!slot->copy || record.whole.ptr < slot->first) continue;
        str part = copied_part(field, &record);
        if (part.len) memcpy(slot->copy, part.ptr, part.len);
        slot->copy += part.len;
    }
}

// Settles what each slot means; where that takes a copy, makes room for it.
static err settle(struct message_fields *f, struct message_fields_room *room, bool *copies)
{
    const struct descriptor_message *m = f->message;

    for (size_t i = message_fields_next(f, 0); i < m->field_count;
         i = message_fields_next(f, i + 1)) {
        const struct descriptor_field *field = &m->fields[i];
        struct message_fields_slot *slot = &f->slots[i];
        bool is_merged = field->message && !field->is_repeated && slot->count > 1;
        bool is_scattered = field->is_repeated && slot->runs > 1;
        if (!is_merged && !is_scattered) {
            slot->records = (str){.ptr = slot->first, .len = (size_t)(slot->end - slot->first)};
            continue;
        }
        if (slot->size > room->left) return ERR_LIMIT;
        room->left -= slot->size;
        slot->copy = arena_alloc_raw(room->arena, slot->size);
        str copied = {.ptr = slot->copy, .len = slot->size};
        if (is_merged) slot->last.bytes = copied;
        if (is_scattered) slot->records = copied;
        *copies = true;
    }
    return OK;
}

err message_fields_read(struct message_fields *f, const struct descriptor_message *m, str bytes,
                        struct message_fields_room *room)
{
    struct protobuf_reader r;
    struct protobuf_field record;
    bool copies = false;
    err e;

    begin(f, m, room->arena);
    protobuf_reader_init(&r, bytes);
    while ((e = protobuf_next(&r, &record)) == OK) {
        const struct descriptor_field *field = field_of(m, &record);
        if (field) take(f, field, &record);
    }
    if (e != ERR_EOF) return e;
    TRY(settle(f, room, &copies));
    if (copies) copy(f, bytes);
    return OK;
}

const struct message_fields_slot *message_fields_get(const struct message_fields *f,
                                                     const struct descriptor_field *field)
{
    return is_present(f, field->index) ? &f->slots[field->index] : NULL;
}

size_t message_fields_next(const struct message_fields *f, size_t from)
{
    size_t count = f->message->field_count;

    while (from < count) {
        uint64_t bits = f->present[from / 64] >> from % 64;
        if (bits) return from + (size_t)__builtin_ctzll(bits);
        from = (from / 64 + 1) * 64;
    }
    return count;
}

void message_fields_elements_init(struct message_fields_elements *e,
                                  const struct descriptor_field *field, str records)
{
    e->field = field;
    protobuf_reader_init(&e->records, records);
    protobuf_reader_init(&e->packed, STR(""));
}

err message_fields_element(struct message_fields_elements *e, struct protobuf_field *out)
{
    enum protobuf_wire wire = json_scalar_wire(e->field->type);
    bool is_packable = descriptor_is_packable(e->field->type);
    struct protobuf_field f = {0};

    for (;;) {
        if (e->packed.at < e->packed.end) {
            TRY(protobuf_next_packed(&e->packed, wire, &f.value));
            if (!is_value(e->field, f.value)) continue;
            *out = f;
            return OK;
        }
        TRY(protobuf_next(&e->records, &f));
        if (!is_packable || f.wire != PROTOBUF_BYTES) break;
        protobuf_reader_init(&e->packed, f.bytes);
    }
    *out = f;
    return OK;
}
