// What is wrong with a set, and editions; descriptor_test.c has what is right with one.
#include "codec/protobuf_write.h"
#include "grpc/descriptor.h"

#include "support/test.h"

#include <string.h>

enum { SET_MAX = 1 << 20 };

#define STRING DESCRIPTOR_STRING
#define INT32 DESCRIPTOR_INT32
#define MESSAGE DESCRIPTOR_MESSAGE

// A set that is being written: one file "a.proto" of package "p", unless told otherwise.
struct maker {
    struct buf set;
    struct protobuf_writer w;
    size_t file;
};

static void begin_file(struct maker *m, str name, str syntax)
{
    m->file = protobuf_write_open(&m->w, 1);
    protobuf_write_bytes(&m->w, 1, name);
    protobuf_write_bytes(&m->w, 2, STR("p"));
    protobuf_write_bytes(&m->w, 12, syntax);
}

static void begin(struct maker *m, str syntax)
{
    buf_init(&m->set, SET_MAX);
    protobuf_write_init(&m->w, &m->set);
    begin_file(m, STR("a.proto"), syntax);
}

static void end_file(struct maker *m)
{
    protobuf_write_close(&m->w, m->file);
}

static size_t begin_message(struct maker *m, str name)
{
    size_t mark = protobuf_write_open(&m->w, 4);

    protobuf_write_bytes(&m->w, 1, name);
    return mark;
}

struct sample_field {
    str name;
    uint32_t number;
    uint32_t type;
    uint32_t label; // 1 where not said
    str type_name;
    str options;
};

static void add_field(struct maker *m, struct sample_field f)
{
    size_t mark = protobuf_write_open(&m->w, 2);

    protobuf_write_bytes(&m->w, 1, f.name);
    protobuf_write_varint(&m->w, 3, f.number);
    protobuf_write_varint(&m->w, 4, f.label ? f.label : 1);
    protobuf_write_varint(&m->w, 5, f.type);
    if (f.type_name.len) protobuf_write_bytes(&m->w, 6, f.type_name);
    if (f.options.len) protobuf_write_bytes(&m->w, 8, f.options);
    protobuf_write_close(&m->w, mark);
}

// A message of one field.
static void add_message(struct maker *m, str name, struct sample_field f)
{
    size_t mark = begin_message(m, name);

    add_field(m, f);
    protobuf_write_close(&m->w, mark);
}

// Reads what was written, checks the err and the first finding, and forgets it.
static void check_refused(struct maker *m, err want, str finding)
{
    const struct descriptor_pool *pool = NULL;
    struct arena arena;
    struct diag d;

    arena_init(&arena, 4096);
    diag_init(&d);
    CHECK_EQ(m->w.error, OK);
    CHECK_EQ(descriptor_read(buf_view(&m->set), &arena, &d, &pool), want);
    CHECK(d.count > 0 && !pool);
    CHECK_SAME(d.findings[0].message, finding);
    diag_done(&d);
    arena_reset(&arena);
    buf_done(&m->set);
}

static void check_field_refused(struct sample_field f, err want, str finding)
{
    struct maker m;

    begin(&m, STR("proto3"));
    add_message(&m, STR("M"), f);
    end_file(&m);
    check_refused(&m, want, finding);
}

TEST(descriptor_read_refuses_what_is_no_set)
{
    struct maker m;

    begin(&m, STR("proto3"));
    buf_clear(&m.set);
    check_refused(&m, ERR_SYNTAX, STR("the set: no descriptor set"));
    begin(&m, STR("proto3"));
    end_file(&m);
    protobuf_write_raw(&m.w, STR("\x0a"));
    check_refused(&m, ERR_SYNTAX, STR("the set: no descriptor set"));
    begin(&m, STR("proto3"));
    protobuf_write_bytes(&m.w, 5, STR("\x0a\x01")); // an enum
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("a.proto: p: a name declared here is no identifier"));
}

