#include "io/socket.h"

#include "support/test.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

static void check_address(str text, const char *shown)
{
    struct address a;
    char out[ADDRESS_TEXT_MAX];

    CHECK_EQ(socket_parse_address(text, &a), OK);
    CHECK_SAME(((str){out, stream_address_text(&a, out)}), str_from_c(shown));
    struct sockaddr_storage kernel;
    struct address back;
    CHECK(socket_to_kernel(&a, &kernel) > 0);
    socket_from_kernel(&kernel, &back);
    CHECK_EQ(memcmp(&a, &back, sizeof(a)), 0);
}

TEST(socket_reads_addresses)
{
    check_address(STR("127.0.0.1:80"), "127.0.0.1:80");
    check_address(STR("[::1]:65535"), "[::1]:65535");
    check_address(STR(":8080"), "0.0.0.0:8080");
    check_address(STR("localhost:1"), "127.0.0.1:1");
    check_address(STR("[2001:db8::1]:0"), "[2001:db8::1]:0");
}

TEST(socket_refuses_what_is_no_address)
{
    static const str bad[] = {
        STR_INIT(""),           STR_INIT("80"),          STR_INIT("127.0.0.1"),
        STR_INIT("127.0.0.1:"), STR_INIT("127.0.0.1:x"), STR_INIT("127.0.0.1:65536"),
        STR_INIT("1.2.3:80"),   STR_INIT("example:80"),  STR_INIT("::1:80"),
        STR_INIT("[::1]"),      STR_INIT("[::1:80"),     STR_INIT("[127.0.0.1]:80"),
        STR_INIT("[]:80"),      STR_INIT("1.2.3.4 :80"), STR_INIT("127.0.0.1:-1"),
    };
    struct address a = {.port = 7};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (socket_parse_address(bad[i], &a) != ERR_SYNTAX)
            test_fail(__FILE__, __LINE__, "%" STR_FMT, STR_ARG(bad[i]));
        CHECK_EQ(a.port, 7);
    }
}

TEST(socket_tells_that_a_port_is_taken_unless_it_is_shared)
{
    struct address a;
    int fds[3];

    CHECK_EQ(socket_parse_address(STR("127.0.0.1:0"), &a), OK);
    CHECK_EQ(socket_listen(&a, true, &fds[0]), OK);
    CHECK_EQ(socket_local_address(fds[0], &a), OK);
    CHECK(a.port > 0);
    CHECK_EQ(socket_listen(&a, true, &fds[1]), OK);
    CHECK_EQ(socket_listen(&a, false, &fds[2]), ERR_IN_USE);
    close(fds[0]);
    close(fds[1]);
}

TEST(socket_tells_that_nobody_listens)
{
    struct address a;
    int taken = -1;
    int fd = -1;

    // Bound and closed again: a port that nobody has for the moment.
    CHECK_EQ(socket_parse_address(STR("127.0.0.1:0"), &a), OK);
    CHECK_EQ(socket_listen(&a, false, &taken), OK);
    CHECK_EQ(socket_local_address(taken, &a), OK);
    close(taken);
    err e = socket_connect(&a, &fd);
    if (!e) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        CHECK_EQ(poll(&p, 1, 5000), 1);
        e = socket_connect_result(fd);
        close(fd);
    }
    CHECK_EQ(e, ERR_REFUSED);
}
