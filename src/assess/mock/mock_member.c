#include "assess/mock/mock_member.h"

#include <assert.h>
#include <string.h>

enum { ID_BYTES_MAX = 64 };

void mock_member_str(struct json_writer *w, str key, str value)
{
    json_write_key(w, key);
    json_write_str(w, value);
}

void mock_member_u64(struct json_writer *w, str key, uint64_t value)
{
    json_write_key(w, key);
    json_write_u64(w, value);
}

void mock_member_bool(struct json_writer *w, str key, bool value)
{
    json_write_key(w, key);
    json_write_bool(w, value);
}

void mock_member_null(struct json_writer *w, str key)
{
    json_write_key(w, key);
    json_write_null(w);
}

void mock_member_str_or_null(struct json_writer *w, str key, str value)
{
    if (value.len) {
        mock_member_str(w, key, value);
    } else {
        mock_member_null(w, key);
    }
}

void mock_member_object(struct json_writer *w, str key)
{
    json_write_key(w, key);
    json_write_object(w);
}

void mock_member_array(struct json_writer *w, str key)
{
    json_write_key(w, key);
    json_write_array(w);
}

void mock_member_id_nth(struct json_writer *w, str key, str prefix, const struct mock_say *s,
                        size_t nth)
{
    char id[ID_BYTES_MAX];
    size_t len = prefix.len + s->digits.len;

    assert(len + 2 <= sizeof(id) && nth < 100);
    memcpy(id, prefix.ptr, prefix.len);
    memcpy(id + prefix.len, s->digits.ptr, s->digits.len);
    if (nth) {
        id[len++] = (char)('0' + nth / 10);
        id[len++] = (char)('0' + nth % 10);
    }
    mock_member_str(w, key, (str){.ptr = id, .len = len});
}

void mock_member_id(struct json_writer *w, str key, str prefix, const struct mock_say *s)
{
    mock_member_id_nth(w, key, prefix, s, 0);
}

void mock_member_words(struct json_writer *w, str key, const struct mock_words *words)
{
    struct buf text;

    json_write_key(w, key);
    if (!words->made_up && words->limit == UINT64_MAX) {
        json_write_str(w, words->text);
        return;
    }
    buf_init(&text, w->out->max);
    err e = mock_say_all(words, &text);
    if (!e) json_write_str(w, buf_view(&text));
    if (e && !w->error) w->error = e;
    buf_done(&text);
}
