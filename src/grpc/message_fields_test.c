#include "grpc/message_fields.h"

#include "codec/protobuf_write.h"

#include "support/kinds.h"

enum { ROOM = 1000 };

struct fixture {
    struct kinds kinds;
    struct message_fields_room room;
    struct message_fields fields;
};

static void begin(struct fixture *f)
{
    kinds_begin(&f->kinds);
    f->room = (struct message_fields_room){.arena = &f->kinds.arena, .left = ROOM};
    f->fields = (struct message_fields){0};
}

static err read(struct fixture *f, str message, str bytes)
{
    return message_fields_read(&f->fields, kinds_message(&f->kinds, message), bytes, &f->room);
}

static const struct message_fields_slot *get(const struct fixture *f, str name)
{
    return message_fields_get(&f->fields, descriptor_field_by_name(f->fields.message, name));
}

TEST(message_fields_finds_the_last_value_and_no_other)
{
    struct fixture f;

    begin(&f);
    CHECK_EQ(read(&f, STR("test.Inner"), STR("\x08\x01\x22\x01x\x08\x02")), OK);
    CHECK_EQ(get(&f, STR("id"))->last.value, 2);
    CHECK_STR(get(&f, STR("text"))->last.bytes, "x");
    CHECK(!get(&f, STR("inner")) && !get(&f, STR("inners")));
    CHECK_EQ(message_fields_next(&f.fields, 0), 0);
    CHECK_EQ(message_fields_next(&f.fields, 1), 3);
    CHECK_EQ(message_fields_next(&f.fields, 4), 4);
    CHECK_EQ(read(&f, STR("test.Inner"), STR("")), OK); // nothing of it is left
    CHECK_EQ(message_fields_next(&f.fields, 0), 4);
    CHECK_EQ(read(&f, STR("test.Inner"), STR("\x08")), ERR_SYNTAX);
    CHECK_EQ(f.room.left, ROOM);
    kinds_end(&f.kinds);
}

TEST(message_fields_copies_only_what_stands_apart)
{
    struct fixture f;
    str together = STR("\x1a\x00\x1a\x02\x08\x01\x08\x05");
    str apart = STR("\x1a\x00\x08\x05\x1a\x02\x08\x01");
    str twice = STR("\x12\x02\x08\x01\x12\x03\x22\x01x");

    begin(&f);
    CHECK_EQ(read(&f, STR("test.Inner"), together), OK);
    CHECK(get(&f, STR("inners"))->records.ptr == together.ptr);
    CHECK_STR(get(&f, STR("inners"))->records, "\x1a\x00\x1a\x02\x08\x01");
    CHECK_EQ(f.room.left, ROOM);
    CHECK_EQ(read(&f, STR("test.Inner"), apart), OK);
    CHECK_STR(get(&f, STR("inners"))->records, "\x1a\x00\x1a\x02\x08\x01");
    CHECK_EQ(f.room.left, ROOM - 6);
    CHECK_EQ(read(&f, STR("test.Inner"), twice), OK);
    CHECK_STR(get(&f, STR("inner"))->last.bytes, "\x08\x01\x22\x01x");
    CHECK_EQ(f.room.left, ROOM - 6 - 5);
    f.room.left = 4;
    CHECK_EQ(read(&f, STR("test.Inner"), twice), ERR_LIMIT);
    CHECK_EQ(f.room.left, 4);
    kinds_end(&f.kinds);
}

TEST(message_fields_of_a_oneof_keeps_the_member_given_last)
{
    struct fixture f;

    begin(&f);
    CHECK_EQ(read(&f, STR("test.OneOf"), STR("\x1a\x02\x08\x01\x08\x07\x1a\x03\x22\x01x")), OK);
    CHECK(!get(&f, STR("number")));
    CHECK_STR(get(&f, STR("inner"))->last.bytes, "\x22\x01x");
    CHECK_EQ(read(&f, STR("test.OneOf"), STR("\x1a\x02\x08\x01\x08\x07")), OK);
    CHECK(!get(&f, STR("inner")));
    CHECK_EQ(get(&f, STR("number"))->last.value, 7);
    // What was before the other member is no part of what is merged.
    CHECK_EQ(read(&f, STR("test.OneOf"),
                  STR("\x1a\x02\x08\x01\x08\x07\x1a\x02\x08\x02\x1a\x03\x22\x01x")),
             OK);
    CHECK_STR(get(&f, STR("inner"))->last.bytes, "\x08\x02\x22\x01x");
    kinds_end(&f.kinds);
}

TEST(message_fields_takes_no_field_of_another_form_or_value)
{
    struct fixture f;

    begin(&f);
    CHECK_EQ(read(&f, STR("test.Inner"), STR("\x0a\x01\x01\x20\x05\x10\x01\x13\x14")), OK);
    CHECK_EQ(message_fields_next(&f.fields, 0), 4);
    CHECK_EQ(read(&f, STR("test.old.Old"), STR("\x18\x09\x3a\x00\x20\x09")), OK);
    CHECK_EQ(message_fields_next(&f.fields, 0), f.fields.message->field_count);
    CHECK_EQ(read(&f, STR("test.Scalars"), STR("\x1a\x01\x01")), OK); // packed, not repeated
    CHECK(!get(&f, STR("an_int32")));
    kinds_end(&f.kinds);
}

TEST(message_fields_element_reads_packed_values_and_others)
{
    struct message_fields_elements e;
    struct protobuf_field value;
    struct fixture f;
    uint64_t sum = 0;

    begin(&f);
    CHECK_EQ(read(&f, STR("test.old.Old"), STR("\x20\x01\x22\x03\x02\x09\x01\x22\x00\x20\x02")),
             OK);
    const struct descriptor_field *many = descriptor_field_by_name(f.fields.message, STR("many"));
    message_fields_elements_init(&e, many, get(&f, STR("many"))->records);
    while (message_fields_element(&e, &value) == OK) {
        sum = sum * 10 + value.value;
    }
    CHECK_EQ(sum, 1212); // 9 is none of the enum's
    CHECK_EQ(message_fields_element(&e, &value), ERR_EOF);
    message_fields_elements_init(&e, many, STR("\x22\x02\x01\x80"));
    CHECK_EQ(message_fields_element(&e, &value), OK);
    CHECK_EQ(message_fields_element(&e, &value), ERR_SYNTAX);
    kinds_end(&f.kinds);
}

// Fields beyond the first word of bits, in messages that need less room and more room in turn.
TEST(message_fields_finds_each_of_many_fields)
{
    struct fixture f;
    struct protobuf_writer w;
    struct buf bytes;

    begin(&f);
    buf_init(&bytes, 4096);
    for (uint32_t i = 1; i <= 70; i++) {
        buf_clear(&bytes);
        protobuf_write_init(&w, &bytes);
        protobuf_write_varint(&w, 3 * i, i);
        protobuf_write_varint(&w, 3 * i + 1, i); // between the numbers that are known
        CHECK_EQ(w.error, OK);
        CHECK_EQ(read(&f, STR("test.Wide"), buf_view(&bytes)), OK);
        CHECK_EQ(message_fields_next(&f.fields, 0), i - 1);
        CHECK_EQ(message_fields_next(&f.fields, (i - 1) / 2), i - 1);
        CHECK_EQ(message_fields_next(&f.fields, i), 70);
        CHECK_EQ(f.fields.slots[i - 1].last.value, i);
        CHECK_EQ(read(&f, STR("test.Inner"), STR("\x08\x01")), OK);
    }
    buf_done(&bytes);
    kinds_end(&f.kinds);
}
