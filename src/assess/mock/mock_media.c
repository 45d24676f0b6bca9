#include "assess/mock/mock_media.h"

#include "assess/mock/mock_digest.h"
#include "base/buf.h"

enum { NAME_SHOWN_MAX = 200, TEXT_MAX = 128 * 1024 };

// A hundred lines of bounded length fit into the text, so nobody looks for a failure.
static void describe_one(const struct mock_media *m, struct arena *arena, struct buf *out)
{
    str shown = str_sub(m->is_base64 ? m->type : m->content, 0, NAME_SHOWN_MAX);
    str bytes = STR("");

    (void)buf_append_format(out, "\n%s %" STR_FMT, m->is_document ? "document" : "image",
                            STR_ARG(shown));
    if (!m->is_base64) return;
    if (mock_digest_decode(m->content, arena, &bytes)) {
        (void)buf_append(out, STR(" of broken base64"));
        return;
    }
    (void)buf_append_format(out, " %zu bytes sha256 %" STR_FMT, bytes.len,
                            STR_ARG(mock_digest_hex(bytes, arena)));
}

str mock_media_describe(const struct mock_request *req, struct arena *arena)
{
    struct buf text;
    size_t documents = 0;

    for (size_t i = 0; i < req->media_count; i++) {
        documents += req->media[i].is_document;
    }
    buf_init(&text, TEXT_MAX);
    (void)buf_append_format(&text, "images: %zu, documents: %zu", req->media_count - documents,
                            documents);
    for (size_t i = 0; i < req->media_count; i++) {
        describe_one(&req->media[i], arena, &text);
    }
    str out = arena_str(arena, buf_view(&text));
    buf_done(&text);
    return out;
}
