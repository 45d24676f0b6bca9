#include "assess/mock/mock.h"
#include "cli/command.h"
#include "io/signals.h"
#include "io/socket.h"

#include <stdio.h>

enum { LOG_DEFAULT = 1000 };

struct mocking {
    struct loop loop;
    struct signals signals;
    struct mock mock;
};

static void on_signal(struct signals *signals, int number)
{
    (void)number;
    loop_stop(&container_of(signals, struct mocking, signals)->loop);
}

static int run(struct mocking *m, const struct address *address, const struct mock_options *o)
{
    char text[ADDRESS_TEXT_MAX];
    err e = mock_open(&m->mock, &m->loop, address, o);

    if (e) {
        (void)stream_address_text(address, text);
        mock_close(&m->mock);
        return command_fail(COMMAND_FAILED, "can't listen: %s", err_text(e));
    }
    size_t len = stream_address_text(&m->mock.server.listener.address, text);
    printf("mock: listening on http://%.*s/v1\n", (int)len, text);
    fflush(stdout);
    loop_run(&m->loop);
    mock_close(&m->mock);
    return COMMAND_GOOD;
}

int cmd_mock(char **args)
{
    static const struct command_help help = {"mock [options]", "Runs a scripted upstream.\n"};
    static struct mocking m; // one a process, and large
    str listen = STR("127.0.0.1:8090");
    const struct option table[] = {
        {"listen", 'l', "ADDRESS", "where to listen; port 0: any (127.0.0.1:8090)", &listen, NULL},
    };
    struct mock_options options = {.seed = 1, .log_max = LOG_DEFAULT};
    struct address address;
    int positional = 0;
    int exit_code = 0;

    if (!command_begin(&help, table, sizeof(table) / sizeof(table[0]), args, &positional,
                       &exit_code))
        return exit_code;
    if (socket_parse_address(listen, &address))
        return command_fail(COMMAND_USAGE, "--listen takes an address such as 127.0.0.1:8090");
    mock_rule_init(&options.base);
    m.signals.received = on_signal;
    err e = signals_block();
    if (!e) e = loop_init(&m.loop);
    if (!e) e = signals_open(&m.signals, &m.loop);
    if (e) return command_fail(COMMAND_FAILED, "can't start: %s", err_text(e));
    exit_code = run(&m, &address, &options);
    signals_close(&m.signals);
    loop_done(&m.loop);
    return exit_code;
}