TEST(descriptor_read_tells_which_name_is_not_there)
{
    check_field_refused((struct sample_field){STR("f"), 1, MESSAGE, 1, STR(".p.N"), STR("")},
                        ERR_ABSENT, STR("a.proto: p.M: p.N is not in the set"));
    check_field_refused((struct sample_field){STR("f"), 1, MESSAGE, 1, STR("M"), STR("")},
                        ERR_ABSENT, STR("a.proto: p.M: M is not in the set"));
    check_field_refused(
        (struct sample_field){STR("f"), 1, DESCRIPTOR_ENUM, 1, STR(".p.M"), STR("")}, ERR_SYNTAX,
        STR("a.proto: p.M: a name in it is of something that is no such type"));
}

TEST(descriptor_read_tells_which_file_is_not_there)
{
    struct maker m;

    begin(&m, STR("proto3"));
    protobuf_write_bytes(&m.w, 3, STR("b.proto"));
    end_file(&m);
    check_refused(&m, ERR_ABSENT, STR("a.proto: b.proto is not in the set"));
}

TEST(descriptor_read_tells_what_is_there_twice)
{
    struct sample_field f = {STR("f"), 1, INT32, 1, STR(""), STR("")};
    struct maker m;

    begin(&m, STR("proto3"));
    end_file(&m);
    begin_file(&m, STR("a.proto"), STR("proto3"));
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("a.proto: in the set twice"));

    begin(&m, STR("proto3"));
    add_message(&m, STR("M"), f);
    end_file(&m);
    begin_file(&m, STR("b.proto"), STR("proto2"));
    protobuf_write_bytes(&m.w, 6, STR("\x0a\x01M")); // a service
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("b.proto: p.M: declared twice"));

    begin(&m, STR("proto3"));
    size_t mark = begin_message(&m, STR("M"));
    add_field(&m, f);
    f.number = 2;
    add_field(&m, f);
    protobuf_write_close(&m.w, mark);
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("a.proto: p.M: two fields have one name"));

    begin(&m, STR("proto3"));
    mark = begin_message(&m, STR("M"));
    add_field(&m, f);
    f.name = STR("g");
    add_field(&m, f);
    protobuf_write_close(&m.w, mark);
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("a.proto: p.M: two fields have one number"));
}

TEST(descriptor_read_refuses_fields_that_nobody_can_have)
{
    str number = STR("a.proto: p.M: a field has a number that none can have");
    str type = STR("a.proto: p.M: a field has a type that doesn't exist");
    str name = STR("a.proto: p.M: a name declared here is no identifier");

    check_field_refused((struct sample_field){.name = STR("f"), .number = 0, .type = INT32},
                        ERR_SYNTAX, number);
    check_field_refused((struct sample_field){.name = STR("f"), .number = 1 << 29, .type = INT32},
                        ERR_SYNTAX, number);
    check_field_refused((struct sample_field){.name = STR("f"), .number = 1, .type = 0}, ERR_SYNTAX,
                        type);
    check_field_refused((struct sample_field){.name = STR("f"), .number = 1, .type = 19},
                        ERR_SYNTAX, type);
    check_field_refused((struct sample_field){.name = STR("f"), .number = 1, .type = MESSAGE},
                        ERR_SYNTAX, type);
    check_field_refused((struct sample_field){STR("f"), 1, INT32, 1, STR(".p.M"), STR("")},
                        ERR_SYNTAX, type);
    check_field_refused((struct sample_field){.name = STR(""), .number = 1, .type = INT32},
                        ERR_SYNTAX, name);
    check_field_refused((struct sample_field){.name = STR("1f"), .number = 1, .type = INT32},
                        ERR_SYNTAX, name);
    check_field_refused((struct sample_field){.name = STR("a.f"), .number = 1, .type = INT32},
                        ERR_SYNTAX, name);
}

