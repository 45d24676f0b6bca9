#include "grpc/protobuf_to_json.h"

#include "codec/json.h"
#include "codec/protobuf_write.h"

#include "support/kinds.h"

enum { OUT_MAX = 1 << 20 };

#define S(text) STR_INIT(text)

struct fixture {
    struct kinds kinds;
    struct buf out;
    struct message_fault why;
    struct protobuf_to_json_options options;
};

static void begin(struct fixture *f)
{
    kinds_begin(&f->kinds);
    buf_init(&f->out, OUT_MAX);
    f->options = (struct protobuf_to_json_options){.pool = f->kinds.pool, .arena = &f->kinds.arena};
}

static void end(struct fixture *f)
{
    buf_done(&f->out);
    kinds_end(&f->kinds);
}

static err convert(struct fixture *f, str message, str bytes)
{
    buf_clear(&f->out);
    return protobuf_to_json(&f->options, kinds_message(&f->kinds, message), bytes, &f->out,
                            &f->why);
}

static void check_converts(struct fixture *f, str message, str bytes, str want)
{
    err e = convert(f, message, bytes);

    if (e)
        test_fail(__FILE__, __LINE__, "what should be %" STR_FMT " is refused: %" STR_FMT,
                  STR_ARG(want), STR_ARG(message_fault_text(&f->why, &f->kinds.arena)));
    CHECK_SAME(buf_view(&f->out), want);
    CHECK_EQ(json_check(buf_view(&f->out), NULL), OK);
}

static void check_refused(struct fixture *f, str message, str bytes, str why)
{
    if (convert(f, message, bytes) == OK)
        test_fail(__FILE__, __LINE__, "what should be \"%" STR_FMT "\" is not refused",
                  STR_ARG(why));
    CHECK_SAME(message_fault_text(&f->why, &f->kinds.arena), why);
}

TEST(protobuf_to_json_reads_the_bytes_that_protoc_makes)
{
    struct fixture f;
    struct buf json;
    struct buf bytes;

    begin(&f);
    buf_init(&json, KINDS_FILE_MAX);
    buf_init(&bytes, KINDS_FILE_MAX);
    for (size_t i = 0; i < KINDS_SAMPLES; i++) {
        kinds_read(&f.kinds, kinds_samples[i].name, "json", &json);
        kinds_read(&f.kinds, kinds_samples[i].name, "bin", &bytes);
        check_converts(&f, kinds_samples[i].message, buf_view(&bytes),
                       str_sub(buf_view(&json), 0, buf_len(&json) - 1));
    }
    buf_done(&json);
    buf_done(&bytes);
    end(&f);
}

struct row {
    str message;
    str bytes;
    str want; // the JSON, or why it is refused
};

#define SCALARS S("test.Scalars")
#define REPEATED S("test.Repeated")
#define KNOWN S("test.WellKnown")
#define MAPS S("test.Maps")
#define ONE_OF S("test.OneOf")
#define INNER S("test.Inner")
#define OLD S("test.old.Old")

