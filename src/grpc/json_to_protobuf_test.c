#include "grpc/json_to_protobuf.h"

#include "support/kinds.h"

#include <string.h>

enum { OUT_MAX = 1 << 20 };

#define S(text) STR_INIT(text)

struct fixture {
    struct kinds kinds;
    struct buf out;
    struct message_fault why;
    struct json_to_protobuf_options options;
};

static void begin(struct fixture *f)
{
    kinds_begin(&f->kinds);
    buf_init(&f->out, OUT_MAX);
    f->options = (struct json_to_protobuf_options){.pool = f->kinds.pool, .arena = &f->kinds.arena};
}

static void end(struct fixture *f)
{
    buf_done(&f->out);
    kinds_end(&f->kinds);
}

static err convert(struct fixture *f, str message, str json)
{
    buf_clear(&f->out);
    return json_to_protobuf(&f->options, kinds_message(&f->kinds, message), json, &f->out, &f->why);
}

// Fails with what the converter says.
static void check_converts(struct fixture *f, str message, str json, str want)
{
    err e = convert(f, message, json);

    if (e)
        test_fail(__FILE__, __LINE__, "%" STR_FMT " is refused: %" STR_FMT, STR_ARG(json),
                  STR_ARG(message_fault_text(&f->why, &f->kinds.arena)));
    if (!str_eq(buf_view(&f->out), want))
        test_fail(__FILE__, __LINE__, "%" STR_FMT " has other bytes than it should", STR_ARG(json));
}

static void check_refused(struct fixture *f, str message, str json, str why)
{
    if (convert(f, message, json) == OK)
        test_fail(__FILE__, __LINE__, "%" STR_FMT " is not refused", STR_ARG(json));
    str text = message_fault_text(&f->why, &f->kinds.arena);
    if (!str_eq(text, why))
        test_fail(__FILE__, __LINE__, "%" STR_FMT " is refused with \"%" STR_FMT "\"",
                  STR_ARG(json), STR_ARG(text));
}

TEST(json_to_protobuf_makes_the_bytes_that_protoc_makes)
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
        check_converts(&f, kinds_samples[i].message, buf_view(&json), buf_view(&bytes));
    }
    buf_done(&json);
    buf_done(&bytes);
    end(&f);
}

struct row {
    str message;
    str json;
    str want; // the bytes, or why it is refused
};

#define SCALARS S("test.Scalars")
#define REPEATED S("test.Repeated")
#define KNOWN S("test.WellKnown")
#define MAPS S("test.Maps")
#define ONE_OF S("test.OneOf")
#define INNER S("test.Inner")
#define MINUS_ONE "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"

