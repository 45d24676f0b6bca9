#include "io/stream.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <string.h>

// By hand: an access log writes one a request, and inet_ntop() is slow at it.
static size_t v4_text(const uint8_t *bytes, char *out)
{
    size_t len = 0;

    for (int i = 0; i < 4; i++) {
        if (i) out[len++] = '.';
        len += number_from_u64(out + len, bytes[i]);
    }
    return len;
}

static size_t v6_text(const uint8_t *bytes, char *out)
{
    char host[INET6_ADDRSTRLEN] = "?";

    (void)inet_ntop(AF_INET6, bytes, host, sizeof(host)); // the room is enough
    size_t len = strlen(host);
    out[0] = '[';
    memcpy(out + 1, host, len);
    out[len + 1] = ']';
    return len + 2;
}

size_t stream_address_text(const struct address *a, char *out)
{
    size_t len = a->is_v6 ? v6_text(a->bytes, out) : v4_text(a->bytes, out);

    out[len++] = ':';
    return len + number_from_u64(out + len, a->port);
}
