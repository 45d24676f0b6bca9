#include "gateway/transcript.h"

#include "codec/json.h"

void transcript_init(struct transcript *t, size_t text_bytes_max)
{
    *t = (struct transcript){0};
    buf_init(&t->text, text_bytes_max);
}

void transcript_done(struct transcript *t)
{
    buf_done(&t->text);
}

void transcript_clear(struct transcript *t)
{
    buf_clear(&t->text);
    t->tokens = 0;
    t->has_other = t->has_finish = t->is_ended = false;
}

void transcript_spoil(struct transcript *t)
{
    t->has_other = true;
    buf_done(&t->text);
}

void transcript_note(struct transcript *t, const struct answer_delta *d, bool has_blocks,
                     struct arena *arena)
{
    if (!t->is_kept || t->has_other) return;
    t->has_finish |= d->is_finish;
    t->is_ended |= has_blocks && d->ends_text;
    t->has_other = d->has_other || (has_blocks && d->begins_block);
    if (d->content.len) {
        // Mostly there is nothing to decode, and nothing comes from the arena.
        str text = d->is_plain ? d->content : json_decode(d->content, arena);
        t->has_other |= buf_append(&t->text, text) != OK;
        t->tokens++;
    }
    if (t->has_other) buf_done(&t->text);
}

bool transcript_can_stand(const struct transcript *t)
{
    return t->is_kept && !t->has_other && !t->has_finish && buf_len(&t->text) > 0;
}

size_t transcript_match(const struct transcript *t, size_t at, str next)
{
    str rest = str_sub(buf_view(&t->text), at, next.len);
    size_t same = 0;

    while (same < rest.len && rest.ptr[same] == next.ptr[same]) {
        same++;
    }
    return same;
}