// What the wire allows besides the way that everybody writes.
static const struct row allowed[] = {
    {SCALARS, S("\x18\x01\x18\x02"), S("{\"anInt32\":2}")},
    {SCALARS, S("\x18\x01\x18\x00"), S("{}")},
    {SCALARS, S("\x70\x01"), S("{}")},                     // a string as a number: unknown
    {SCALARS, S("\xa0\x06\x01\xa3\x06\xa4\x06"), S("{}")}, // field 100, also as a group
    {SCALARS, S("\x18\xff\xff\xff\xff\x0f"), S("{\"anInt32\":-1}")},
    {SCALARS, S("\x18\x80\x80\x80\x80\xf0\xff\xff\x01"), S("{}")}, // zero in its 32 bits
    {SCALARS, S("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), S("{\"aUint32\":4294967295}")},
    {SCALARS, S("\x38\x82\x80\x80\x80\x10"), S("{\"aSint32\":1}")},
    {SCALARS, S("\x68\x02"), S("{\"aBool\":true}")},
    {SCALARS, S("\x80\x01\x63"), S("{\"color\":99}")},
    {SCALARS, S("\x15\0\0\xc0\x7f"), S("{\"aFloat\":\"NaN\"}")},
    {SCALARS, S("\x72\x04\"\\\n\x7f"), S("{\"aString\":\"\\\"\\\\\\n\x7f\"}")},
    {REPEATED, S("\x18\x01\x1a\x02\x02\x03\x18\x04"), S("{\"int32s\":[1,2,3,4]}")},
    {REPEATED, S("\x62\x02\x01\x02"), S("{\"loose\":[1,2]}")},
    {REPEATED, S("\x1a\x00"), S("{}")},
    {REPEATED,
     S("\x42\x01"
       "a\x18\x01\x42\x01"
       "b\x18\x02\x42\x01"
       "c"),
     S("{\"int32s\":[1,2],\"strings\":[\"a\",\"b\",\"c\"]}")},
    {INNER, S("\x12\x02\x08\x01\x12\x05\x22\x03txt"), S("{\"inner\":{\"id\":1,\"text\":\"txt\"}}")},
    {INNER, S("\x12\x02\x08\x01\x08\x05\x12\x02\x08\x02"), S("{\"id\":5,\"inner\":{\"id\":2}}")},
    {INNER, S("\x12\x04\x12\x02\x08\x01\x12\x05\x12\x03\x22\x01x"),
     S("{\"inner\":{\"inner\":{\"id\":1,\"text\":\"x\"}}}")},
    {ONE_OF, S("\x08\x01\x12\x01t"), S("{\"text\":\"t\"}")},
    {ONE_OF, S("\x12\x01t\x08\x01"), S("{\"number\":1}")},
    {ONE_OF, S("\x1a\x02\x08\x01\x08\x01\x1a\x03\x22\x01x"), S("{\"inner\":{\"text\":\"x\"}}")},
    {ONE_OF, S("\x1a\x02\x08\x01\x1a\x03\x22\x01x"), S("{\"inner\":{\"id\":1,\"text\":\"x\"}}")},
    {ONE_OF, S("\x28\x63"), S("{\"color\":99}")},
    {MAPS, S("\x0a\x00"), S("{\"texts\":{\"\":\"\"}}")},
    {MAPS, S("\x0a\x03\x12\x01v"), S("{\"texts\":{\"\":\"v\"}}")},
    {MAPS, S("\x0a\x06\x12\x01v\x0a\x01k"), S("{\"texts\":{\"k\":\"v\"}}")},
    {MAPS,
     S("\x0a\x06\x0a\x01"
       "a\x12\x01"
       "1\x0a\x06\x0a\x01"
       "b\x12\x01"
       "2\x0a\x06\x0a\x01"
       "a\x12\x01"
       "3"),
     S("{\"texts\":{\"b\":\"2\",\"a\":\"3\"}}")},
    {MAPS, S("\x12\x04\x08\x01\x10\x01\x12\x09\x08\x81\x80\x80\x80\x80\x02\x10\x02"),
     S("{\"colors\":{\"1\":\"COLOR_BLUE\"}}")}, // 1 again, with bits above the 32nd
    {MAPS, S("\x22\x02\x08\x02\x22\x02\x08\x01"), S("{\"bools\":{\"true\":0}}")},
    {MAPS, S("\x1a\x02\x08\x05"), S("{\"inners\":{\"5\":{}}}")},
    {MAPS, S("\x32\x02\x08\x01"), S("{\"times\":{\"-1\":\"1970-01-01T00:00:00Z\"}}")},
    {KNOWN, S("\x32\x00"), S("{\"value\":null}")},
    {KNOWN, S("\x90\x01\x05"), S("{\"nullValue\":null}")},
    {KNOWN, S("\x5a\x00"), S("{\"int64Value\":\"0\"}")},
    {KNOWN, S("\x12\x02\x08\x01\x12\x02\x10\x01"),
     S("{\"timestamp\":\"1970-01-01T00:00:01.000000001Z\"}")},
    {OLD, S("\x08\x01\x18\x09\x20\x01\x20\x09\x20\x02"),
     S("{\"id\":1,\"many\":[\"CLOSED_ONE\",\"CLOSED_TWO\"]}")},
    {OLD, S("\x08\x01\x18\x02\x18\x09"), S("{\"id\":1,\"closed\":\"CLOSED_TWO\"}")},
    {OLD, S("\x08\x01\x4a\x05\x0a\x01k\x10\x09\x4a\x05\x0a\x01l\x10\x01"),
     S("{\"id\":1,\"byName\":{\"l\":\"ZERO_SOME\"}}")},
    {OLD, S("\x08\x01\x4a\x05\x0a\x01k\x10\x09"), S("{\"id\":1}")},
    {OLD, S("\x3b\x08\x01\x3c\x08\x01\x3b\x08\x02\x3c"), S("{\"id\":1,\"group\":{\"number\":2}}")},
    {OLD, S("\x08\x01\xa0\x06\x05"), S("{\"id\":1}")}, // an extension
};

TEST(protobuf_to_json_reads_what_the_wire_allows)
{
    struct fixture f;

    begin(&f);
    for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
        check_converts(&f, allowed[i].message, allowed[i].bytes, allowed[i].want);
    }
    end(&f);
}

