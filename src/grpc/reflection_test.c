#include "grpc/reflection.h"

#include "codec/protobuf_write.h"

#include "support/schemas.h"
#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

// The name of a FileDescriptorProto, which is its field 1.
static str name_of_file(str bytes)
{
    struct protobuf_reader r;
    struct protobuf_field f;

    protobuf_reader_init(&r, bytes);
    CHECK_EQ(protobuf_next(&r, &f), OK);
    CHECK_EQ(f.number, 1);
    return f.bytes;
}

// The text, number or name in one field of what the oneof holds.
static void tell_inner(uint32_t kind, const struct protobuf_field *f, struct buf *told)
{
    struct protobuf_reader r;
    struct protobuf_field inner;
    str text = f->bytes;

    if (kind == 4) text = name_of_file(f->bytes);
    if (kind == 6) {
        protobuf_reader_init(&r, f->bytes);
        CHECK_EQ(protobuf_next(&r, &inner), OK);
        text = inner.bytes;
    }
    if (f->wire == PROTOBUF_BYTES)
        CHECK_EQ(buf_append_format(told, " %" STR_FMT, STR_ARG(text)), OK);
    else
        CHECK_EQ(buf_append_format(told, " %llu", (unsigned long long)f->value), OK);
}

// A response as "host | files NAME NAME"; the request in it is checked.
static void tell(str response, str request, struct buf *told)
{
    static const char *const kinds[] = {
        [4] = "files", [5] = "numbers", [6] = "services", [7] = "error"};
    struct protobuf_reader r;
    struct protobuf_reader inner;
    struct protobuf_field f;

    protobuf_reader_init(&r, response);
    while (protobuf_next(&r, &f) == OK) {
        struct protobuf_field g;
        CHECK_EQ(f.wire, PROTOBUF_BYTES);
        if (f.number == 1)
            CHECK_EQ(buf_append_format(told, "%" STR_FMT " | ", STR_ARG(f.bytes)), OK);
        if (f.number == 2) CHECK_SAME(f.bytes, request);
        if (f.number < 4) continue;
        CHECK(f.number <= 7);
        CHECK_EQ(buf_append(told, str_from_c(kinds[f.number])), OK);
        protobuf_reader_init(&inner, f.bytes);
        while (protobuf_next(&inner, &g) == OK) {
            tell_inner(f.number, &g, told);
        }
    }
}

struct row {
    str host;
    uint32_t question;
    str text;
    uint32_t number; // of an extension
    str want;
};

#define CHAT_FILES                                                                                 \
    " sluice/v1/chat.proto google/api/annotations.proto sluice/v1/usage.proto "                    \
    "google/api/http.proto google/protobuf/descriptor.proto"

static const struct row rows[] = {
    {S("h"), 3, S("google/api/http.proto"), 0, S("h | files google/api/http.proto")},
    {S(""), 3, S("google/api/annotations.proto"), 0,
     S("files google/api/annotations.proto google/api/http.proto "
       "google/protobuf/descriptor.proto")},
    {S(""), 3, S("sluice/v1/chat.proto"), 0, S("files" CHAT_FILES)},
    {S(""), 4, S("sluice.v1.Chat"), 0, S("files" CHAT_FILES)},
    {S(""), 4, S("sluice.v1.Chat.Complete"), 0, S("files" CHAT_FILES)},
    {S(""), 4, S("test.old.Old"), 0, S("files old.proto")},
    {S(""), 4, S("test.old.Scope.scope"), 0, S("files old.proto")},
    {S(""), 5, S("test.old.Old"), 100, S("files old.proto")},
    {S(""), 5, S("test.old.Old"), 101, S("files old.proto")},
    {S(""), 6, S("test.old.Old"), 0, S("numbers test.old.Old 101 100")},
    {S(""), 6, S("test.Inner"), 0, S("numbers test.Inner")},
    {S(""), 7, S(""), 0,
     S("services grpc.health.v1.Health grpc.reflection.v1.ServerReflection sluice.v1.Chat "
       "sluice.v1.Embeddings sluice.v1.Retrieval test.Library")},
    {S(""), 7, S("anything"), 0,
     S("services grpc.health.v1.Health grpc.reflection.v1.ServerReflection sluice.v1.Chat "
       "sluice.v1.Embeddings sluice.v1.Retrieval test.Library")},

    {S("h"), 3, S("no.proto"), 0, S("h | error 5 no file has that")},
    {S(""), 3, S(""), 0, S("error 5 no file has that")},
    {S(""), 4, S("sluice.v1.No"), 0, S("error 5 no file has that")},
    {S(""), 4, S(".sluice.v1.Chat"), 0, S("error 5 no file has that")},
    {S(""), 5, S("test.old.Old"), 102, S("error 5 no file has that")},
    {S(""), 5, S("test.Inner"), 100, S("error 5 no file has that")},
    {S(""), 6, S("test.Library"), 0, S("error 5 there is no such message")},
    {S(""), 6, S(""), 0, S("error 5 there is no such message")},
    {S("h"), 0, S(""), 0, S("h | error 3 the request asks for nothing")},
    {S(""), 9, S("new"), 0, S("error 3 the request asks for nothing")},
};

