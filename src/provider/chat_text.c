#include "provider/chat_text.h"

#include "codec/json.h"

str chat_text_read(struct chat_text t, struct arena *arena)
{
    return t.is_json ? json_decode(t.bytes, arena) : t.bytes;
}

bool chat_text_is(struct chat_text t, str s)
{
    if (!chat_text_is_given(t)) return false;
    return t.is_json ? json_string_is(t.bytes, s) : str_eq(t.bytes, s);
}

// A string that is escaped already: its opening quote goes through the writer, which minds the
// comma, the rest behind it.
static void write_escaped(struct json_writer *w, struct gather *g, str raw)
{
    json_write_raw(w, STR("\""));
    if (w->error) return;
    w->error = gather_insert(g, raw);
    if (!w->error) w->error = buf_append_char(&g->text, '"');
}

void chat_text_write(struct json_writer *w, struct gather *g, struct chat_text t)
{
    if (t.is_json) {
        write_escaped(w, g, t.bytes);
    } else {
        json_write_str(w, t.bytes);
    }
}

void chat_text_write_member(struct json_writer *w, struct gather *g, str key, struct chat_text t)
{
    if (!chat_text_is_given(t)) return;
    json_write_key(w, key);
    chat_text_write(w, g, t);
}
