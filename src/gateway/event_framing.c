#include "gateway/event_framing.h"

#include "codec/grpc_frame.h"

// A compressed message is none that was asked for.
static err find_frame(str bytes, size_t *len)
{
    const unsigned char *b = (const unsigned char *)bytes.ptr;

    if (bytes.len && b[0]) return ERR_SYNTAX;
    if (bytes.len < GRPC_FRAME_PREFIX_BYTES) {
        *len = bytes.len;
        return ERR_AGAIN;
    }
    *len = GRPC_FRAME_PREFIX_BYTES +
           ((size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4]);
    return bytes.len < *len ? ERR_AGAIN : OK;
}

err event_framing_find(enum event_framing framing, str bytes, size_t *scanned, size_t *len)
{
    if (framing == EVENT_FRAMING_GRPC) return find_frame(bytes, len);
    if (!sse_find_event(bytes, scanned, len)) return OK;
    *len = bytes.len;
    return ERR_AGAIN;
}

err event_framing_parse(enum event_framing framing, str event, struct buf *join,
                        struct sse_event *out)
{
    if (framing == EVENT_FRAMING_SSE) return sse_parse_event(event, join, out);
    if (event.len < GRPC_FRAME_PREFIX_BYTES) return ERR_SYNTAX;
    *out = (struct sse_event){.data = str_sub(event, GRPC_FRAME_PREFIX_BYTES, event.len),
                              .has_data = true};
    return OK;
}
