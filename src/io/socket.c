#include "io/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static err parse_host(str host, struct address *a)
{
    char text[INET6_ADDRSTRLEN];

    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        a->is_v6 = 1;
        host = str_sub(host, 1, host.len - 2);
    } else if (host.len == 0) {
        host = STR("0.0.0.0");
    } else if (str_eq_nocase(host, STR("localhost"))) {
        host = STR("127.0.0.1");
    }
    if (host.len >= sizeof(text)) return ERR_SYNTAX;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(a->is_v6 ? AF_INET6 : AF_INET, text, a->bytes) == 1 ? OK : ERR_SYNTAX;
}

err socket_parse_address(str text, struct address *out)
{
    struct address a = {0};
    uint64_t port = 0;
    size_t colon = text.len;

    while (colon > 0 && text.ptr[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0) return ERR_SYNTAX;
    if (!str_to_u64(str_sub(text, colon, text.len), 65535, &port)) return ERR_SYNTAX;
    TRY(parse_host(str_sub(text, 0, colon - 1), &a));
    a.port = (uint16_t)port;
    *out = a;
    return OK;
}

socklen_t socket_to_kernel(const struct address *a, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (a->is_v6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(a->port);
        memcpy(&in6->sin6_addr, a->bytes, 16);
        return sizeof(*in6);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    in->sin_family = AF_INET;
    in->sin_port = htons(a->port);
    memcpy(&in->sin_addr, a->bytes, 4);
    return sizeof(*in);
}

void socket_from_kernel(const struct sockaddr_storage *from, struct address *out)
{
    *out = (struct address){0};
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        out->is_v6 = 1;
        out->port = ntohs(in6->sin6_port);
        memcpy(out->bytes, &in6->sin6_addr, 16);
    } else if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        out->port = ntohs(in->sin_port);
        memcpy(out->bytes, &in->sin_addr, 4);
    }
}

static err tcp_socket(const struct address *a, int *out_fd)
{
    int fd = socket(a->is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0) return err_from_errno(errno);
    // Accepted sockets inherit it, so it costs no call a connection.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); // a wish, not a need
    *out_fd = fd;
    return OK;
}

static err close_with(int fd, int number)
{
    close(fd);
    return err_from_errno(number);
}

err socket_listen(const struct address *a, bool is_shared, int *out_fd)
{
    struct sockaddr_storage kernel;
    socklen_t len = socket_to_kernel(a, &kernel);
    int one = 1;
    int fd = -1;

    TRY(tcp_socket(a, &fd));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0) ||
        bind(fd, (struct sockaddr *)&kernel, len) < 0 || listen(fd, BACKLOG) < 0)
        return close_with(fd, errno);
    *out_fd = fd;
    return OK;
}

err socket_connect(const struct address *to, int *out_fd)
{
    struct sockaddr_storage kernel;
    socklen_t len = socket_to_kernel(to, &kernel);
    int fd = -1;

    TRY(tcp_socket(to, &fd));
    if (connect(fd, (struct sockaddr *)&kernel, len) < 0 && errno != EINPROGRESS)
        return close_with(fd, errno);
    *out_fd = fd;
    return OK;
}

bool socket_is_connected(int fd)
{
    struct sockaddr_storage kernel;
    socklen_t len = sizeof(kernel);

    return getpeername(fd, (struct sockaddr *)&kernel, &len) == 0;
}

err socket_connect_result(int fd)
{
    int number = 0;
    socklen_t len = sizeof(number);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) < 0) return err_from_errno(errno);
    return err_from_errno(number);
}

err socket_local_address(int fd, struct address *out)
{
    struct sockaddr_storage kernel = {0};
    socklen_t len = sizeof(kernel);

    if (getsockname(fd, (struct sockaddr *)&kernel, &len) < 0) return err_from_errno(errno);
    socket_from_kernel(&kernel, out);
    return OK;
}
