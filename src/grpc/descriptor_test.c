#include "grpc/descriptor.h"

#include "codec/protobuf_write.h"
#include "grpc/own_descriptors.h"

#include "support/golden.h"
#include "support/test.h"

enum { SET_MAX = 1 << 20 };

// The set of tests/protobuf, read.
struct fixture {
    struct buf set;
    struct arena arena;
    struct diag diag;
    const struct descriptor_pool *pool;
};

static void begin(struct fixture *f)
{
    buf_init(&f->set, SET_MAX);
    arena_init(&f->arena, 4096);
    diag_init(&f->diag);
    golden_read("tests/protobuf/descriptors.bin", &f->set);
    CHECK_EQ(descriptor_read(buf_view(&f->set), &f->arena, &f->diag, &f->pool), OK);
    CHECK_EQ(f->diag.count, 0);
}

static void end(struct fixture *f)
{
    buf_done(&f->set);
    arena_reset(&f->arena);
    diag_done(&f->diag);
}

static const struct descriptor_field *field(const struct fixture *f, str message, str name)
{
    const struct descriptor_message *m = descriptor_find_message(f->pool, message);

    CHECK(m);
    const struct descriptor_field *found = descriptor_field_by_name(m, name);
    CHECK(found && found->owner == m && &m->fields[found->index] == found);
    return found;
}

TEST(descriptor_read_tells_what_fields_do)
{
    struct fixture f;
    const struct descriptor_field *a;

    begin(&f);
    a = field(&f, STR("test.Scalars"), STR("anInt32"));
    CHECK_STR(a->name, "an_int32");
    CHECK(a->number == 3 && a->type == DESCRIPTOR_INT32 && !a->has_presence && !a->is_repeated);
    CHECK(field(&f, STR("test.Scalars"), STR("other-name"))->number == 18);
    CHECK(field(&f, STR("test.Scalars"), STR("renamed"))->number == 18);
    a = field(&f, STR("test.Scalars"), STR("color"));
    CHECK(a->enumeration == descriptor_find_enum(f.pool, STR("test.Color")));
    a = field(&f, STR("test.Present"), STR("number"));
    CHECK(a->has_presence && !a->oneof && a->owner->oneofs[0].is_synthetic);
    a = field(&f, STR("test.OneOf"), STR("text"));
    CHECK(a->has_presence && a->oneof);
    CHECK_STR(a->oneof->name, "choice");
    CHECK(!field(&f, STR("test.OneOf"), STR("other"))->oneof);
    CHECK(field(&f, STR("test.Repeated"), STR("doubles"))->is_packed);
    CHECK(!field(&f, STR("test.Repeated"), STR("loose"))->is_packed);
    CHECK(!field(&f, STR("test.Repeated"), STR("strings"))->is_packed);
    a = field(&f, STR("test.Maps"), STR("inners"));
    CHECK(a->is_map && a->is_repeated && !a->has_presence && a->message->is_map_entry);
    CHECK(a->message->by_number[0]->type == DESCRIPTOR_INT64);
    CHECK(field(&f, STR("test.All"), STR("maps"))->has_presence);
    CHECK(descriptor_find_enum(f.pool, STR("test.All.Nested.Kind"))->is_open);
    end(&f);
}

TEST(descriptor_read_tells_what_fields_of_proto2_do)
{
    struct fixture f;
    str old = STR("test.old.Old");

    begin(&f);
    CHECK(field(&f, old, STR("id"))->is_required && field(&f, old, STR("id"))->has_presence);
    CHECK(descriptor_find_message(f.pool, old)->has_required);
    CHECK(!descriptor_find_message(f.pool, STR("test.old.Old.Group"))->has_required);
    CHECK(field(&f, old, STR("text"))->has_presence && !field(&f, old, STR("text"))->is_required);
    CHECK(!field(&f, old, STR("loose"))->is_packed && field(&f, old, STR("tight"))->is_packed);
    CHECK(field(&f, old, STR("group"))->type == DESCRIPTOR_GROUP);
    CHECK(!descriptor_find_enum(f.pool, STR("test.old.Closed"))->is_open);
    end(&f);
}