TEST(descriptor_read_refuses_a_oneof_that_is_not_there)
{
    struct maker m;

    begin(&m, STR("proto3"));
    size_t mark = begin_message(&m, STR("M"));
    protobuf_write_bytes(&m.w, 2,
                         STR("\x0a\x01"
                             "f\x18\x01\x28\x05\x48\x00"));
    protobuf_write_close(&m.w, mark);
    end_file(&m);
    check_refused(&m, ERR_SYNTAX,
                  STR("a.proto: p.M: a field of it is in a oneof that can't hold it"));
}

TEST(descriptor_read_refuses_maps_that_are_none)
{
    struct maker m;

    begin(&m, STR("proto3"));
    size_t mark = begin_message(&m, STR("M"));
    add_field(&m, (struct sample_field){.name = STR("key"), .number = 1, .type = DESCRIPTOR_FLOAT});
    add_field(&m, (struct sample_field){.name = STR("value"), .number = 2, .type = INT32});
    protobuf_write_bytes(&m.w, 7, STR("\x38\x01"));
    protobuf_write_close(&m.w, mark);
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("a.proto: p.M: not what an entry of a map looks like"));
}

TEST(descriptor_read_refuses_a_well_known_name_for_something_else)
{
    struct maker m;

    begin(&m, STR("proto3"));
    protobuf_write_bytes(&m.w, 2, STR("google.protobuf"));
    add_message(&m, STR("Int64Value"),
                (struct sample_field){.name = STR("value"), .number = 1, .type = STRING});
    end_file(&m);
    check_refused(&m, ERR_SYNTAX,
                  STR("a.proto: google.protobuf.Int64Value: not the message that everybody knows "
                      "by this name"));
}

TEST(descriptor_read_refuses_enums_without_a_first_value)
{
    struct maker m;

    begin(&m, STR("proto3"));
    protobuf_write_bytes(&m.w, 5,
                         STR("\x0a\x01"
                             "E"));
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("a.proto: p.E: an enum without values"));
    begin(&m, STR("proto3"));
    protobuf_write_bytes(&m.w, 5,
                         STR("\x0a\x01"
                             "E\x12\x05\x0a\x01V\x10\x01"));
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("a.proto: p.E: the first value of an open enum is not 0"));
    begin(&m, STR("proto2"));
    protobuf_write_bytes(&m.w, 5,
                         STR("\x0a\x01"
                             "E\x12\x05\x0a\x01V\x10\x01"
                             "\x12\x05\x0a\x01V\x10\x02"));
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, STR("a.proto: p.E: two values have one name"));
}

// A service S with a method F whose HttpRule is given.
static void check_rule_refused(str rule, str finding)
{
    struct maker m;

    begin(&m, STR("proto3"));
    add_message(&m, STR("M"), (struct sample_field){.name = STR("f"), .number = 1, .type = INT32});
    size_t service = protobuf_write_open(&m.w, 6);
    protobuf_write_bytes(&m.w, 1, STR("S"));
    size_t method = protobuf_write_open(&m.w, 2);
    protobuf_write_bytes(&m.w, 1, STR("F"));
    protobuf_write_bytes(&m.w, 2, STR(".p.M"));
    protobuf_write_bytes(&m.w, 3, STR(".p.M"));
    size_t options = protobuf_write_open(&m.w, 4);
    protobuf_write_bytes(&m.w, 72295728, rule);
    protobuf_write_close(&m.w, options);
    protobuf_write_close(&m.w, method);
    protobuf_write_close(&m.w, service);
    end_file(&m);
    check_refused(&m, ERR_SYNTAX, finding);
}

TEST(descriptor_read_refuses_http_rules_that_call_nothing)
{
    str none = STR("a.proto: p.S: an HTTP rule without a verb or a path");

    check_rule_refused(STR("\x3a\x01*"), none);
    check_rule_refused(STR("\x12\x01v"), none);
    check_rule_refused(STR("\x42\x04\x12\x02/v"), none);
    check_rule_refused(STR("\x12\x02/v\x5a\x08\x12\x02/w\x5a\x02\x12\x00"),
                       STR("a.proto: p.S: additional_bindings in additional_bindings"));
}