static const struct row refused[] = {
    {SCALARS, S("\x18"), S("these bytes are no message")},
    {SCALARS, S("\x1b"), S("these bytes are no message")},
    {SCALARS, S("\x72\x01\xff"), S("aString: the text is not UTF-8")},
    {SCALARS, S("\x72\x03\xed\xa0\x80"), S("aString: the text is not UTF-8")},
    {REPEATED, S("\x1a\x01\x80"), S("int32s: these bytes are no message")},
    {REPEATED, S("\x2a\x02\x01\x02"), S("fixed32s: these bytes are no message")},
    {REPEATED,
     S("\x42\x01"
       "a\x42\x01\xff"),
     S("strings[1]: the text is not UTF-8")},
    {INNER, S("\x1a\x00\x1a\x02\x12\x05"), S("inners[1]: these bytes are no message")},
    {MAPS, S("\x0a\x03\x0a\x01\xff"), S("texts: a key is not UTF-8")},
    {MAPS, S("\x0a\x06\x0a\x01k\x12\x01\xff"), S("texts[\"k\"]: the text is not UTF-8")},
    {MAPS, S("\x0a\x01\x0a"), S("texts: these bytes are no message")},
    {KNOWN, S("\x12\x0b\x08\xff\x91\xb8\xc3\x98\xfe\xff\xff\xff\x01"),
     S("timestamp: it holds what a google.protobuf.Timestamp may not")},
    {KNOWN, S("\x12\x06\x10\x80\x94\xeb\xdc\x03"),
     S("timestamp: it holds what a google.protobuf.Timestamp may not")},
    {KNOWN, S("\x1a\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
     S("duration: it holds what a google.protobuf.Duration may not")},
    {KNOWN,
     S("\x22\x04\x0a\x02"
       "aB"),
     S("mask: it holds what a google.protobuf.FieldMask may not")},
    {KNOWN,
     S("\x22\x05\x0a\x03"
       "a_1"),
     S("mask: it holds what a google.protobuf.FieldMask may not")},
    {KNOWN,
     S("\x22\x06\x0a\x04"
       "a__b"),
     S("mask: it holds what a google.protobuf.FieldMask may not")},
    {KNOWN,
     S("\x22\x04\x0a\x02"
       "a_"),
     S("mask: it holds what a google.protobuf.FieldMask may not")},
    {KNOWN, S("\x22\x02\x0a\x00"), S("mask: it holds what a google.protobuf.FieldMask may not")},
    {KNOWN, S("\x32\x09\x11\0\0\0\0\0\0\xf8\x7f"),
     S("value: a Value that is no finite number has no JSON")},
    {KNOWN, S("\x0a\x05\x0a\x03t/x"), S("any: no descriptor of \"t/x\"")},
    {KNOWN, S("\x0a\x03\x12\x01x"), S("any: no descriptor of \"\"")},
    {KNOWN, S("\x0a\x11\x0a\x0ct/test.Inner\x12\x01\x08"), S("any: these bytes are no message")},
    {OLD, S(""), S("id: required")},
    {OLD, S("\x08\x01\x3b\x12\x00\x3c"), S("group.old.id: required")},
};

TEST(protobuf_to_json_refuses_the_rest_and_says_where)
{
    struct fixture f;

    begin(&f);
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        check_refused(&f, refused[i].message, refused[i].bytes, refused[i].want);
    }
    end(&f);
}