TEST(descriptor_read_tells_methods_and_their_http_rules)
{
    struct fixture f;
    const struct descriptor_method *m;

    begin(&f);
    m = descriptor_find_method(f.pool, STR("/test.Library/Read"));
    CHECK(m && !m->is_client_streaming && !m->is_server_streaming);
    CHECK(m->input == descriptor_find_message(f.pool, STR("test.Inner")));
    CHECK(m->output == descriptor_find_message(f.pool, STR("test.All")));
    CHECK_EQ(m->rule_count, 3);
    CHECK_STR(m->rules[0].verb, "GET");
    CHECK_STR(m->rules[0].path, "/v1/{text=shelves/*}/inners/{id}");
    CHECK_STR(m->rules[0].body, "");
    CHECK_STR(m->rules[0].response_body, "scalars");
    CHECK_STR(m->rules[1].verb, "POST");
    CHECK_STR(m->rules[1].body, "*");
    CHECK_STR(m->rules[2].verb, "SEARCH");
    CHECK_STR(m->rules[2].path, "/v1/inners");
    CHECK_STR(m->rules[2].body, "inner");
    m = descriptor_find_method(f.pool, STR("/test.Library/Write"));
    CHECK(m->is_client_streaming && !m->is_server_streaming && m->rule_count == 0);
    m = descriptor_find_method(f.pool, STR("/test.Library/Talk"));
    CHECK(m->is_client_streaming && m->is_server_streaming);
    CHECK_STR(descriptor_find_method(f.pool, STR("/test.Library/Replace"))->rules[0].verb, "PUT");
    CHECK_STR(descriptor_find_method(f.pool, STR("/test.Library/Change"))->rules[0].verb, "PATCH");
    CHECK_STR(descriptor_find_method(f.pool, STR("/test.Library/Remove"))->rules[0].verb, "DELETE");
    CHECK(!descriptor_find_method(f.pool, STR("/test.Library/read")));
    CHECK(!descriptor_find_method(f.pool, STR("test.Library/Read")));
    CHECK(!descriptor_find_method(f.pool, STR("/test.Inner/Read")));
    CHECK(!descriptor_find_method(f.pool, STR("/Read")));
    CHECK(!descriptor_find_method(f.pool, STR("")));
    end(&f);
}

TEST(descriptor_find_symbol_file_knows_all_that_is_declared)
{
    static const struct {
        str symbol;
        str file; // empty where nobody declares it
    } rows[] = {
        {STR_INIT("test.Inner"), STR_INIT("kinds.proto")},
        {STR_INIT("test.Inner.text"), STR_INIT("kinds.proto")},
        {STR_INIT("test.OneOf.choice"), STR_INIT("kinds.proto")},
        {STR_INIT("test.All.Nested"), STR_INIT("kinds.proto")},
        {STR_INIT("test.All.Nested.KIND_KNOWN"), STR_INIT("kinds.proto")},
        {STR_INIT("test.COLOR_RED"), STR_INIT("kinds.proto")},
        {STR_INIT("test.Library"), STR_INIT("kinds.proto")},
        {STR_INIT("test.Library.Read"), STR_INIT("kinds.proto")},
        {STR_INIT("test.old.extra"), STR_INIT("old.proto")},
        {STR_INIT("test.old.Scope.scope"), STR_INIT("old.proto")},
        {STR_INIT("google.protobuf.Timestamp"), STR_INIT("google/protobuf/timestamp.proto")},
        {STR_INIT("test"), STR_INIT("")},
        {STR_INIT("test.inner"), STR_INIT("")},
        {STR_INIT("test.Inner.nothing"), STR_INIT("")},
        {STR_INIT("test.Color.COLOR_RED"), STR_INIT("")},
        {STR_INIT("test.Library.read"), STR_INIT("")},
        {STR_INIT("."), STR_INIT("")},
        {STR_INIT(""), STR_INIT("")},
    };
    struct fixture f;

    begin(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct descriptor_file *file = descriptor_find_symbol_file(f.pool, rows[i].symbol);
        CHECK_SAME(file ? file->name : STR(""), rows[i].file);
    }
    end(&f);
}