// Messages in messages, so deep.
static void nest(struct maker *m, unsigned depth)
{
    size_t marks[DESCRIPTOR_NESTING_MAX + 1];

    for (unsigned i = 0; i < depth; i++) {
        marks[i] = protobuf_write_open(&m->w, i ? 3 : 4);
        protobuf_write_bytes(&m->w, 1, STR("M"));
    }
    while (depth > 0) {
        protobuf_write_close(&m->w, marks[--depth]);
    }
    end_file(m);
}

static err read_quietly(str set, struct arena *arena, const struct descriptor_pool **out)
{
    struct diag d;

    diag_init(&d);
    err e = descriptor_read(set, arena, &d, out);
    CHECK((e == OK) == (d.count == 0));
    diag_done(&d);
    return e;
}

TEST(descriptor_read_bounds_nesting_and_names)
{
    const struct descriptor_pool *pool = NULL;
    struct arena arena;
    struct maker m;
    char name[DESCRIPTOR_NAME_MAX];

    arena_init(&arena, 4096);
    begin(&m, STR("proto3"));
    nest(&m, DESCRIPTOR_NESTING_MAX);
    CHECK_EQ(read_quietly(buf_view(&m.set), &arena, &pool), OK);
    CHECK_EQ(pool->message_count, DESCRIPTOR_NESTING_MAX);
    arena_reset(&arena);
    buf_done(&m.set);
    begin(&m, STR("proto3"));
    nest(&m, DESCRIPTOR_NESTING_MAX + 1);
    check_refused(&m, ERR_LIMIT, STR("the set: a set that is too large, or nests too deep"));
    memset(name, 'n', sizeof(name));
    begin(&m, STR("proto3"));
    add_message(&m, (str){.ptr = name, .len = sizeof(name) - 1},
                (struct sample_field){.name = STR("f"), .number = 1, .type = INT32});
    end_file(&m);
    check_refused(&m, ERR_LIMIT, STR("a.proto: p: a name declared here is too long"));
}

TEST(descriptor_read_refuses_a_syntax_that_it_does_not_know)
{
    str finding = STR("a.proto: its syntax is none of proto2, proto3, editions 2023 and 2024");
    struct maker m;

    begin(&m, STR("proto4"));
    end_file(&m);
    check_refused(&m, ERR_UNSUPPORTED, finding);
    begin(&m, STR("editions"));
    protobuf_write_varint(&m.w, 14, 1002);
    end_file(&m);
    check_refused(&m, ERR_UNSUPPORTED, finding);
}

// What features say, from the file down to the field.
TEST(descriptor_read_reduces_editions_to_what_fields_do)
{
    const struct descriptor_pool *pool = NULL;
    struct arena arena;
    struct maker m;

    arena_init(&arena, 4096);
    begin(&m, STR("editions"));
    protobuf_write_varint(&m.w, 14, 1000);
    protobuf_write_bytes(&m.w, 8, STR("\x92\x03\x02\x10\x02")); // enums are closed
    size_t mark = begin_message(&m, STR("M"));
    add_field(&m, (struct sample_field){.name = STR("a"), .number = 1, .type = INT32});
    add_field(&m,
              (struct sample_field){STR("b"), 2, INT32, 1, STR(""), STR("\xaa\x01\x02\x08\x02")});
    add_field(&m,
              (struct sample_field){STR("c"), 3, INT32, 1, STR(""), STR("\xaa\x01\x02\x08\x03")});
    add_field(&m, (struct sample_field){STR("d"), 4, INT32, 3, STR(""), STR("")});
    add_field(&m,
              (struct sample_field){STR("e"), 5, INT32, 3, STR(""), STR("\xaa\x01\x02\x18\x02")});
    add_field(&m, (struct sample_field){STR("f"), 6, MESSAGE, 1, STR(".p.M"),
                                        STR("\xaa\x01\x02\x28\x02")});
    add_field(&m, (struct sample_field){STR("g"), 7, MESSAGE, 1, STR(".p.M"), STR("")});
    protobuf_write_close(&m.w, mark);
    protobuf_write_bytes(&m.w, 5,
                         STR("\x0a\x01"
                             "E\x12\x05\x0a\x01V\x10\x01"));
    protobuf_write_bytes(&m.w, 5,
                         STR("\x0a\x01"
                             "O\x12\x05\x0a\x01V\x10\x00\x1a\x04\x3a\x02\x10\x01"));
    end_file(&m);
    CHECK_EQ(read_quietly(buf_view(&m.set), &arena, &pool), OK);
    const struct descriptor_field *f = descriptor_find_message(pool, STR("p.M"))->fields;
    CHECK(f[0].has_presence && !f[0].is_required);
    CHECK(!f[1].has_presence);
    CHECK(f[2].has_presence && f[2].is_required);
    CHECK(f[3].is_packed && !f[4].is_packed);
    CHECK(f[5].type == DESCRIPTOR_GROUP && f[6].type == DESCRIPTOR_MESSAGE);
    CHECK(!descriptor_find_enum(pool, STR("p.E"))->is_open);
    CHECK(descriptor_find_enum(pool, STR("p.O"))->is_open);
    arena_reset(&arena);
    buf_done(&m.set);
}