// What the mapping allows besides the way that it writes itself.
static const struct row accepted[] = {
    {SCALARS, S(" {\r\n\t} "), S("")},
    {SCALARS, S("{\"an_int32\":1}"), S("\x18\x01")},
    {SCALARS, S("{\"an\\u0049nt32\":1}"), S("\x18\x01")},
    {SCALARS, S("{\"anInt32\":\"1\"}"), S("\x18\x01")},
    {SCALARS, S("{\"anInt32\":1.0}"), S("\x18\x01")},
    {SCALARS, S("{\"anInt32\":1e2}"), S("\x18\x64")},
    {SCALARS, S("{\"anInt32\":\"1e2\"}"), S("\x18\x64")},
    {SCALARS, S("{\"anInt32\":-0}"), S("")},
    {SCALARS, S("{\"anInt32\":null,\"aString\":null,\"color\":null}"), S("")},
    {SCALARS, S("{\"anInt32\":0,\"aString\":\"\",\"aBool\":false,\"aDouble\":0}"), S("")},
    {SCALARS, S("{\"aDouble\":-0}"), S("\x09\0\0\0\0\0\0\0\x80")},
    {SCALARS, S("{\"anInt64\":5}"), S("\x20\x05")},
    {SCALARS, S("{\"aUint64\":18446744073709551615}"), S("\x30" MINUS_ONE)},
    {SCALARS, S("{\"aSint32\":-2147483648}"), S("\x38\xff\xff\xff\xff\x0f")},
    {SCALARS, S("{\"aDouble\":\"1.5\"}"), S("\x09\0\0\0\0\0\0\xf8\x3f")},
    {SCALARS, S("{\"aDouble\":\"NaN\"}"), S("\x09\0\0\0\0\0\0\xf8\x7f")},
    {SCALARS, S("{\"aDouble\":\"-Infinity\"}"), S("\x09\0\0\0\0\0\0\xf0\xff")},
    {SCALARS, S("{\"aDouble\":1e-400}"), S("")},
    {SCALARS,
     S("{\"aDouble\":0.00000000000000000000000000000000000"
       "0000000000000000000000000000000000015e71}"),
     S("\x09\0\0\0\0\0\0\xf8\x3f")},
    {SCALARS, S("{\"aDouble\":0.00000000000000000000000000000000000000000000000000000000015e58}"),
     S("\x09\0\0\0\0\0\0\xf8\x3f")},
    {SCALARS, S("{\"aFloat\":\"Infinity\"}"), S("\x15\0\0\x80\x7f")},
    {SCALARS, S("{\"aFloat\":1.00000017881393432617187499}"), S("\x15\x01\0\x80\x3f")},
    {SCALARS, S("{\"someBytes\":\"-_8\"}"), S("\x7a\x02\xfb\xff")},
    {SCALARS, S("{\"someBytes\":\"+/8=\"}"), S("\x7a\x02\xfb\xff")},
    {SCALARS, S("{\"color\":1}"), S("\x80\x01\x01")},
    {SCALARS, S("{\"color\":-3}"), S("\x80\x01\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
    {SCALARS, S("{\"color\":99}"), S("\x80\x01\x63")},
    {SCALARS, S("{\"aString\":\"\\ud83d\\ude00\\u0000\"}"), S("\x72\x05\xf0\x9f\x98\x80\0")},
    {REPEATED, S("{\"int32s\":[],\"strings\":[],\"inners\":null}"), S("")},
    {REPEATED, S("{\"int32s\":[\"1\",2.0]}"), S("\x1a\x02\x01\x02")},
    {ONE_OF, S("{\"number\":null,\"text\":\"t\",\"inner\":null}"), S("\x12\x01t")},
    {ONE_OF, S("{\"number\":1,\"lastOfSecond\":1}"), S("\x08\x01\x48\x01")},
    {ONE_OF, S("{\"nothing\":\"NULL_VALUE\"}"), S("\x20\x00")},
    {MAPS, S("{\"texts\":null,\"colors\":{}}"), S("")},
    {MAPS, S("{\"colors\":{\"1e0\":2}}"), S("\x12\x04\x08\x01\x10\x02")},
    {KNOWN, S("{\"nullValue\":null}"), S("")},
    {KNOWN, S("{\"any\":{},\"struct\":{},\"list\":[]}"), S("\x0a\0\x2a\0\x3a\0")},
    {KNOWN, S("{\"value\":null}"), S("\x32\x02\x08\0")},
    {KNOWN, S("{\"boolValue\":null,\"timestamp\":null}"), S("")},
    {KNOWN, S("{\"int64Value\":5}"), S("\x5a\x02\x08\x05")},
    {KNOWN, S("{\"mask\":\"\"}"), S("\x22\0")},
    {KNOWN, S("{\"any\":{\"id\":1,\"@type\":\"t/test.Inner\"}}"),
     S("\x0a\x12\x0a\x0ct/test.Inner\x12\x02\x08\x01")},
    {KNOWN, S("{\"any\":{\"@type\":\"t/google.protobuf.Empty\",\"value\":{}}}"),
     S("\x0a\x19\x0a\x17t/google.protobuf.Empty")},
};

TEST(json_to_protobuf_accepts_what_the_mapping_allows)
{
    struct fixture f;

    begin(&f);
    for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
        check_converts(&f, accepted[i].message, accepted[i].json, accepted[i].want);
    }
    end(&f);
}

static const struct row refused[] = {
    {SCALARS, S(""), S("no JSON at byte 0")},
    {SCALARS, S("null"), S("expected an object")},
    {SCALARS, S("[]"), S("expected an object")},
    {SCALARS, S("{} {}"), S("no JSON at byte 3")},
    {SCALARS, S("{\"anInt32\":1"), S("no JSON at byte 12")},
    {SCALARS, S("{\"anInt32\":01}"), S("no JSON at byte 12")},
    {SCALARS, S("{'anInt32':1}"), S("no JSON at byte 1")},
    {SCALARS, S("{\"nothing\":1}"), S("nothing: no such member")},
    {SCALARS, S("{\"ANINT32\":1}"), S("ANINT32: no such member")},
    {SCALARS, S("{\"anInt32\":1,\"anInt32\":1}"), S("anInt32: given twice")},
    {SCALARS, S("{\"anInt32\":1,\"an_int32\":null}"), S("an_int32: given twice")},
    {SCALARS, S("{\"anInt32\":2147483648}"), S("anInt32: the number is out of range")},
    {SCALARS, S("{\"anInt32\":-2147483649}"), S("anInt32: the number is out of range")},
    {SCALARS, S("{\"aUint32\":-1}"), S("aUint32: the number is out of range")},
    {SCALARS, S("{\"aUint32\":4294967296}"), S("aUint32: the number is out of range")},
    {SCALARS, S("{\"anInt64\":\"9223372036854775808\"}"), S("anInt64: the number is out of range")},
    {SCALARS, S("{\"anInt32\":0.5}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"anInt32\":\" 1\"}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"anInt32\":\"1 \"}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"anInt32\":\"\"}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"anInt32\":\"0x1\"}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"anInt32\":\"+1\"}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"anInt32\":true}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"anInt32\":[1]}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"anInt32\":\"NaN\"}"), S("anInt32: expected a whole number")},
    {SCALARS, S("{\"aDouble\":NaN}"), S("aDouble: no JSON at byte 11")},
    {SCALARS, S("{\"aDouble\":\"nan\"}"), S("aDouble: expected a number")},
    {SCALARS, S("{\"aDouble\":\"inf\"}"), S("aDouble: expected a number")},
    {SCALARS, S("{\"aDouble\":1.8e308}"), S("aDouble: the number is out of range")},
    {SCALARS, S("{\"aFloat\":3.5e38}"), S("aFloat: the number is out of range")},
    {SCALARS, S("{\"aFloat\":{}}"), S("aFloat: expected a number")},
    {SCALARS, S("{\"aBool\":\"true\"}"), S("aBool: expected true or false")},
    {SCALARS, S("{\"aBool\":1}"), S("aBool: expected true or false")},
    {SCALARS, S("{\"aString\":1}"), S("aString: expected a string")},
    {SCALARS, S("{\"aString\":\"\\ud83d\"}"), S("aString: expected a string")},
    {SCALARS, S("{\"aString\":\"\\ud83dx\"}"), S("aString: expected a string")},
    {SCALARS, S("{\"aString\":\"\\ude00\\ud83d\"}"), S("aString: expected a string")},
    {SCALARS, S("{\"aString\":\"\xff\"}"), S("aString: no JSON at byte 12")},
    {SCALARS, S("{\"someBytes\":\"a\"}"), S("someBytes: expected base64 in a string")},
    {SCALARS, S("{\"someBytes\":\"a$==\"}"), S("someBytes: expected base64 in a string")},
    {SCALARS, S("{\"color\":\"RED\"}"), S("color: not a value of test.Color")},
    {SCALARS, S("{\"color\":\"1\"}"), S("color: not a value of test.Color")},
    {SCALARS, S("{\"color\":true}"), S("color: expected a name or number of an enum")},
    {SCALARS, S("{\"color\":2147483648}"), S("color: the number is out of range")},
    {REPEATED, S("{\"int32s\":1}"), S("int32s: expected an array")},
    {REPEATED, S("{\"int32s\":{}}"), S("int32s: expected an array")},
    {REPEATED, S("{\"int32s\":[1,null]}"), S("int32s[1]: null is no element")},
    {REPEATED, S("{\"int32s\":[1,\"x\"]}"), S("int32s[1]: expected a whole number")},
    {REPEATED, S("{\"int32s\":[1,]}"), S("int32s[1]: no JSON at byte 13")},
    {REPEATED, S("{\"inners\":[null]}"), S("inners[0]: null is no element")},
    {REPEATED, S("{\"inners\":[{},{\"inners\":[{\"inner\":{\"id\":\"\"}}]}]}"),
     S("inners[1].inners[0].inner.id: expected a whole number")},
    {ONE_OF, S("{\"number\":1,\"text\":\"\"}"), S("text: another member of choice is given")},
    {ONE_OF, S("{\"firstOfSecond\":1,\"lastOfSecond\":1}"),
     S("lastOfSecond: another member of second is given")},
    {ONE_OF, S("{\"nothing\":null,\"text\":\"\"}"), S("text: another member of choice is given")},
    {MAPS, S("{\"texts\":[]}"), S("texts: expected an object")},
    {MAPS, S("{\"texts\":{\"a\":null}}"), S("texts[\"a\"]: null is no value of a map")},
    {MAPS, S("{\"texts\":{\"a\":\"\",\"b\":\"\",\"\\u0061\":\"\"}}"),
     S("texts: a key is given twice")},
    {MAPS, S("{\"texts\":{\"\\ud800\":\"\"}}"), S("texts[\"\\ud800\"]: the key is not a string")},
    {MAPS, S("{\"colors\":{\"1\":0,\"1.0\":0}}"), S("colors: a key is given twice")},
    {MAPS, S("{\"colors\":{\"x\":0}}"), S("colors[\"x\"]: the key is not a whole number")},
    {MAPS, S("{\"colors\":{\"2147483648\":0}}"),
     S("colors[\"2147483648\"]: the key is not a whole number")},
    {MAPS, S("{\"colors\":{\"1\":\"x\"}}"), S("colors[\"1\"]: not a value of test.Color")},
    {MAPS, S("{\"bools\":{\"True\":0}}"), S("bools[\"True\"]: the key is not true or false")},
    {MAPS, S("{\"inners\":{\"1\":{\"id\":{}}}}"), S("inners[\"1\"].id: expected a whole number")},
    {KNOWN, S("{\"timestamp\":\"x\"}"),
     S("timestamp: expected the text of a google.protobuf.Timestamp")},
    {KNOWN, S("{\"timestamp\":1}"),
     S("timestamp: expected the text of a google.protobuf.Timestamp")},
    {KNOWN, S("{\"timestamp\":\"0001-01-01T00:00:00+01:00\"}"),
     S("timestamp: the time is out of range")},
    {KNOWN, S("{\"duration\":\"1\"}"),
     S("duration: expected the text of a google.protobuf.Duration")},
    {KNOWN, S("{\"duration\":\"999999999999s\"}"), S("duration: the time is out of range")},
    {KNOWN, S("{\"mask\":\"a_b\"}"), S("mask: expected the text of a google.protobuf.FieldMask")},
    {KNOWN, S("{\"mask\":\"a,,b\"}"), S("mask: expected the text of a google.protobuf.FieldMask")},
    {KNOWN, S("{\"mask\":\"a,\"}"), S("mask: expected the text of a google.protobuf.FieldMask")},
    {KNOWN, S("{\"struct\":[]}"), S("struct: expected an object")},
    {KNOWN, S("{\"struct\":{\"a\":1,\"a\":1}}"), S("struct: a key is given twice")},
    {KNOWN, S("{\"list\":{}}"), S("list: expected an array")},
    {KNOWN, S("{\"empty\":{\"a\":1}}"), S("empty.a: no such member")},
    {KNOWN, S("{\"int32Value\":\"x\"}"), S("int32Value: expected a whole number")},
    {KNOWN, S("{\"int32Value\":{\"value\":1}}"), S("int32Value: expected a whole number")},
    {KNOWN, S("{\"value\":{\"a\":1e999}}"), S("value[\"a\"]: the number is out of range")},
    {KNOWN, S("{\"any\":1}"), S("any: expected an object")},
    {KNOWN, S("{\"any\":{\"id\":1}}"), S("any: @type is missing")},
    {KNOWN, S("{\"any\":{\"@type\":1}}"), S("any: expected a URL in @type")},
    {KNOWN, S("{\"any\":{\"@type\":\"\"}}"), S("any: expected a URL in @type")},
    {KNOWN, S("{\"any\":{\"@type\":\"test.Inner\"}}"), S("any: no descriptor of \"test.Inner\"")},
    {KNOWN, S("{\"any\":{\"@type\":\"t/x\"}}"), S("any: no descriptor of \"t/x\"")},
    {KNOWN, S("{\"any\":{\"@type\":\"t/test.Inner\",\"x\":1}}"), S("any.x: no such member")},
    {KNOWN, S("{\"any\":{\"@type\":\"t/test.Inner\",\"id\":1,\"id\":1}}"),
     S("any.id: given twice")},
    {KNOWN, S("{\"any\":{\"@type\":\"t/test.Inner\",\"@type\":\"t/test.Inner\"}}"),
     S("any: @type is given twice")},
    {KNOWN, S("{\"any\":{\"@type\":\"t/google.protobuf.Duration\"}}"), S("any: value is missing")},
    {KNOWN, S("{\"any\":{\"@type\":\"t/google.protobuf.Duration\",\"value\":\"1\"}}"),
     S("any.value: expected the text of a google.protobuf.Duration")},
    {KNOWN,
     S("{\"any\":{\"@type\":\"t/google.protobuf.Duration\",\"value\":\"1s\",\"value\":\"1s\"}}"),
     S("any: value is given twice")},
    {KNOWN, S("{\"any\":{\"id\":1,}}"), S("any: no JSON at byte 15")},
    {S("test.old.Old"), S("{}"), S("id: required")},
    {S("test.old.Old"), S("{\"id\":null}"), S("id: required")},
    {S("test.old.Scope"), S("{}"), S("old: required")},
    {S("test.old.Scope"), S("{\"old\":{}}"), S("old.id: required")},
    {S("test.old.Old"), S("{\"id\":1,\"closed\":3}"), S("closed: not a value of test.old.Closed")},
    {S("test.old.Old"), S("{\"id\":1,\"group\":[]}"), S("group: expected an object")},
};

TEST(json_to_protobuf_refuses_the_rest_and_says_where)
{
    struct fixture f;

    begin(&f);
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        check_refused(&f, refused[i].message, refused[i].json, refused[i].want);
    }
    end(&f);
}