static void write_request(const struct row *row, struct buf *out)
{
    struct protobuf_writer w;

    protobuf_write_init(&w, out);
    if (row->host.len) protobuf_write_bytes(&w, 1, row->host);
    if (row->question == 5) {
        size_t mark = protobuf_write_open(&w, 5);
        protobuf_write_bytes(&w, 1, row->text);
        protobuf_write_varint(&w, 2, row->number);
        protobuf_write_close(&w, mark);
    } else if (row->question) {
        protobuf_write_bytes(&w, row->question, row->text);
    }
    CHECK_EQ(w.error, OK);
}

TEST(reflection_answers_each_question)
{
    struct schemas schemas;

    schemas_init(&schemas);
    struct reflection r = {schemas.pools, 2};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf request;
        struct buf out;
        struct buf told;
        buf_init(&request, 256);
        buf_init(&out, 1 << 20);
        buf_init(&told, 4096);
        write_request(&rows[i], &request);
        CHECK_EQ(reflection_answer(&r, buf_view(&request), &schemas.arena, &out), OK);
        tell(buf_view(&out), buf_view(&request), &told);
        if (!str_eq(buf_view(&told), rows[i].want))
            test_fail(__FILE__, __LINE__, "row %zu: %" STR_FMT, i, STR_ARG(buf_view(&told)));
        buf_done(&told);
        buf_done(&out);
        buf_done(&request);
    }
    schemas_done(&schemas);
}

// What two pools have, one lists.
TEST(reflection_lists_a_service_once)
{
    struct schemas schemas;
    struct buf out;
    struct buf told;

    schemas_init(&schemas);
    buf_init(&out, 4096);
    buf_init(&told, 4096);
    const struct descriptor_pool *twice[] = {schemas.pools[1], schemas.pools[1]};
    struct reflection r = {twice, 2};
    CHECK_EQ(reflection_answer(&r, STR("\x3a\x00"), &schemas.arena, &out), OK);
    tell(buf_view(&out), STR("\x3a\x00"), &told);
    CHECK_STR(buf_view(&told), "services test.Library");
    buf_done(&told);
    buf_done(&out);
    schemas_done(&schemas);
}

// timestamp.proto comes in by two ways.
TEST(reflection_sends_a_file_once)
{
    struct schemas schemas;
    struct buf out;
    struct buf told;

    schemas_init(&schemas);
    buf_init(&out, 1 << 20);
    buf_init(&told, 4096);
    struct reflection r = {&schemas.pools[SCHEMAS_LIBRARY], 1};
    CHECK_EQ(reflection_answer(&r, STR("\x22\017library.Library"), &schemas.arena, &out), OK);
    tell(buf_view(&out), STR("\x22\017library.Library"), &told);
    CHECK_STR(buf_view(&told),
              "files library.proto google/api/annotations.proto google/api/httpbody.proto "
              "google/protobuf/duration.proto google/protobuf/field_mask.proto "
              "google/protobuf/struct.proto google/protobuf/timestamp.proto "
              "google/protobuf/wrappers.proto shelf.proto google/api/http.proto "
              "google/protobuf/descriptor.proto google/protobuf/any.proto");
    buf_done(&told);
    buf_done(&out);
    schemas_done(&schemas);
}

TEST(reflection_sends_files_as_they_were_in_the_set)
{
    struct schemas schemas;
    struct buf out;

    schemas_init(&schemas);
    buf_init(&out, 1 << 20);
    struct reflection r = {schemas.pools, 2};
    CHECK_EQ(reflection_answer(&r, STR("\x1a\x09old.proto"), &schemas.arena, &out), OK);
    const struct descriptor_file *file = descriptor_find_file(schemas.pools[1], STR("old.proto"));
    CHECK(str_ends(buf_view(&out), file->bytes));
    buf_done(&out);
    schemas_done(&schemas);
}

TEST(reflection_refuses_what_is_no_request)
{
    static const str broken[] = {S("text"), S("\x1a\x09old"), S("\x2a\x02\x0a\x05")};
    struct reflection r = {0};
    struct arena arena;
    struct buf out;

    arena_init(&arena, 1024);
    buf_init(&out, 1024);
    for (size_t i = 0; i < COUNT(broken); i++) {
        CHECK_EQ(reflection_answer(&r, broken[i], &arena, &out), ERR_SYNTAX);
        CHECK_EQ(buf_len(&out), 0);
    }
    buf_done(&out);
    arena_reset(&arena);
}

TEST(reflection_says_when_its_answer_does_not_fit)
{
    struct schemas schemas;
    struct buf out;

    schemas_init(&schemas);
    buf_init(&out, 512);
    struct reflection r = {schemas.pools, 2};
    CHECK_EQ(reflection_answer(&r, STR("\x1a\x09old.proto"), &schemas.arena, &out), ERR_LIMIT);
    buf_done(&out);
    schemas_done(&schemas);
}