TEST(protobuf_to_json_shows_defaults_and_declared_names_if_told_so)
{
    struct fixture f;

    begin(&f);
    f.options.emits_defaults = true;
    check_converts(&f, STR("test.Inner"), STR("\x12\x00"),
                   STR("{\"id\":0,\"inner\":{\"id\":0,\"inners\":[],\"text\":\"\"},\"inners\":[],"
                       "\"text\":\"\"}"));
    check_converts(&f, STR("test.Present"), STR(""), STR("{}"));
    check_converts(&f, STR("test.OneOf"), STR(""), STR("{\"other\":0}"));
    check_converts(&f, STR("test.Maps"), STR("\x0a\x00"),
                   STR("{\"texts\":{\"\":\"\"},\"colors\":{},\"inners\":{},\"bools\":{},"
                       "\"blobs\":{},\"times\":{},\"flags\":{}}"));
    check_converts(&f, STR("test.old.Old"), STR("\x08\x01"),
                   STR("{\"id\":1,\"many\":[],\"loose\":[],\"tight\":[],\"groups\":[],"
                       "\"byName\":{}}"));
    check_converts(&f, STR("test.All.Nested"), STR(""), STR("{\"kind\":\"KIND_UNKNOWN\"}"));
    f.options.emits_defaults = false;
    f.options.keeps_names = true;
    check_converts(&f, STR("test.Scalars"), STR("\x18\x01\x92\x01\x01x"),
                   STR("{\"an_int32\":1,\"renamed\":\"x\"}"));
    check_refused(&f, STR("test.Scalars"), STR("\x72\x01\xff"),
                  STR("a_string: the text is not UTF-8"));
    end(&f);
}

// Messages in each other, from the inside out.
static void nest(struct buf *out, size_t depth)
{
    struct protobuf_writer w;
    size_t marks[PROTOBUF_TO_JSON_DEPTH_MAX + 1];

    buf_clear(out);
    protobuf_write_init(&w, out);
    for (size_t i = 1; i < depth; i++) {
        marks[i] = protobuf_write_open(&w, i % 2 ? 2 : 3);
    }
    for (size_t i = depth - 1; i >= 1; i--) {
        protobuf_write_close(&w, marks[i]);
    }
    CHECK_EQ(w.error, OK);
}

TEST(protobuf_to_json_bounds_messages_in_each_other)
{
    struct fixture f;
    struct buf bytes;

    begin(&f);
    buf_init(&bytes, OUT_MAX);
    nest(&bytes, PROTOBUF_TO_JSON_DEPTH_MAX);
    CHECK_EQ(convert(&f, STR("test.Inner"), buf_view(&bytes)), OK);
    CHECK_EQ(json_check(buf_view(&f.out), NULL), OK);
    nest(&bytes, PROTOBUF_TO_JSON_DEPTH_MAX + 1);
    CHECK_EQ(convert(&f, STR("test.Inner"), buf_view(&bytes)), ERR_LIMIT);
    CHECK(str_ends(message_fault_text(&f.why, &f.kinds.arena), STR("nested too deep")));
    buf_done(&bytes);
    end(&f);
}