TEST(json_to_protobuf_ignores_what_is_unknown_if_told_so)
{
    static const struct row rows[] = {
        {SCALARS, S("{\"x\":{\"y\":[1,{}]},\"anInt32\":1,\"z\":null}"), S("\x18\x01")},
        {SCALARS, S("{\"color\":\"COLOR_GREEN\"}"), S("")},
        {REPEATED, S("{\"colors\":[\"COLOR_GREEN\",1]}"), S("\x52\x01\x01")},
        {MAPS, S("{\"colors\":{\"1\":\"COLOR_GREEN\",\"2\":1}}"), S("\x12\x04\x08\x02\x10\x01")},
        {KNOWN, S("{\"any\":{\"@type\":\"t/test.Inner\",\"x\":1,\"id\":1}}"),
         S("\x0a\x12\x0a\x0ct/test.Inner\x12\x02\x08\x01")},
    };
    struct fixture f;

    begin(&f);
    f.options.ignores_unknown = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        check_converts(&f, rows[i].message, rows[i].json, rows[i].want);
    }
    check_refused(&f, STR("test.Scalars"), STR("{\"x\":}"), STR("no JSON at byte 5"));
    end(&f);
}

TEST(json_to_protobuf_sees_each_of_many_fields_twice)
{
    struct fixture f;
    str m = STR("test.Wide");

    begin(&f);
    check_converts(&f, m, STR("{\"f1\":1,\"f64\":2,\"f65\":3,\"f70\":4}"),
                   STR("\x18\x01\x80\x0c\x02\x98\x0c\x03\x90\x0d\x04"));
    check_refused(&f, m, STR("{\"f64\":1,\"f65\":1,\"f1\":1,\"f65\":1}"), STR("f65: given twice"));
    end(&f);
}

