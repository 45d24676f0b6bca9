#include "codec/grpc_frame.h"

void grpc_frame_reader_init(struct grpc_frame_reader *r, struct buf *gather)
{
    *r = (struct grpc_frame_reader){.gather = gather};
}

bool grpc_frame_is_between(const struct grpc_frame_reader *r)
{
    return r->prefix_bytes == 0;
}

static size_t message_bytes(const struct grpc_frame_reader *r)
{
    const unsigned char *p = (const unsigned char *)r->prefix;

    return (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
}

static str take(str *piece, size_t most)
{
    str taken = str_sub(*piece, 0, most);

    *piece = str_sub(*piece, taken.len, piece->len);
    return taken;
}

// Any other first byte than 0 and 1 is refused before more is asked for: it is no gRPC.
static err read_prefix(struct grpc_frame_reader *r, str *piece)
{
    str part = take(piece, GRPC_FRAME_PREFIX_BYTES - r->prefix_bytes);

    if (part.len) memcpy(r->prefix + r->prefix_bytes, part.ptr, part.len);
    r->prefix_bytes = (uint8_t)(r->prefix_bytes + part.len);
    if (r->prefix_bytes && (unsigned char)r->prefix[0] > 1) return ERR_SYNTAX;
    if (r->prefix_bytes < GRPC_FRAME_PREFIX_BYTES) return ERR_AGAIN;
    return message_bytes(r) > r->gather->max ? ERR_LIMIT : OK;
}

err grpc_frame_next(struct grpc_frame_reader *r, str *piece, struct grpc_frame *out)
{
    str message = {0};

    if (r->gather_is_spent) buf_clear(r->gather);
    r->gather_is_spent = false;
    TRY(read_prefix(r, piece));
    size_t missing = message_bytes(r) - buf_len(r->gather);
    if (piece->len < missing) {
        TRY(buf_append(r->gather, take(piece, missing)));
        return ERR_AGAIN;
    }
    message = take(piece, missing);
    if (buf_len(r->gather)) {
        TRY(buf_append(r->gather, message));
        message = buf_view(r->gather);
        r->gather_is_spent = true;
    }
    *out = (struct grpc_frame){.message = message, .is_compressed = r->prefix[0] == 1};
    r->prefix_bytes = 0;
    return OK;
}

err grpc_frame_write_prefix(char out[GRPC_FRAME_PREFIX_BYTES], size_t bytes, bool is_compressed)
{
    if (bytes > UINT32_MAX) return ERR_LIMIT;
    out[0] = is_compressed ? 1 : 0;
    for (int i = 1; i < GRPC_FRAME_PREFIX_BYTES; i++) {
        out[i] = (char)(unsigned char)(bytes >> (8 * (GRPC_FRAME_PREFIX_BYTES - 1 - i)));
    }
    return OK;
}

err grpc_frame_append(struct buf *out, str message, bool is_compressed)
{
    char prefix[GRPC_FRAME_PREFIX_BYTES];
    char *room = NULL;

    TRY(grpc_frame_write_prefix(prefix, message.len, is_compressed));
    if (message.len > SIZE_MAX - sizeof(prefix)) return ERR_LIMIT;
    TRY(buf_reserve(out, sizeof(prefix) + message.len, &room));
    memcpy(room, prefix, sizeof(prefix));
    if (message.len) memcpy(room + sizeof(prefix), message.ptr, message.len);
    buf_grew(out, sizeof(prefix) + message.len);
    return OK;
}
