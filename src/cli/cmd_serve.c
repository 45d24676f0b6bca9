// Design: the main thread runs the control loop: signals, the admin port, reload. Everything a
// client sees happens on the workers.
#include "admin/admin.h"
#include "cli/certificates.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/fleet.h"
#include "io/signals.h"
#include "io/socket.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

enum { OFFLOAD_THREADS = 4, OFFLOAD_QUEUE_MAX = 1024, REPORT_MAX = 256 * 1024 };

struct serving {
    struct loop loop;
    struct offload offload;
    struct signals signals;
    struct admin admin;
    struct fleet fleet;
    struct certificates certificates;
    str path; // of the configuration; empty: the embedded one
    bool is_draining;
};

static void say(const char *what, const char *scheme, const struct address *a)
{
    char text[ADDRESS_TEXT_MAX];
    size_t len = stream_address_text(a, text);

    fprintf(stderr, "sluice: %s %s://%.*s\n", what, scheme, (int)len, text);
}

static void say_restart(const struct settings *old, const struct settings *now)
{
    struct buf keys;

    buf_init(&keys, REPORT_MAX);
    if (settings_needs_restart(old, now, &keys))
        fprintf(stderr, "sluice: takes effect at the next start: %" STR_FMT "\n",
                STR_ARG(buf_view(&keys)));
    buf_done(&keys);
}

// The findings as a person reads them; a report that is too long is clipped.
static void print_findings(const struct serving *s, const struct diag *d, struct buf *report)
{
    (void)diag_print(d, s->path, report);
}

static void on_certificates_changed(struct certificates *c)
{
    struct serving *s = container_of(c, struct serving, certificates);

    fleet_secure(&s->fleet, c->server);
    admin_set_certificates_problem(&s->admin, STR(""));
    fputs("sluice: certificates reloaded\n", stderr);
}

static void on_certificates_refused(struct certificates *c, const struct diag *why)
{
    struct serving *s = container_of(c, struct serving, certificates);
    struct buf report;

    buf_init(&report, REPORT_MAX);
    print_findings(s, why, &report);
    fprintf(stderr, "%" STR_FMT "sluice: certificates refused, the last good ones rule on\n",
            STR_ARG(buf_view(&report)));
    admin_set_certificates_problem(&s->admin, buf_view(&report));
    buf_done(&report);
}

// Loads the configuration and what it names; on failure nothing has changed, and `report` says why.
static err load_all(struct serving *s, struct buf *report, struct settings **out)
{
    struct settings *settings = NULL;
    struct diag d;

    TRY(configuration_load(s->path, report, &settings));
    diag_init(&d);
    err e = certificates_apply(&s->certificates, settings, &d);
    if (e) {
        print_findings(s, &d, report);
        settings_unref(settings);
    } else {
        *out = settings;
    }
    diag_done(&d);
    return e;
}

static void reload(struct serving *s)
{
    struct settings *settings = NULL;
    struct buf report;

    buf_init(&report, REPORT_MAX);
    if (load_all(s, &report, &settings)) {
        str text = buf_view(&report);
        fprintf(stderr, "%" STR_FMT "sluice: configuration refused, the last good one rules on\n",
                STR_ARG(text));
        admin_set_problem(&s->admin, text);
    } else {
        say_restart(s->fleet.settings, settings);
        fleet_apply(&s->fleet, settings, s->certificates.server);
        admin_set_problem(&s->admin, STR(""));
        admin_set_certificates_problem(&s->admin, STR(""));
        settings_unref(settings);
        fputs("sluice: configuration reloaded\n", stderr);
    }
    buf_done(&report);
}

static void on_drained(struct fleet *f)
{
    loop_stop(container_of(f, struct serving, fleet)->fleet.control);
}

static void on_signal(struct signals *signals, int number)
{
    struct serving *s = container_of(signals, struct serving, signals);

    if (number == SIGHUP) {
        if (!s->is_draining) reload(s);
        return;
    }
    if (s->is_draining) { // asked twice: at once
        loop_stop(&s->loop);
        return;
    }
    fputs("sluice: finishing what is under way; once more to stop at once\n", stderr);
    s->is_draining = true;
    s->admin.is_ready = false;
    s->fleet.drained = on_drained;
    fleet_drain(&s->fleet);
}

static err open_admin(struct serving *s, const struct settings *settings)
{
    struct address address;

    TRY(socket_parse_address(settings->admin.address, &address));
    return admin_open(&s->admin, &s->loop, &address, s->fleet.metrics, s->fleet.count,
                      s->fleet.board);
}

// The admin port first: it is exclusive, so a second process on this configuration goes no further.
static int start(struct serving *s, struct settings *settings)
{
    const char *what = "";
    err e = open_admin(s, settings);

    if (e)
        return command_fail(COMMAND_FAILED, "admin.address %" STR_FMT ": %s",
                            STR_ARG(settings->admin.address), err_text(e));
    e = fleet_start(&s->fleet, &what);
    if (e)
        return command_fail(COMMAND_FAILED, "%s %" STR_FMT ": %s", what,
                            STR_ARG(settings->listen.address), err_text(e));
    return COMMAND_GOOD;
}