// `depth` messages in each other, of which each opens with one text and closes with another.
static err nest(struct fixture *f, str message, size_t depth, str open, str close)
{
    struct buf json;

    buf_init(&json, OUT_MAX);
    CHECK_EQ(buf_append(&json, STR("{")), OK);
    for (size_t i = 1; i < depth; i++) {
        CHECK_EQ(buf_append(&json, open), OK);
    }
    for (size_t i = 1; i < depth; i++) {
        CHECK_EQ(buf_append(&json, close), OK);
    }
    CHECK_EQ(buf_append(&json, STR("}")), OK);
    err e = convert(f, message, buf_view(&json));
    buf_done(&json);
    return e;
}

TEST(json_to_protobuf_bounds_messages_in_each_other)
{
    struct fixture f;

    begin(&f);
    CHECK_EQ(nest(&f, STR("test.Inner"), JSON_TO_PROTOBUF_DEPTH_MAX, STR("\"inner\":{"), STR("}")),
             OK);
    CHECK_EQ(
        nest(&f, STR("test.Inner"), JSON_TO_PROTOBUF_DEPTH_MAX + 1, STR("\"inner\":{"), STR("}")),
        ERR_LIMIT);
    CHECK(str_ends(message_fault_text(&f.why, &f.kinds.arena), STR(".inner: nested too deep")));
    CHECK_EQ(nest(&f, STR("google.protobuf.Struct"), JSON_TO_PROTOBUF_DEPTH_MAX / 2, STR("\"a\":{"),
                  STR("}")),
             OK);
    CHECK_EQ(nest(&f, STR("google.protobuf.Struct"), JSON_TO_PROTOBUF_DEPTH_MAX / 2 + 1,
                  STR("\"a\":{"), STR("}")),
             ERR_LIMIT);
    CHECK_EQ(nest(&f, STR("google.protobuf.Struct"), 1000, STR("\"a\":{"), STR("}")), ERR_LIMIT);
    end(&f);
}

