#include "config/settings_read.h"

#include "base/random.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

static const char *const environment[] = {"KEY=sk-very-secret", "HOST=models.example.com",
                                          "PROVIDER=hidden",    "EMPTY=",
                                          "NEWLINE=sk-x\n",     "COUNT=7",
                                          "BAD=${KEY}",         NULL};
struct fixture {
    struct diag diag;
    struct buf printed;
    struct settings *s;
    err e;
};

static void parse(struct fixture *f, str text)
{
    *f = (struct fixture){0};
    diag_init(&f->diag);
    buf_init(&f->printed, 1 << 20);
    f->e = settings_parse(text, environment, &f->diag, &f->s);
    CHECK_EQ(diag_print(&f->diag, STR("f"), &f->printed), OK);
    CHECK_EQ(f->e == OK, f->diag.count == 0);
    CHECK_EQ(f->e == OK, f->s != NULL);
}

static void done(struct fixture *f)
{
    settings_unref(f->s);
    buf_done(&f->printed);
    diag_done(&f->diag);
}

static void check_good(str text)
{
    struct fixture f;

    parse(&f, text);
    CHECK_STR(buf_view(&f.printed), "");
    done(&f);
}

static void check_refused(str text, str printed)
{
    struct fixture f;

    parse(&f, text);
    CHECK_SAME(buf_view(&f.printed), printed);
    done(&f);
}

TEST(settings_read_accepts_the_edges_of_the_bounds)
{
    check_good(STR("listen: {workers: 256}"));
    check_good(STR("limits: {head_bytes: 1KiB, head_fields: 8, body_bytes: 1024}"));
    check_good(STR("limits: {head_bytes: 1MiB, head_fields: 256, body_bytes: 1GiB}"));
    check_good(STR("limits: {upload_bytes: 1TiB, event_bytes: 64MiB, connections: 1000000}"));
    check_good(STR("limits: {header_timeout: 100ms, idle_timeout: 1s, comment_interval: 1s}"));
    check_good(STR("limits: {header_timeout: 1h, idle_timeout: 24h, comment_interval: 1h}"));
    check_good(STR("limits:\nproviders:\nmodels: []\ntelemetry: {access_log: ~}\n"));
    check_good(STR("listen: {address: \"a:0\"}\nadmin: {address: \"a:0\"}\n"));
}