TEST(descriptor_read_keeps_maps_out_of_groups)
{
    const struct descriptor_pool *pool = NULL;
    struct arena arena;
    struct maker m;

    arena_init(&arena, 4096);
    begin(&m, STR("editions"));
    protobuf_write_varint(&m.w, 14, 1000);
    protobuf_write_bytes(&m.w, 8, STR("\x92\x03\x02\x28\x02")); // messages are delimited
    size_t entry = begin_message(&m, STR("Entry"));
    add_field(&m, (struct sample_field){.name = STR("key"), .number = 1, .type = STRING});
    add_field(&m, (struct sample_field){STR("value"), 2, MESSAGE, 1, STR(".p.M"), STR("")});
    protobuf_write_bytes(&m.w, 7, STR("\x38\x01"));
    protobuf_write_close(&m.w, entry);
    size_t mark = begin_message(&m, STR("M"));
    add_field(&m, (struct sample_field){STR("map"), 1, MESSAGE, 3, STR(".p.Entry"), STR("")});
    add_field(&m, (struct sample_field){STR("group"), 2, MESSAGE, 1, STR(".p.M"), STR("")});
    protobuf_write_close(&m.w, mark);
    end_file(&m);
    CHECK_EQ(read_quietly(buf_view(&m.set), &arena, &pool), OK);
    const struct descriptor_field *f = descriptor_find_message(pool, STR("p.M"))->fields;
    CHECK(f[0].is_map && f[0].type == MESSAGE && f[0].message->fields[1].type == MESSAGE);
    CHECK_EQ(f[1].type, DESCRIPTOR_GROUP);
    arena_reset(&arena);
    buf_done(&m.set);
}

// proto2 lets two fields have one JSON name; the first has it, the other its own.
TEST(descriptor_field_by_name_prefers_the_first_of_a_json_name)
{
    const struct descriptor_pool *pool = NULL;
    struct arena arena;
    struct maker m;

    arena_init(&arena, 4096);
    begin(&m, STR("proto2"));
    size_t mark = begin_message(&m, STR("M"));
    add_field(&m, (struct sample_field){.name = STR("a_b"), .number = 2, .type = INT32});
    add_field(&m, (struct sample_field){.name = STR("a__b"), .number = 1, .type = INT32});
    protobuf_write_close(&m.w, mark);
    end_file(&m);
    CHECK_EQ(read_quietly(buf_view(&m.set), &arena, &pool), OK);
    const struct descriptor_message *message = descriptor_find_message(pool, STR("p.M"));
    CHECK_STR(message->fields[1].json_name, "aB");
    CHECK_EQ(descriptor_field_by_name(message, STR("aB"))->number, 2);
    CHECK_EQ(descriptor_field_by_name(message, STR("a__b"))->number, 1);
    arena_reset(&arena);
    buf_done(&m.set);
}