TEST(json_to_protobuf_fills_no_more_than_the_buf_takes)
{
    struct fixture f;
    struct buf small;

    begin(&f);
    buf_init(&small, 6);
    const struct descriptor_message *m = kinds_message(&f.kinds, STR("test.Inner"));
    CHECK_EQ(json_to_protobuf(&f.options, m, STR("{\"text\":\"abcd\"}"), &small, &f.why), OK);
    buf_clear(&small);
    CHECK_EQ(json_to_protobuf(&f.options, m, STR("{\"text\":\"abcde\"}"), &small, &f.why),
             ERR_LIMIT);
    CHECK_SAME(message_fault_text(&f.why, &f.kinds.arena), STR("more than 6 bytes as a message"));
    buf_done(&small);
    end(&f);
}

// Many keys, of which the last is the first again, and many levels of fields already seen.
TEST(json_to_protobuf_finds_a_key_among_thousands)
{
    struct fixture f;
    struct buf json;

    begin(&f);
    buf_init(&json, OUT_MAX);
    CHECK_EQ(buf_append(&json, STR("{\"texts\":{\"k0\":\"\"")), OK);
    for (int i = 1; i < 5000; i++) {
        CHECK_EQ(buf_append_format(&json, ",\"k%d\":\"\"", i), OK);
    }
    size_t unique = buf_len(&json);
    CHECK_EQ(buf_append(&json, STR("}}")), OK);
    CHECK_EQ(convert(&f, STR("test.Maps"), buf_view(&json)), OK);
    CHECK_EQ(buf_append(&json, STR(",\"k0\":\"\"}}")), OK);
    str twice = buf_view(&json);
    char *bytes = json.bytes;
    memmove(bytes + unique, bytes + unique + 2, twice.len - unique - 2);
    check_refused(&f, STR("test.Maps"), str_sub(twice, 0, twice.len - 2),
                  STR("texts: a key is given twice"));
    buf_done(&json);
    end(&f);
}