TEST(protobuf_to_json_fills_no_more_than_the_buf_takes)
{
    struct fixture f;
    struct buf small;

    begin(&f);
    buf_init(&small, 10);
    const struct descriptor_message *m = kinds_message(&f.kinds, STR("test.Inner"));
    CHECK_EQ(protobuf_to_json(&f.options, m, STR("\x08\x63"), &small, &f.why), OK);
    buf_clear(&small);
    CHECK_EQ(protobuf_to_json(&f.options, m, STR("\x08\xe7\x07"), &small, &f.why), OK);
    buf_clear(&small);
    CHECK_EQ(protobuf_to_json(&f.options, m, STR("\x08\x8f\x4e"), &small, &f.why), ERR_LIMIT);
    CHECK_STR(message_fault_text(&f.why, &f.kinds.arena), "more than 10 bytes as JSON");
    buf_done(&small);
    end(&f);
}

// A message that is given in two parts, of which the second is so again, as deep as it goes: each
// level would copy nearly all of it.
TEST(protobuf_to_json_bounds_what_is_copied_to_merge)
{
    struct fixture f;
    struct buf bytes;
    struct protobuf_writer w;
    size_t marks[50];

    begin(&f);
    buf_init(&bytes, OUT_MAX);
    protobuf_write_init(&w, &bytes);
    for (size_t i = 0; i < 50; i++) {
        protobuf_write_bytes(&w, 2, STR(""));
        marks[i] = protobuf_write_open(&w, 2);
    }
    for (size_t i = 0; i < 1000; i++) {
        protobuf_write_bytes(&w, 4, STR("0123456789"));
    }
    for (size_t i = 50; i > 0; i--) {
        protobuf_write_close(&w, marks[i - 1]);
    }
    CHECK_EQ(convert(&f, STR("test.Inner"), buf_view(&bytes)), ERR_LIMIT);
    CHECK(str_ends(message_fault_text(&f.why, &f.kinds.arena),
                   STR("inner: its fields are scattered beyond the limit")));
    buf_done(&bytes);
    end(&f);
}

static str only(struct fixture *f, str message, str field, str bytes)
{
    const struct descriptor_message *m = kinds_message(&f->kinds, message);

    buf_clear(&f->out);
    CHECK_EQ(protobuf_to_json_field(&f->options, descriptor_field_by_name(m, field), bytes, &f->out,
                                    &f->why),
             OK);
    return buf_view(&f->out);
}

TEST(protobuf_to_json_field_writes_one_value)
{
    struct fixture f;
    str inner = STR("test.Inner");

    begin(&f);
    CHECK_STR(only(&f, inner, STR("inner"), STR("\x08\x01\x12\x02\x08\x02")), "{\"id\":2}");
    CHECK_STR(only(&f, inner, STR("id"), STR("\x08\x01\x12\x02\x08\x02")), "1");
    CHECK_STR(only(&f, inner, STR("inners"), STR("\x1a\0\x1a\0")), "[{},{}]");
    CHECK_STR(only(&f, inner, STR("id"), STR("")), "0");
    CHECK_STR(only(&f, inner, STR("text"), STR("")), "\"\"");
    CHECK_STR(only(&f, inner, STR("inner"), STR("")), "null");
    CHECK_STR(only(&f, inner, STR("inners"), STR("")), "[]");
    CHECK_STR(only(&f, STR("test.Maps"), STR("texts"), STR("")), "{}");
    CHECK_EQ(protobuf_to_json_field(
                 &f.options, descriptor_field_by_name(kinds_message(&f.kinds, inner), STR("text")),
                 STR("\x22\x01\xff"), &f.out, &f.why),
             ERR_SYNTAX);
    CHECK_STR(message_fault_text(&f.why, &f.kinds.arena), "text: the text is not UTF-8");
    end(&f);
}