TEST(settings_read_refuses_numbers_out_of_bounds)
{
    static const struct {
        const char *text;
        const char *printed;
    } cases[] = {
        {"listen: {workers: 257}", "f:1:19: workers: \"257\" is out of bounds (1 to 256; 0: one "
                                   "a core)\n"},
        {"listen: {workers: 4294967297}",
         "f:1:19: workers: \"4294967297\" is out of bounds (1 to 256; 0: one a core)\n"},
        {"limits: {head_bytes: 1023}",
         "f:1:22: head_bytes: \"1023\" is out of bounds (1KiB to 1MiB)\n"},
        {"limits: {head_bytes: 0}", "f:1:22: head_bytes: \"0\" is out of bounds (1KiB to 1MiB)\n"},
        {"limits: {head_bytes: 9000000TiB}",
         "f:1:22: head_bytes: \"9000000TiB\" is out of bounds (1KiB to 1MiB)\n"},
        {"limits: {head_fields: 7}", "f:1:23: head_fields: \"7\" is out of bounds (8 to 256)\n"},
        {"limits: {body_bytes: 2GiB}",
         "f:1:22: body_bytes: \"2GiB\" is out of bounds (1KiB to 1GiB)\n"},
        {"limits: {upload_bytes: 2TiB}",
         "f:1:24: upload_bytes: \"2TiB\" is out of bounds (1KiB to 1TiB)\n"},
        {"limits: {event_bytes: 65MiB}",
         "f:1:23: event_bytes: \"65MiB\" is out of bounds (1KiB to 64MiB)\n"},
        {"limits: {connections: 0}",
         "f:1:23: connections: \"0\" is out of bounds (1 to 1000000)\n"},
        {"limits: {streams: 1000001}",
         "f:1:19: streams: \"1000001\" is out of bounds (1 to 1000000)\n"},
        {"limits: {header_timeout: 99ms}",
         "f:1:26: header_timeout: \"99ms\" is out of bounds (100ms to 1h)\n"},
        {"limits: {idle_timeout: 25h}",
         "f:1:24: idle_timeout: \"25h\" is out of bounds (1s to 24h)\n"},
        {"limits: {body_timeout: 0}",
         "f:1:24: body_timeout: \"0\" is out of bounds (100ms to 1h)\n"},
        {"limits: {write_timeout: 61m}",
         "f:1:25: write_timeout: \"61m\" is out of bounds (100ms to 1h)\n"},
        {"limits: {comment_interval: 999ms}",
         "f:1:28: comment_interval: \"999ms\" is out of bounds (1s to 1h; 0: none)\n"},
        {"limits: {upstream_idle_connections: 65537}",
         "f:1:37: upstream_idle_connections: \"65537\" is out of bounds (1 to 65536; 0: none is "
         "kept)\n"},
        {"limits: {upstream_idle_timeout: 0}",
         "f:1:33: upstream_idle_timeout: \"0\" is out of bounds (1s to 1h)\n"},
        {"drains: {grace: 25h}",
         "f:1:17: grace: \"25h\" is out of bounds (100ms to 24h; 0: no wait)\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        check_refused(str_from_c(cases[i].text), str_from_c(cases[i].printed));
    }
}

TEST(settings_read_refuses_values_of_another_kind)
{
    check_refused(STR("listen: {workers: four}"),
                  STR("f:1:19: workers: \"four\" is no whole number (write a whole number)\n"));
    check_refused(STR("listen: {workers: -1}"),
                  STR("f:1:19: workers: \"-1\" is no whole number (write a whole number)\n"));
    check_refused(STR("limits: {head_bytes: 32 KiB}"),
                  STR("f:1:22: head_bytes: \"32 KiB\" is no size (write a whole number and its "
                      "unit: 64KiB, 10MB)\n"));
    check_refused(STR("limits: {idle_timeout: 75}"),
                  STR("f:1:24: idle_timeout: \"75\" is no duration (write a whole number and its "
                      "unit: 250ms, 5s, 2m, 1h)\n"));
    check_refused(STR("listen: {address: 8080}"),
                  STR("f:1:19: address: \"8080\" is no address (write host:port, [::1]:port or "
                      ":port)\n"));
    check_refused(STR("listen: {address: [a]}\nadmin: {address: ~}\nlimits: [1]\nmodels: {a: b}\n"
                      "providers: 5\ntelemetry: off\n"),
                  STR("f:1:19: address takes one value\n"
                      "f:2:18: address has no value\n"
                      "f:3:9: limits must be a mapping\n"
                      "f:6:12: telemetry must be a mapping\n"
                      "f:5:12: providers must be a list\n"
                      "f:4:9: models must be a list\n"));
    check_refused(STR("[a]"), STR("f:1:1: a configuration is a mapping of keys to values\n"));
    check_refused(STR("just text"), STR("f:1:1: a configuration is a mapping of keys to values\n"));
    check_refused(STR("telemetry: {access_log: {path: \"${EMPTY}\"}}"),
                  STR("f:1:32: path: \"${EMPTY}\" is empty (1 to 4095 bytes)\n"));
    check_refused(STR("telemetry: {access_log: {path: \"a\\x07\"}}"),
                  STR("f:1:32: path: \"a?\" holds a control byte\n"));
}

TEST(settings_read_refuses_unknown_keys_with_a_hint)
{
    check_refused(
        STR("lisen: {address: \":1\"}\nlimits:\n  head_byte: 1KiB\n  zzz: 1\n"),
        STR("f:1:1: unknown key \"lisen\" (did you mean \"listen\"?)\n"
            "f:3:3: unknown key \"head_byte\" (did you mean \"head_bytes\"?)\n"
            "f:4:3: unknown key \"zzz\" (known: head_bytes, head_fields, body_bytes, "
            "upload_bytes, event_bytes, connections, streams, header_timeout, "
            "idle_timeout, body_timeout, receive_timeout, write_timeout, comment_interval, "
            "upstream_idle_connections, upstream_idle_timeout)\n"));
    check_refused(STR("\"a\\e[31m\": 1\n"), STR("f:1:1: unknown key \"a?[31m\" (known: listen, "
                                                "admin, limits, drains, telemetry, providers, "
                                                "models)\n"));
}

TEST(settings_read_refuses_bad_providers)
{
    check_refused(STR("providers:\n  - {}\n"),
                  STR("f:2:5: name is missing\nf:2:5: base_url is missing\n"));
    check_refused(STR("providers: [a, ~]\n"),
                  STR("f:1:13: providers: an item must be a mapping\n"
                      "f:1:16: providers: an item must be a mapping\n"));
    check_refused(STR("providers:\n  - {name: a b, base_url: \"http://a\"}\n"),
                  STR("f:2:12: name: \"a b\" holds more than letters, digits and \". _ -\"\n"));
    check_refused(STR("providers:\n  - {name: \"\", base_url: \"\"}\n"),
                  STR("f:2:12: name: \"\" is empty (1 to 64 bytes)\n"
                      "f:2:26: base_url: \"\" is empty (1 to 2048 bytes)\n"));
    check_refused(
        STR("providers:\n  - {name: a, base_url: \"http://me:pw@a\"}\n"),
        STR("f:2:25: base_url: \"http://me:pw@a\" has user information; use api_key (such "
            "as https://api.example.com/v1)\n"));
    check_refused(STR("providers:\n  - {name: a, base_url: \"http://a\", dialect: opnai}\n"),
                  STR("f:2:46: dialect: \"opnai\" is not known (did you mean \"openai\"?)\n"));
    check_refused(STR("providers:\n  - {name: a, base_url: \"http://a\", dialect: cobol}\n"),
                  STR("f:2:46: dialect: \"cobol\" is not known (known: openai)\n"));
    check_refused(
        STR("providers:\n  - {name: a, base_url: \"http://a\", dialect: sluice, http: \"1.1\"}\n"),
        STR("f:2:60: http: sluice is spoken over HTTP/2 (leave it out)\n"));
    check_refused(STR("providers:\n  - {name: a, base_url: \"http://a\", tls_verify: yes}\n"),
                  STR("f:2:49: tls_verify: \"yes\" is not a switch (write true or false)\n"));
    check_refused(
        STR("providers:\n  - {name: a, base_url: \"http://a\"}\n"
            "  - {name: b, base_url: \"http://a\"}\n  - {name: a, base_url: \"http://b\"}\n"),
        STR("f:4:12: name: \"a\" stands twice\n"));
}

TEST(settings_read_refuses_grpc_that_could_not_be_served)
{
    static const struct {
        const char *text;
        const char *printed;
    } cases[] = {
        {"providers:\n  - {name: a, dialect: grpc, base_url: \"http://a\"}\n",
         "f:2:5: descriptor_set is missing: it says what a gRPC provider serves (protoc "
         "--include_imports --descriptor_set_out=FILE)\n"},
        {"providers:\n  - {name: a, dialect: grpc, base_url: \"http://a/v1\",\n"
         "     descriptor_set: a.bin, http: \"1.1\"}\n",
         "f:2:40: base_url: gRPC services have no path in front of theirs (scheme, host and port)\n"
         "f:3:35: http: gRPC needs HTTP/2\n"},
        {"providers:\n  - {name: a, base_url: \"http://a\", descriptor_set: a.bin,\n"
         "     services: [a.B]}\n",
         "f:2:37: descriptor_set is for gRPC services (write dialect: grpc)\n"
         "f:3:6: services is for gRPC services (write dialect: grpc)\n"},
        {"providers:\n  - {name: a, dialect: grpc, base_url: \"http://a\",\n"
         "     descriptor_set: a.bin, services: [a.B, {}, \"\", ~], timeout: 5}\n",
         "f:3:45: services takes one value\n"
         "f:3:49: services: \"\" is empty (1 to 512 bytes)\n"
         "f:3:53: services has no value\n"
         "f:3:66: timeout: \"5\" is no duration (write a whole number and its unit: 250ms, 5s, "
         "2m, 1h)\n"},
        {"providers:\n  - {name: a, dialect: grpc, base_url: \"http://a\",\n"
         "     descriptor_set: a.bin, services: a.B}\n",
         "f:3:39: services must be a list\n"},
        {"providers:\n  - {name: a, dialect: grpc, base_url: \"http://a\", descriptor_set: a.bin}\n"
         "  - {name: b, base_url: \"http://b\"}\n"
         "models:\n  - {name: m, targets: [{provider: b}, {provider: a}]}\n"
         "  - {name: n, targets: [{provider: b}], fallback: [{provider: a}]}\n",
         "f:5:51: provider: its dialect is grpc, which serves no models\n"
         "f:6:63: provider: its dialect is grpc, which serves no models\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        check_refused(str_from_c(cases[i].text), str_from_c(cases[i].printed));
    }
}

TEST(settings_read_refuses_bad_models)
{
    const str provider = STR("providers: [{name: openai, base_url: \"http://a\"}]\nmodels:\n");
    static const struct {
        const char *text;
        const char *printed;
    } cases[] = {
        {"  - {}\n", "f:3:5: name is missing\nf:3:5: targets is missing\n"},
        {"  - {name: a, targets: []}\n", "f:3:24: targets takes 1 to 64 items, not 0\n"},
        {"  - {name: a, targets: ~}\n", "f:3:24: targets takes 1 to 64 items, not 0\n"},
        {"  - {name: a, targets: [{}]}\n", "f:3:25: provider is missing\n"},
        {"  - {name: a, targets: [{provider: opena1}]}\n",
         "f:3:36: provider: \"opena1\" is no provider (did you mean \"openai\"?)\n"},
        {"  - {name: a, targets: [{provider: other}]}\n",
         "f:3:36: provider: \"other\" is no provider\n"},
        {"  - {name: a, targets: [{provider: openai, weight: 0}, {provider: openai, weight: 0}]}\n",
         "f:3:24: targets: none would ever be chosen (give one a weight above 0)\n"},
        {"  - {name: a, targets: [{provider: openai, weight: 1000001}]}\n",
         "f:3:52: weight: \"1000001\" is out of bounds (1 to 1000000; 0: never chosen)\n"},
        {"  - {name: a, targets: [{provider: openai}]}\n  - {name: a, targets: [{provider: "
         "openai}]}\n",
         "f:4:12: name: \"a\" stands twice\n"},
        {"  - {name: a, targets: [{provider: openai}], timeouts: {total: 9ms}}\n",
         "f:3:64: total: \"9ms\" is out of bounds (10ms to 24h)\n"},
        {"  - {name: a, targets: [{provider: openai}], timeouts: {conect: 9s}}\n",
         "f:3:57: unknown key \"conect\" (did you mean \"connect\"?)\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf text;
        buf_init(&text, 4096);
        CHECK_EQ(buf_append(&text, provider), OK);
        CHECK_EQ(buf_append(&text, str_from_c(cases[i].text)), OK);
        check_refused(buf_view(&text), str_from_c(cases[i].printed));
        buf_done(&text);
    }
}

#define MODEL_A                                                                                    \
    "providers: [{name: a, base_url: \"http://a\"}]\n"                                             \
    "models: [{name: m, targets: [{provider: a}], "

TEST(settings_read_refuses_bad_rules_for_failures)
{
    check_refused(STR(MODEL_A "retry: {budget: 20}}]\n"),
                  STR("f:2:62: budget: \"20\" is no share (write a number and a percent sign: 20%, "
                      "1.5%)\n"));
    check_refused(STR(MODEL_A "retry: {budget: 101%}}]\n"),
                  STR("f:2:62: budget: \"101%\" is out of bounds (0% to 100%)\n"));
    check_refused(STR(MODEL_A "breaker: {latency_factor: 0.5}}]\n"),
                  STR("f:2:72: latency_factor: \"0.5\" is out of bounds (1 to 100)\n"));
    check_refused(
        STR(MODEL_A "breaker: {latency_factor: x}}]\n"),
        STR("f:2:72: latency_factor: \"x\" is no factor (write a number with at most three "
            "decimals: 1.3)\n"));
    check_refused(
        STR(MODEL_A "breaker: {open: [2m, 1m]}}]\n"),
        STR("f:2:62: open: \"[2m, 1m]\" is out of bounds, or begins behind its end (100ms "
            "to 24h)\n"));
    check_refused(STR(MODEL_A "breaker: {open: [2m, 1m, 3m]}}]\n"),
                  STR("f:2:62: open: \"[]\" is no span (write two durations: [30s, 120s])\n"));
    check_refused(
        STR("providers: [{name: a, base_url: \"http://a\", api_key: k,\n"
            "  api_keys: [{name: n, key: l}]}]\n"),
        STR("f:2:13: api_keys: the provider has an api_key already (put it into api_keys, "
            "too)\n"));
}

TEST(settings_read_refuses_tls_that_protects_nothing)
{
    static const struct {
        const char *tls;
        const char *printed;
    } cases[] = {
        {"{}", "f:1:15: certificates is missing\n"},
        {"~", "f:1:15: certificates is missing\n"},
        {"on", "f:1:15: tls must be a mapping\nf:1:15: certificates is missing\n"},
        {"{certificates: []}", "f:1:30: certificates takes 1 to 32 items, not 0\n"},
        {"{certificates: [{certificate: a}]}", "f:1:31: key is missing\n"},
        {"{certificates: [{certificate: a, key: ''}]}",
         "f:1:53: key: \"\" is empty (1 to 4095 bytes)\n"},
        {"{certificates: [{certificate: a, key: a}], min_version: 1.1}",
         "f:1:71: min_version: \"1.1\" is not known (did you mean \"1.2\"?)\n"},
        {"{certificates: [{certificate: a, key: a}], client_ca: a}",
         "f:1:69: client_ca: no client is asked for a certificate (write client_auth: required, or "
         "optional)\n"},
        {"{certificates: [{certificate: a, key: a}], client_auth: optional}",
         "f:1:71: client_auth: nobody is there to vouch for clients (name the authorities in "
         "client_ca)\n"},
        {"{certificates: [{certificate: a, key: a}], client_auth: maybe}",
         "f:1:71: client_auth: \"maybe\" is not known (known: none)\n"},
    };
    char text[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(text, sizeof(text), "listen: {tls: %s}", cases[i].tls);
        check_refused(str_from_c(text), str_from_c(cases[i].printed));
    }
    check_good(STR("listen: {tls: {certificates: [{certificate: a, key: a}], client_ca: a,\n"
                   "               client_auth: required}}\n"));
}

TEST(settings_read_needs_providers_where_there_are_models)
{
    check_refused(STR("models: [{name: a, targets: [{provider: openai}]}]"),
                  STR("f:1:41: provider: \"openai\" is no provider (there are none; add it to "
                      "providers)\n"));
}

TEST(settings_read_needs_two_addresses)
{
    check_refused(STR("listen: {address: \"a:1\"}\nadmin: {address: \"a:1\"}\n"),
                  STR("f:2:8: listen and admin have the same address (give each its own port)\n"));
    check_refused(STR("listen: {address: \"127.0.0.1:8081\"}\n"),
                  STR("f:1:1: listen and admin have the same address (give each its own port)\n"));
}

TEST(settings_read_takes_numbers_from_the_environment)
{
    struct fixture f;

    parse(&f, STR("listen: {workers: \"${COUNT}\"}\nlimits: {head_fields: \"${COUNT}0\"}\n"));
    CHECK_EQ(f.s->listen.workers, 7);
    CHECK_EQ(f.s->limits.head_fields, 70);
    done(&f);
}

TEST(settings_read_names_the_variable_that_is_missing)
{
    check_refused(STR("listen: {address: \"${NOPE}:80\"}\n"),
                  STR("f:1:19: address: the environment has no NOPE (set it, or write "
                      "${NAME:-default})\n"));
    check_refused(STR("listen: {address: \"${NOPE\"}\n"),
                  STR("f:1:19: address: \"${NOPE\" has a malformed ${ (write ${NAME} or "
                      "${NAME:-default}; $${ stands for ${)\n"));
}

TEST(settings_read_never_shows_what_the_environment_put_in)
{
    check_refused(STR("listen: {workers: \"${KEY}\", address: \"${KEY}\"}\n"
                      "limits: {head_bytes: \"${KEY}\", idle_timeout: \"x${KEY}\"}\n"),
                  STR("f:1:38: address: \"${KEY}\" is no address (write host:port, [::1]:port or "
                      ":port)\n"
                      "f:1:19: workers: \"${KEY}\" is no whole number (write a whole number)\n"
                      "f:2:22: head_bytes: \"${KEY}\" is no size (write a whole number and its "
                      "unit: 64KiB, 10MB)\n"
                      "f:2:46: idle_timeout: \"x${KEY}\" is no duration (write a whole number and "
                      "its unit: 250ms, 5s, 2m, 1h)\n"));
    check_refused(
        STR("providers:\n"
            "  - {name: \"${PROVIDER}\", base_url: \"${KEY}\", dialect: \"${KEY}\"}\n"
            "  - {name: \"${PROVIDER}\", base_url: \"http://a\", tls_verify: \"${KEY}\"}\n"
            "models:\n"
            "  - {name: x, targets: [{provider: \"hiden\"}]}\n"),
        STR("f:2:56: dialect: \"${KEY}\" is not known (known: openai)\n"
            "f:2:37: base_url: \"${KEY}\" begins with neither http:// nor https:// (such as "
            "https://api.example.com/v1)\n"
            "f:3:61: tls_verify: \"${KEY}\" is not a switch (write true or false)\n"
            "f:3:12: name: \"${PROVIDER}\" stands twice\n"
            "f:5:36: provider: \"hiden\" is no provider\n"));
}

TEST(settings_read_never_shows_a_secret)
{
    check_refused(STR("providers:\n  - {name: a, base_url: \"http://a\", api_key: \"sk-1 2\"}\n"
                      "  - {name: b, base_url: \"http://a\", api_key: \"${NEWLINE}\"}\n"
                      "  - {name: c, base_url: \"http://a\", api_key: \"sk-${\"}\n"),
                  STR("f:2:46: api_key: \"***\" holds a space, a line end or a byte that is not "
                      "ASCII\n"
                      "f:3:46: api_key: \"***\" holds a space, a line end or a byte that is not "
                      "ASCII\n"
                      "f:4:46: api_key: \"***\" has a malformed ${ (write ${NAME} or "
                      "${NAME:-default}; $${ stands for ${)\n"));
}

TEST(settings_read_expands_once)
{
    struct fixture f;

    parse(&f, STR("telemetry: {access_log: {path: \"$${KEY}${BAD}\"}}\n"));
    CHECK_STR(f.s->telemetry.access_log.path, "${KEY}${KEY}");
    done(&f);
}

TEST(settings_read_passes_on_what_yaml_finds)
{
    check_refused(STR("listen: {address: a\n"),
                  STR("f:2:1: not YAML: missing comma in flow mapping\n"));
    check_refused(STR("listen: {}\nlisten: {}\n"),
                  STR("f:2:1: the key stands twice in its mapping (first on line 1)\n"));
}

TEST(settings_read_bounds_texts)
{
    char name[300];
    struct buf text;
    struct fixture f;

    memset(name, 'n', sizeof(name));
    buf_init(&text, 4096);
    CHECK_EQ(buf_append_format(&text, "providers: [{name: %.65s, base_url: \"http://a\"}]\n", name),
             OK);
    parse(&f, buf_view(&text));
    CHECK(str_ends(buf_view(&f.printed), STR(" is too long (1 to 64 bytes)\n")));
    CHECK_EQ(f.printed.end - f.printed.start < 150, true);
    done(&f);
    buf_clear(&text);
    CHECK_EQ(buf_append_format(&text,
                               "providers: [{name: %.64s, base_url: \"http://a\"}]\n"
                               "models: [{name: %.256s, targets: [{provider: %.64s}]}]\n",
                               name, name, name),
             OK);
    check_good(buf_view(&text));
    buf_done(&text);
}

// Every prefix, and the text with random bytes changed: settings or findings, never a crash.
TEST(settings_read_survives_damaged_text)
{
    const str good = STR("listen: {address: \":1\", workers: 2}\nlimits: {head_bytes: 4KiB}\n"
                         "providers:\n  - {name: a, base_url: \"https://${HOST}/v1\"}\n"
                         "models:\n  - name: \"*\"\n    targets: [{provider: a, weight: 3}]\n");
    struct random r;
    struct fixture f;

    random_init(&r, test_seed());
    for (size_t len = 0; len <= good.len; len++) {
        parse(&f, str_sub(good, 0, len));
        done(&f);
    }
    for (int round = 0; round < 1000; round++) {
        char bytes[512];
        memcpy(bytes, good.ptr, good.len);
        for (int i = 0; i < 3; i++) {
            bytes[random_below(&r, good.len)] = " \n:-[]{}\"$&*a19~"[random_below(&r, 16)];
        }
        parse(&f, (str){.ptr = bytes, .len = good.len});
        done(&f);
    }
}
