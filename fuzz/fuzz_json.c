// What must hold of JSON for any bytes: the two ways through a text agree, values are slices,
// decoded strings are UTF-8, the rows of the scanner and the string checker agree, and strings
// written from anything read back as their sanitized selves.
#include "../tests/support/json_walk.h"
#include "base/buf.h"
#include "codec/json.h"
#include "codec/json_scan.h"
#include "codec/json_string.h"
#include "codec/json_write.h"
#include "codec/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

static void check_rows(str text)
{
    const char *end = text.ptr + text.len;

    for (size_t from = 0; from < text.len && from < 80; from++) {
        struct json_string_end plain = json_string_pass_plain(text.ptr + from, end);
        struct json_string_end usual = json_string_pass(text.ptr + from, end);
        must(plain.at == usual.at && plain.is_valid == usual.is_valid);
        must(json_scan(text.ptr + from, end) == json_scan_plain(text.ptr + from, end));
    }
}

static void check_verdicts(str text)
{
    size_t checked_at = 0;
    size_t walked_at = 0;
    err checked = json_check(text, &checked_at);
    err walked = json_walk(text, &walked_at);

    must(checked == walked && checked_at == walked_at && checked_at <= text.len);
    must(checked == OK || checked == ERR_SYNTAX || checked == ERR_LIMIT);
    if (checked == OK) must(utf8_is_valid(text));
}

// Each string of the text, as it is decoded; and numbers, which must not trip anything.
static void check_values(str text)
{
    struct json_reader r;
    struct json_value v;
    struct arena arena;
    uint64_t number;
    str key;

    arena_init(&arena, 4096);
    json_reader_init(&r, text);
    if (json_enter(&r) == OK && r.in_object[0] & 1) {
        while (json_member(&r, &key) == OK) {
            str name = json_decode(key, &arena);
            must(utf8_is_valid(name) && name.len <= key.len && json_string_is(key, name));
            if (json_value(&r, &v)) break;
            must(v.text.ptr > key.ptr && v.text.ptr + v.text.len <= text.ptr + text.len);
            must(json_check(v.text, NULL) == OK);
            if (v.kind == JSON_STRING) must(utf8_is_valid(json_decode(json_raw(v), &arena)));
            if (json_to_u64(v, 1000, &number) == OK) must(v.kind == JSON_NUMBER && number <= 1000);
        }
    }
    arena_reset(&arena);
}

// `s` with U+FFFD for what is no UTF-8.
static void sanitize(struct buf *out, str s)
{
    while (s.len) {
        size_t len = utf8_sequence(s);
        size_t taken = len ? len : utf8_bad_sequence(s);
        must(buf_append(out, len ? str_sub(s, 0, len) : STR(UTF8_REPLACEMENT)) == OK);
        s = str_sub(s, taken, s.len);
    }
}

static void check_written(str text)
{
    struct buf quoted;
    struct buf want;
    struct arena arena;

    arena_init(&arena, 4096);
    buf_init(&quoted, text.len * 6 + 2);
    buf_init(&want, text.len * 3 + 1);
    sanitize(&want, text);
    must(json_write_quoted(&quoted, text) == OK);
    must(json_check(buf_view(&quoted), NULL) == OK);
    str raw = json_raw((struct json_value){.kind = JSON_STRING, .text = buf_view(&quoted)});
    must(str_eq(json_decode(raw, &arena), buf_view(&want)));
    must(json_string_is(raw, buf_view(&want)));
    buf_done(&want);
    buf_done(&quoted);
    arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {.ptr = (const char *)bytes, .len = len};

    if (len == 0) text = STR("");
    check_rows(text);
    check_verdicts(text);
    check_values(text);
    check_written(text);
    return 0;
}