static err convert_field(struct fixture *f, str message, str field, str json)
{
    const struct descriptor_message *m = kinds_message(&f->kinds, message);

    buf_clear(&f->out);
    return json_to_protobuf_field(&f->options, descriptor_field_by_name(m, field), json, &f->out,
                                  &f->why);
}

TEST(json_to_protobuf_field_writes_one_field)
{
    struct fixture f;

    begin(&f);
    CHECK_EQ(convert_field(&f, STR("test.Inner"), STR("inner"), STR("{\"id\":1}")), OK);
    CHECK_STR(buf_view(&f.out), "\x12\x02\x08\x01");
    CHECK_EQ(convert_field(&f, STR("test.Inner"), STR("inners"), STR(" [{},{}] ")), OK);
    CHECK_STR(buf_view(&f.out), "\x1a\0\x1a\0");
    CHECK_EQ(convert_field(&f, STR("test.Inner"), STR("inner"), STR("null")), OK);
    CHECK_STR(buf_view(&f.out), "");
    CHECK_EQ(convert_field(&f, STR("test.Inner"), STR("inner"), STR("{} 1")), ERR_SYNTAX);
    CHECK_EQ(convert_field(&f, STR("test.Inner"), STR("inner"), STR("{\"id\":[]}")), ERR_TYPE);
    CHECK_STR(message_fault_text(&f.why, &f.kinds.arena), "inner.id: expected a whole number");
    end(&f);
}