TEST(descriptor_find_file_keeps_bytes_and_imports)
{
    struct fixture f;

    begin(&f);
    const struct descriptor_file *file = descriptor_find_file(f.pool, STR("kinds.proto"));
    CHECK(file && file->import_count == 9);
    CHECK_STR(file->package, "test");
    CHECK_STR(file->imports[8]->name, "old.proto");
    CHECK(str_find(file->bytes, STR("an_sfixed64")) < file->bytes.len);
    CHECK(!descriptor_find_file(f.pool, STR("kinds")));
    size_t extra = 0;
    while (!str_eq(f.pool->extensions[extra].name, STR("test.old.extra"))) {
        extra++;
    }
    CHECK_STR(f.pool->extensions[extra].extendee, "test.old.Old");
    CHECK_EQ(f.pool->extensions[extra].number, 100);
    end(&f);
}

TEST(descriptor_field_by_number_finds_each_and_no_other)
{
    struct fixture f;

    begin(&f);
    for (size_t i = 0; i < f.pool->message_count; i++) {
        const struct descriptor_message *m = &f.pool->messages[i];
        for (size_t k = 0; k < m->field_count; k++) {
            const struct descriptor_field *a = &m->fields[k];
            CHECK(descriptor_field_by_number(m, a->number) == a);
            CHECK(descriptor_field_by_name(m, a->json_name) == a);
            CHECK(descriptor_field_by_name(m, a->name) == a);
        }
        CHECK(!descriptor_field_by_number(m, 0));
        CHECK(!descriptor_field_by_number(m, 400000000));
        CHECK(!descriptor_field_by_name(m, STR("")));
    }
    end(&f);
}

TEST(descriptor_values_are_found_by_name_and_number)
{
    struct fixture f;

    begin(&f);
    const struct descriptor_enum *color = descriptor_find_enum(f.pool, STR("test.Color"));
    CHECK_STR(descriptor_value_by_number(color, -3)->name, "COLOR_MINUS");
    CHECK_STR(descriptor_value_by_number(color, 2)->name, "COLOR_BLUE");
    CHECK(!descriptor_value_by_number(color, 3) && !descriptor_value_by_number(color, -4));
    CHECK_EQ(descriptor_value_by_name(color, STR("COLOR_RED"))->number, 1);
    CHECK(!descriptor_value_by_name(color, STR("COLOR")));
    const struct descriptor_enum *alias = descriptor_find_enum(f.pool, STR("test.Alias"));
    CHECK_STR(descriptor_value_by_number(alias, 1)->name, "ALIAS_FIRST");
    CHECK_EQ(descriptor_value_by_name(alias, STR("ALIAS_SECOND"))->number, 1);
    end(&f);
}

TEST(descriptor_read_reads_our_own)
{
    const struct descriptor_pool *pool = NULL;
    struct arena arena;
    struct diag d;

    arena_init(&arena, 4096);
    diag_init(&d);
    CHECK_EQ(descriptor_read(own_descriptors(), &arena, &d, &pool), OK);
    const struct descriptor_method *m = descriptor_find_method(pool, STR("/sluice.v1.Chat/Stream"));
    CHECK(m && m->is_server_streaming && m->rule_count == 1);
    CHECK_STR(m->rules[0].path, "/sluice/v1/chat:stream");
    CHECK(descriptor_find_service(pool, STR("sluice.v1.Embeddings")));
    CHECK(descriptor_find_service(pool, STR("grpc.health.v1.Health")));
    CHECK(descriptor_find_service(pool, STR("grpc.reflection.v1.ServerReflection")));
    diag_done(&d);
    arena_reset(&arena);
}
