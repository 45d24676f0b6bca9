// message_fields: what a message on the wire has of each field.
//
// The wire has fields in any order, and more than once. They are read as every implementation reads
// them: of a singular field the last value counts, messages given twice are merged, of a oneof the
// member given last counts; a field of another wire type than its own is unknown, and so is a
// number that a closed enum doesn't have. Unknown fields are passed over.
// Nothing is copied but where the values of a field stand apart or are merged, which no sane sender
// does; how much may be copied is bounded by the caller. One struct reads one message after the
// other and keeps its room. Pure: no allocation but in the arena; the bytes outlive it.
#pragma once

#include "codec/protobuf.h"
#include "grpc/descriptor.h"

struct message_fields_slot {
    str records;                // of a repeated field: all of it in a row, tags included
    struct protobuf_field last; // of a singular field; the bytes of messages are merged
    // While it is read:
    size_t count;
    size_t runs;       // of records that stand in a row
    size_t size;       // of what is to copy, should that be needed
    const char *first; // record
    const char *end;   // of the last record
    char *copy;
};

// Where copies go, and how many bytes there may still be.
struct message_fields_room {
    struct arena *arena;
    size_t left;
};

struct message_fields {
    const struct descriptor_message *message;
    uint64_t *present;                       // a bit a field
    struct message_fields_slot *slots;       // set where the bit is
    const struct descriptor_field **holders; // of each oneof, the member that is set
    size_t field_max;                        // that there is room for
    size_t oneof_max;
};

// `f` is zeroed before its first message. ERR_SYNTAX: the bytes are no message. ERR_LIMIT: there is
// more to copy than the room has left.
err message_fields_read(struct message_fields *f, const struct descriptor_message *m, str bytes,
                        struct message_fields_room *room);

// NULL where the field is absent. Valid until the next message is read.
const struct message_fields_slot *message_fields_get(const struct message_fields *f,
                                                     const struct descriptor_field *field);

// The index of the first present field from `from` on; the count of fields where there is none.
size_t message_fields_next(const struct message_fields *f, size_t from);

// The elements of a repeated field, packed or not.
struct message_fields_elements {
    const struct descriptor_field *field;
    struct protobuf_reader records;
    struct protobuf_reader packed;
};

void message_fields_elements_init(struct message_fields_elements *e,
                                  const struct descriptor_field *field, str records);

// The next element; of a packed one only the value is set. ERR_EOF behind the last one, ERR_SYNTAX
// where packed values are broken.
err message_fields_element(struct message_fields_elements *e, struct protobuf_field *out);