// Each connection takes a descriptor, and each request one more towards its upstream.
static void raise_descriptors(const struct settings *settings)
{
    struct rlimit limit = {0};
    rlim_t wanted = (rlim_t)settings->limits.connections + settings->limits.streams + 256;

    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    // As far as the system lets us; what is missing is said.
    if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < wanted)
        fprintf(stderr,
                "sluice: %lu file descriptors at most; limits.connections and limits.streams "
                "may take %lu\n",
                (unsigned long)limit.rlim_cur, (unsigned long)wanted);
}

// They were fine a moment ago, when the configuration was checked.
static err open_certificates(struct serving *s, struct settings *settings)
{
    struct buf report;
    struct diag d;

    diag_init(&d);
    buf_init(&report, REPORT_MAX);
    s->certificates.changed = on_certificates_changed;
    s->certificates.refused = on_certificates_refused;
    certificates_open(&s->certificates, &s->loop);
    err e = certificates_apply(&s->certificates, settings, &d);
    print_findings(s, &d, &report);
    (void)fwrite(buf_view(&report).ptr, 1, buf_len(&report), stderr); // nowhere else to go
    buf_done(&report);
    diag_done(&d);
    return e;
}

static bool serves_grpc(const struct settings *settings)
{
    bool is = false;

    for (size_t i = 0; i < settings->provider_count && !is; i++) {
        is = settings->providers[i].descriptor_set.len > 0;
    }
    return is;
}

// Runs until a signal ends it.
static int run(struct serving *s, struct settings *settings)
{
    fleet_init(&s->fleet, &s->loop, &s->offload, settings);
    fleet_secure(&s->fleet, s->certificates.server);
    int exit_code = start(s, settings);

    if (exit_code == COMMAND_GOOD) {
        struct address address = fleet_address(&s->fleet);
        say("serving", settings->listen.tls.is_given ? "https" : "http", &address);
        say("admin", "http", &s->admin.server.listener.address);
        if (!settings->model_count && !serves_grpc(settings))
            fputs("sluice: no models are configured; see sluice help serve\n", stderr);
        s->admin.is_ready = true;
        loop_run(&s->loop);
    }
    admin_close(&s->admin);
    fleet_stop(&s->fleet);
    offload_close(&s->offload);
    fleet_done(&s->fleet);
    return exit_code;
}

static int serve(str path, struct settings *settings)
{
    static struct serving s; // one a process, and large
    int exit_code = COMMAND_FAILED;

    s.path = path;
    s.signals.received = on_signal;
    raise_descriptors(settings);
    err e = signals_block();
    if (!e) e = loop_init(&s.loop);
    if (!e) e = signals_open(&s.signals, &s.loop);
    if (!e) e = open_certificates(&s, settings);
    if (!e) e = offload_open(&s.offload, OFFLOAD_THREADS, OFFLOAD_QUEUE_MAX);
    if (e) return command_fail(COMMAND_FAILED, "can't start: %s", err_text(e));
    exit_code = run(&s, settings);
    certificates_close(&s.certificates);
    signals_close(&s.signals);
    loop_done(&s.loop);
    return exit_code;
}

int cmd_serve(char **args)
{
    static const struct command_help help = {
        "serve [-c FILE]",
        "Runs the gateway. Without a file it serves with embedded defaults: OPENAI_API_KEY in the\n"
        "environment makes api.openai.com the provider of every model, ANTHROPIC_API_KEY makes\n"
        "api.anthropic.com that of those whose names begin with claude, or of all.\n"
        "\n"
        "SIGTERM and SIGINT finish what is under way (drains.grace), SIGHUP reads the file again;\n"
        "a refused one changes nothing. sluice help config lists every key.\n"};
    str path = STR("");
    const struct option options[] = {{"config", 'c', "FILE", "the configuration", &path, NULL}};
    struct settings *settings = NULL;
    struct buf report;
    int positional = 0;
    int exit_code = 0;

    if (!command_begin(&help, options, 1, args, &positional, &exit_code)) return exit_code;
    if (positional)
        return command_fail(COMMAND_USAGE, "unexpected \"%s\" (usage: sluice %s)", args[0],
                            help.usage);
    buf_init(&report, REPORT_MAX);
    if (configuration_load(path, &report, &settings)) {
        (void)fwrite(buf_view(&report).ptr, 1, buf_len(&report), stderr); // nowhere else to go
        buf_done(&report);
        return COMMAND_FAILED;
    }
    buf_done(&report);
    exit_code = serve(path, settings);
    settings_unref(settings);
    return exit_code;
}
