// What must hold of base64 for any text: what one kind takes, the lenient one takes for the same
// bytes, and a text that is strictly good is what its bytes are written as.
#include "base/memory.h"
#include "codec/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static void check_text(str text, char *room, char *other)
{
    size_t strict_len = 0;
    size_t url_len = 0;
    size_t len = 0;
    struct buf out;
    err strict = base64_decode(text, BASE64_STRICT, room, &strict_len);

    buf_init(&out, text.len + 4);
    err lenient = base64_decode(text, BASE64_LENIENT, other, &len);
    check(lenient == OK || strict != OK);
    if (strict == OK) {
        check(len == strict_len && str_eq((str){room, len}, (str){other, len}));
        check(base64_encode(&out, (str){room, len}) == OK);
        check(str_eq(buf_view(&out), text));
    }
    if (base64_decode(text, BASE64_URL, room, &url_len) == OK)
        check(lenient == OK && url_len == len && str_eq((str){room, len}, (str){other, len}));
    if (lenient == OK) check(len <= base64_decoded_max(text.len));
    buf_done(&out);
}

static void check_bytes(str bytes, char *room)
{
    size_t len = 0;
    struct buf out;

    buf_init(&out, base64_encoded_len(bytes.len));
    check(base64_encode(&out, bytes) == OK);
    check(buf_len(&out) == base64_encoded_len(bytes.len));
    check(base64_decode(buf_view(&out), BASE64_STRICT, room, &len) == OK);
    check(str_eq((str){room, len}, bytes));
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {.ptr = (const char *)bytes, .len = len};
    char *room = memory_alloc_raw(len + 4);
    char *other = memory_alloc_raw(len + 4);

    if (len == 0) text = STR("");
    check_text(text, room, other);
    check_bytes(text, room);
    memory_free(other);
    memory_free(room);
    return 0;
}
