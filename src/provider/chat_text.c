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

// The opening quote goes through the writer, which minds the comma; the rest stands behind it.
void chat_text_open(struct json_writer *w)
{
    json_write_raw(w, STR("\""));
}

void chat_text_add(struct json_writer *w, struct gather *g, struct chat_text piece)
{
    if (w->error) return;
    w->error =
        piece.is_json ? gather_insert(g, piece.bytes) : json_write_escaped(&g->text, piece.bytes);
}

void chat_text_close(struct json_writer *w)
{
    if (!w->error) w->error = buf_append_char(w->out, '"');
}

void chat_text_write(struct json_writer *w, struct gather *g, struct chat_text t)
{
    chat_text_open(w);
    chat_text_add(w, g, t);
    chat_text_close(w);
}

err chat_text_append(struct buf *out, struct chat_text t)
{
    if (!t.is_json) return json_write_quoted(out, t.bytes);
    TRY(buf_append_char(out, '"'));
    TRY(buf_append(out, t.bytes));
    return buf_append_char(out, '"');
}

void chat_text_write_member(struct json_writer *w, struct gather *g, str key, struct chat_text t)
{
    if (!chat_text_is_given(t)) return;
    json_write_key(w, key);
    chat_text_write(w, g, t);
}
