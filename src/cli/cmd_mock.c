#include "assess/mock/mock.h"
#include "assess/mock/mock_request.h"
#include "assess/mock/mock_script.h"
#include "cli/command.h"
#include "io/file.h"
#include "io/signals.h"
#include "io/socket.h"

#include <stdio.h>

enum { LOG_DEFAULT = 1000, REPORT_MAX = 64 * 1024, ARENA_BYTES = 16 * 1024 };

struct mocking {
    struct loop loop;
    struct signals signals;
    struct mock mock;
    struct mock_options options;
    struct arena arena; // of the script
    str script, listen, seed, events, gap, ttft, log_max;
    bool is_strict;
};

static const struct command_help help = {
    "mock [options]", "Runs a scripted upstream that speaks the dialects of "
                      "OpenAI and Anthropic, and sluice's own\n"
                      "over gRPC: it echoes, or answers and fails as a script or a model's "
                      "name says\n"
                      "(mock-cut-5, mock-429; docs/mock.md has them all).\n"
                      "GET /mock/log and /mock/stats tell what it saw.\n"};

static void on_signal(struct signals *signals, int number)
{
    (void)number;
    loop_stop(&container_of(signals, struct mocking, signals)->loop);
}

static int read_script(struct mocking *m)
{
    struct buf text;
    struct buf report;
    struct diag d;
    int exit_code = COMMAND_GOOD;

    diag_init(&d);
    buf_init(&text, YAML_TEXT_MAX);
    buf_init(&report, REPORT_MAX);
    err e = file_read(m->script, &text);
    if (e) {
        exit_code =
            command_fail(COMMAND_USAGE, "%" STR_FMT ": %s", STR_ARG(m->script), err_text(e));
    } else if (mock_script_read(buf_view(&text), &m->options.base, &m->arena, &d, &m->options.rules,
                                &m->options.rule_count)) {
        // What does not fit is cut; there are findings enough.
        (void)diag_print(&d, m->script, &report);
        fprintf(stderr, "%" STR_FMT, STR_ARG(buf_view(&report)));
        exit_code = command_fail(COMMAND_FAILED, "%" STR_FMT ": the script was refused",
                                 STR_ARG(m->script));
    }
    buf_done(&report);
    buf_done(&text);
    diag_done(&d);
    return exit_code;
}

static bool read_time(str text, struct mock_pace *pace)
{
    uint64_t us = 0;

    if (!text.len) return true;
    if (mock_script_time(text, &us)) return false;
    *pace = (struct mock_pace){.kind = MOCK_PACE_FIXED, .first_us = (int64_t)us};
    return true;
}

static bool read_number(str text, uint64_t max, uint64_t *out)
{
    return !text.len || str_to_u64(text, max, out);
}

static int read_options(struct mocking *m, struct address *address)
{
    struct mock_options *o = &m->options;

    mock_rule_init(&o->base);
    o->base.error.is_strict = m->is_strict;
    if (socket_parse_address(m->listen, address))
        return command_fail(COMMAND_USAGE, "--listen takes an address such as 127.0.0.1:8090");
    if (!read_number(m->seed, UINT64_MAX, &o->seed))
        return command_fail(COMMAND_USAGE, "--seed takes a number");
    if (!read_number(m->log_max, MOCK_LOG_MAX, &o->log_max))
        return command_fail(COMMAND_USAGE, "--log-max takes a number up to %d", MOCK_LOG_MAX);
    if (!read_number(m->events, MOCK_REQUEST_TOKENS_MAX, &o->base.answer.tokens))
        return command_fail(COMMAND_USAGE, "--events takes a number up to %d",
                            MOCK_REQUEST_TOKENS_MAX);
    if (!read_time(m->gap, &o->base.timing.gap) || !read_time(m->ttft, &o->base.timing.ttft))
        return command_fail(COMMAND_USAGE, "--gap and --ttft take a time such as 20ms or 1.5s");
    return m->script.len ? read_script(m) : COMMAND_GOOD;
}

static int run(struct mocking *m, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];
    err e = mock_open(&m->mock, &m->loop, address, &m->options);

    if (e) {
        mock_close(&m->mock);
        return command_fail(COMMAND_FAILED, "--listen %" STR_FMT ": %s", STR_ARG(m->listen),
                            err_text(e));
    }
    size_t len = stream_address_text(&m->mock.server.listener.address, text);
    printf("mock: listening on http://%.*s/v1\n", (int)len, text);
    fflush(stdout);
    loop_run(&m->loop);
    mock_close(&m->mock);
    return COMMAND_GOOD;
}

static int serve(struct mocking *m, const struct address *address)
{
    m->signals.received = on_signal;
    err e = signals_block();
    if (!e) e = loop_init(&m->loop);
    if (!e) e = signals_open(&m->signals, &m->loop);
    if (e) return command_fail(COMMAND_FAILED, "can't start: %s", err_text(e));
    int exit_code = run(m, address);
    signals_close(&m->signals);
    loop_done(&m->loop);
    return exit_code;
}

int cmd_mock(char **args)
{
    static struct mocking m; // one a process, and large
    const struct option table[] = {
        {"script", 's', "FILE", "rules: what to answer, when, and how to fail", &m.script, NULL},
        {"listen", 'l', "ADDRESS", "where (127.0.0.1:8090); port 0 is any", &m.listen, NULL},
        {"seed", '\0', "N", "of all that is left to chance (1)", &m.seed, NULL},
        {"events", '\0', "N", "say N words instead of an echo", &m.events, NULL},
        {"gap", '\0', "TIME", "between the words of a stream (0ms)", &m.gap, NULL},
        {"ttft", '\0', "TIME", "until the first event (0ms)", &m.ttft, NULL},
        {"strict", '\0', NULL, "refuse what the vendor's API would refuse", NULL, &m.is_strict},
        {"log-max", '\0', "N", "requests kept for /mock/log (1000)", &m.log_max, NULL},
    };
    struct address address;
    int positional = 0;
    int exit_code = 0;

    m.listen = STR("127.0.0.1:8090");
    m.options = (struct mock_options){.seed = 1, .log_max = LOG_DEFAULT};
    if (!command_begin(&help, table, sizeof(table) / sizeof(table[0]), args, &positional,
                       &exit_code))
        return exit_code;
    if (positional)
        return command_fail(COMMAND_USAGE, "mock takes options only (usage: sluice %s)",
                            help.usage);
    arena_init(&m.arena, ARENA_BYTES);
    exit_code = read_options(&m, &address);
    if (exit_code == COMMAND_GOOD) exit_code = serve(&m, &address);
    arena_reset(&m.arena);
    return exit_code;
}