TEST(json_to_protobuf_text_writes_what_stands_in_a_url)
{
    static const struct {
        str message;
        str field;
        str text;
        str want;
    } rows[] = {
        {SCALARS, S("an_int32"), S("5"), S("\x18\x05")},
        {SCALARS, S("an_int32"), S("0"), S("\x18\0")},
        {SCALARS, S("aString"), S("a \"b\""),
         S("\x72\x05"
           "a \"b\"")},
        {SCALARS, S("aString"), S(""), S("\x72\0")},
        {SCALARS, S("aBool"), S("true"), S("\x68\x01")},
        {SCALARS, S("color"), S("COLOR_RED"), S("\x80\x01\x01")},
        {SCALARS, S("color"), S("1"), S("\x80\x01\x01")},
        {SCALARS, S("someBytes"), S("-_8"), S("\x7a\x02\xfb\xff")},
        {REPEATED, S("int32s"), S("7"), S("\x18\x07")},
        {KNOWN, S("duration"), S("1s"), S("\x1a\x02\x08\x01")},
        {KNOWN, S("int64Value"), S("-1"), S("\x5a\x0b\x08" MINUS_ONE)},
    };
    struct fixture f;

    begin(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct descriptor_message *m = kinds_message(&f.kinds, rows[i].message);
        buf_clear(&f.out);
        CHECK_EQ(json_to_protobuf_text(&f.options, descriptor_field_by_name(m, rows[i].field),
                                       rows[i].text, &f.out, &f.why),
                 OK);
        CHECK_SAME(buf_view(&f.out), rows[i].want);
    }
    end(&f);
}

TEST(json_to_protobuf_text_refuses_what_is_no_such_value)
{
    static const struct {
        str message;
        str field;
        str text;
        str want;
    } rows[] = {
        {SCALARS, S("an_int32"), S(""), S("anInt32: expected a whole number")},
        {SCALARS, S("aBool"), S("1"), S("aBool: expected true or false")},
        {SCALARS, S("aString"), S("\xff"), S("aString: expected a string")},
        {SCALARS, S("color"), S("GREEN"), S("color: not a value of test.Color")},
        {INNER, S("inner"), S("{}"), S("inner: expected no text but a message")},
        {MAPS, S("texts"), S("{}"), S("texts: expected no text but a message")},
        {KNOWN, S("value"), S("1"), S("value: expected no text but a message")},
        {KNOWN, S("duration"), S("1"),
         S("duration: expected the text of a google.protobuf.Duration")},
        {KNOWN, S("boolValue"), S("x"), S("boolValue: expected true or false")},
    };
    struct fixture f;

    begin(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct descriptor_message *m = kinds_message(&f.kinds, rows[i].message);
        CHECK(json_to_protobuf_text(&f.options, descriptor_field_by_name(m, rows[i].field),
                                    rows[i].text, &f.out, &f.why) != OK);
        CHECK_SAME(message_fault_text(&f.why, &f.kinds.arena), rows[i].want);
    }
    end(&f);
}
