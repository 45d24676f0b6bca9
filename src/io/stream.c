#include "io/stream.h"

#include <arpa/inet.h>
#include <stdio.h>

size_t stream_address_text(const struct address *a, char *out)
{
    char host[INET6_ADDRSTRLEN] = "?";

    (void)inet_ntop(a->is_v6 ? AF_INET6 : AF_INET, a->bytes, host, sizeof(host)); // room is enough
    int len = snprintf(out, ADDRESS_TEXT_MAX, a->is_v6 ? "[%s]:%u" : "%s:%u", host, a->port);
    return len < 0 ? 0 : (size_t)len;
}
