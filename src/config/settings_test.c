#include "config/settings.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char *const environment[] = {"KEY=sk-very-secret", "HOST=models.example.com",
                                          "PROVIDER=hidden",    "EMPTY=",
                                          "NEWLINE=sk-x\n",     "COUNT=7",
                                          "BAD=${KEY}",         NULL};
static const char *const nothing[] = {NULL};

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

TEST(settings_of_an_empty_text_are_the_defaults)
{
    struct fixture f;

    parse(&f, STR("# nothing\n"));
    const struct settings *s = f.s;
    CHECK_STR(s->listen.address, "127.0.0.1:8080");
    CHECK_EQ(s->listen.workers, 0);
    CHECK_STR(s->admin.address, "127.0.0.1:8081");
    CHECK_EQ(s->limits.head_bytes, 32 * 1024);
    CHECK_EQ(s->limits.head_fields, 100);
    CHECK_EQ(s->limits.body_bytes, 32 << 20);
    CHECK_EQ(s->limits.upload_bytes, 1 << 30);
    CHECK_EQ(s->limits.event_bytes, 1 << 20);
    CHECK_EQ(s->limits.connections, 16'384);
    CHECK_EQ(s->limits.streams, 8192);
    CHECK_EQ(s->limits.header_ms, 10'000);
    CHECK_EQ(s->limits.idle_ms, 75'000);
    CHECK_EQ(s->limits.body_ms, 30'000);
    CHECK_EQ(s->limits.write_ms, 30'000);
    CHECK_EQ(s->limits.keepalive_comment_ms, 15'000);
    CHECK_EQ(s->limits.upstream_idle_connections, 64);
    CHECK_EQ(s->limits.upstream_idle_ms, 50'000);
    CHECK_EQ(s->drains.grace_ms, 30'000);
    CHECK_STR(s->telemetry.access_log.path, "stdout");
    CHECK_EQ(s->provider_count, 0);
    CHECK_EQ(s->model_count, 0);
    CHECK(!settings_find_model(s, STR("gpt-5")));
    done(&f);
}

TEST(settings_take_every_key)
{
    struct fixture f;

    parse(&f, STR("listen: {address: \":9000\", workers: 4}\n"
                  "admin: {address: \"[::1]:9001\"}\n"
                  "limits:\n"
                  "  head_bytes: 16KiB\n"
                  "  head_fields: 50\n"
                  "  body_bytes: 10MB\n"
                  "  upload_bytes: 2GiB\n"
                  "  event_bytes: 65536\n"
                  "  connections: 10\n"
                  "  streams: 20\n"
                  "  header_timeout: 250ms\n"
                  "  idle_timeout: 2m\n"
                  "  body_timeout: 1s\n"
                  "  write_timeout: 2s\n"
                  "  comment_interval: 0\n"
                  "  upstream_idle_connections: 0\n"
                  "  upstream_idle_timeout: 1h\n"
                  "drains: {grace: 0s}\n"
                  "telemetry: {access_log: {path: /var/log/access.log}}\n"));
    CHECK_STR(buf_view(&f.printed), "");
    const struct settings *s = f.s;
    CHECK_STR(s->listen.address, ":9000");
    CHECK_EQ(s->listen.workers, 4);
    CHECK_STR(s->admin.address, "[::1]:9001");
    CHECK_EQ(s->limits.head_bytes, 16'384);
    CHECK_EQ(s->limits.head_fields, 50);
    CHECK_EQ(s->limits.body_bytes, 10'000'000);
    CHECK_EQ(s->limits.upload_bytes, INT64_C(2) << 30);
    CHECK_EQ(s->limits.event_bytes, 65'536);
    CHECK_EQ(s->limits.connections, 10);
    CHECK_EQ(s->limits.streams, 20);
    CHECK_EQ(s->limits.header_ms, 250);
    CHECK_EQ(s->limits.idle_ms, 120'000);
    CHECK_EQ(s->limits.body_ms, 1000);
    CHECK_EQ(s->limits.write_ms, 2000);
    CHECK_EQ(s->limits.keepalive_comment_ms, 0);
    CHECK_EQ(s->limits.upstream_idle_connections, 0);
    CHECK_EQ(s->limits.upstream_idle_ms, 3'600'000);
    CHECK_EQ(s->drains.grace_ms, 0);
    CHECK_STR(s->telemetry.access_log.path, "/var/log/access.log");
    done(&f);
}

TEST(settings_take_providers_and_models)
{
    struct fixture f;

    // Models may stand before the providers they name.
    parse(&f, STR("models:\n"
                  "  - name: smart\n"
                  "    targets:\n"
                  "      - {provider: b, model: big, weight: 9}\n"
                  "      - {provider: a}\n"
                  "    timeouts: {total: 60s, connect: 1s, first_token: 10s, between_tokens: 5s}\n"
                  "  - {name: \"*\", targets: [{provider: a}]}\n"
                  "providers:\n"
                  "  - {name: a, base_url: \"https://${HOST}:8443/v1/\", api_key: \"${KEY}\"}\n"
                  "  - {name: b, base_url: \"http://[::1]\", tls_verify: false, ca_file: /ca.pem,\n"
                  "     dialect: openai}\n"));
    CHECK_STR(buf_view(&f.printed), "");
    const struct settings_provider *a = &f.s->providers[0];
    const struct settings_provider *b = &f.s->providers[1];
    CHECK_EQ(f.s->provider_count, 2);
    CHECK_STR(a->name, "a");
    CHECK_STR(a->dialect, "openai");
    CHECK_STR(a->base_url, "https://models.example.com:8443/v1/");
    CHECK(a->url.is_tls);
    CHECK_STR(a->url.host, "models.example.com");
    CHECK_EQ(a->url.port, 8443);
    CHECK_STR(a->url.path_prefix, "/v1");
    CHECK_STR(a->api_key, "sk-very-secret");
    CHECK(a->tls_verify);
    CHECK_STR(a->ca_file, "");
    CHECK_STR(b->api_key, "");
    CHECK(!b->tls_verify);
    CHECK_STR(b->ca_file, "/ca.pem");

    const struct settings_model *smart = settings_find_model(f.s, STR("smart"));
    CHECK_STR(smart->name, "smart");
    CHECK_EQ(smart->target_count, 2);
    CHECK_EQ(smart->targets[0].provider, 1);
    CHECK_STR(smart->targets[0].model, "big");
    CHECK_EQ(smart->targets[0].weight, 9);
    CHECK_EQ(smart->targets[1].provider, 0);
    CHECK_STR(smart->targets[1].model, "");
    CHECK_EQ(smart->targets[1].weight, 1);
    CHECK_EQ(smart->timeouts.total_ms, 60'000);
    CHECK_EQ(smart->timeouts.connect_ms, 1000);
    CHECK_EQ(smart->timeouts.first_token_ms, 10'000);
    CHECK_EQ(smart->timeouts.between_tokens_ms, 5000);

    const struct settings_model *any = settings_find_model(f.s, STR("whatever"));
    CHECK_STR(any->name, "*");
    CHECK_EQ(any->timeouts.total_ms, 600'000);
    CHECK_EQ(any->timeouts.connect_ms, 2000);
    CHECK_EQ(any->timeouts.first_token_ms, 60'000);
    CHECK_EQ(any->timeouts.between_tokens_ms, 30'000);
    done(&f);
}

TEST(settings_accept_the_edges_of_the_bounds)
{
    check_good(STR("listen: {workers: 1024}"));
    check_good(STR("limits: {head_bytes: 1KiB, head_fields: 8, body_bytes: 1024}"));
    check_good(STR("limits: {head_bytes: 1MiB, head_fields: 1000, body_bytes: 1GiB}"));
    check_good(STR("limits: {upload_bytes: 1TiB, event_bytes: 64MiB, connections: 1000000}"));
    check_good(STR("limits: {header_timeout: 100ms, idle_timeout: 1s, comment_interval: 1s}"));
    check_good(STR("limits: {header_timeout: 1h, idle_timeout: 24h, comment_interval: 1h}"));
    check_good(STR("limits:\nproviders:\nmodels: []\ntelemetry: {access_log: ~}\n"));
    check_good(STR("listen: {address: \"a:0\"}\nadmin: {address: \"a:0\"}\n"));
}

TEST(settings_refuse_numbers_out_of_bounds)
{
    static const struct {
        const char *text;
        const char *printed;
    } cases[] = {
        {"listen: {workers: 1025}", "f:1:19: workers: \"1025\" is out of bounds (1 to 1024; 0: one "
                                    "a core)\n"},
        {"listen: {workers: 4294967297}",
         "f:1:19: workers: \"4294967297\" is out of bounds (1 to 1024; 0: one a core)\n"},
        {"limits: {head_bytes: 1023}",
         "f:1:22: head_bytes: \"1023\" is out of bounds (1KiB to 1MiB)\n"},
        {"limits: {head_bytes: 0}", "f:1:22: head_bytes: \"0\" is out of bounds (1KiB to 1MiB)\n"},
        {"limits: {head_bytes: 9000000TiB}",
         "f:1:22: head_bytes: \"9000000TiB\" is out of bounds (1KiB to 1MiB)\n"},
        {"limits: {head_fields: 7}", "f:1:23: head_fields: \"7\" is out of bounds (8 to 1000)\n"},
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

TEST(settings_refuse_values_of_another_kind)
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

TEST(settings_refuse_unknown_keys_with_a_hint)
{
    check_refused(STR("lisen: {address: \":1\"}\nlimits:\n  head_byte: 1KiB\n  zzz: 1\n"),
                  STR("f:1:1: unknown key \"lisen\" (did you mean \"listen\"?)\n"
                      "f:3:3: unknown key \"head_byte\" (did you mean \"head_bytes\"?)\n"
                      "f:4:3: unknown key \"zzz\" (known: head_bytes, head_fields, body_bytes, "
                      "upload_bytes, event_bytes, connections, streams, header_timeout, "
                      "idle_timeout, body_timeout, write_timeout, comment_interval, "
                      "upstream_idle_connections, upstream_idle_timeout)\n"));
    check_refused(STR("\"a\\e[31m\": 1\n"), STR("f:1:1: unknown key \"a?[31m\" (known: listen, "
                                                "admin, limits, drains, telemetry, providers, "
                                                "models)\n"));
}

TEST(settings_refuse_bad_providers)
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
    check_refused(STR("providers:\n  - {name: a, base_url: \"http://a\", tls_verify: yes}\n"),
                  STR("f:2:49: tls_verify: \"yes\" is not a switch (write true or false)\n"));
    check_refused(
        STR("providers:\n  - {name: a, base_url: \"http://a\"}\n"
            "  - {name: b, base_url: \"http://a\"}\n  - {name: a, base_url: \"http://b\"}\n"),
        STR("f:4:12: name: \"a\" stands twice\n"));
}

TEST(settings_refuse_bad_models)
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

TEST(settings_need_providers_where_there_are_models)
{
    check_refused(STR("models: [{name: a, targets: [{provider: openai}]}]"),
                  STR("f:1:41: provider: \"openai\" is no provider (there are none; add it to "
                      "providers)\n"));
}

TEST(settings_need_two_addresses)
{
    check_refused(STR("listen: {address: \"a:1\"}\nadmin: {address: \"a:1\"}\n"),
                  STR("f:2:8: listen and admin have the same address (give each its own port)\n"));
    check_refused(STR("listen: {address: \"127.0.0.1:8081\"}\n"),
                  STR("f:1:1: listen and admin have the same address (give each its own port)\n"));
}

TEST(settings_take_numbers_from_the_environment)
{
    struct fixture f;

    parse(&f, STR("listen: {workers: \"${COUNT}\"}\nlimits: {head_fields: \"${COUNT}0\"}\n"));
    CHECK_EQ(f.s->listen.workers, 7);
    CHECK_EQ(f.s->limits.head_fields, 70);
    done(&f);
}

TEST(settings_name_the_variable_that_is_missing)
{
    check_refused(STR("listen: {address: \"${NOPE}:80\"}\n"),
                  STR("f:1:19: address: the environment has no NOPE (set it, or write "
                      "${NAME:-default})\n"));
    check_refused(STR("listen: {address: \"${NOPE\"}\n"),
                  STR("f:1:19: address: \"${NOPE\" has a malformed ${ (write ${NAME} or "
                      "${NAME:-default}; $${ stands for ${)\n"));
}

TEST(settings_never_show_what_the_environment_put_in)
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

TEST(settings_never_show_a_secret)
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

TEST(settings_expand_once)
{
    struct fixture f;

    parse(&f, STR("telemetry: {access_log: {path: \"$${KEY}${BAD}\"}}\n"));
    CHECK_STR(f.s->telemetry.access_log.path, "${KEY}${KEY}");
    done(&f);
}

TEST(settings_pass_on_what_yaml_finds)
{
    check_refused(STR("listen: {address: a\n"),
                  STR("f:2:1: not YAML: missing comma in flow mapping\n"));
    check_refused(STR("listen: {}\nlisten: {}\n"),
                  STR("f:2:1: the key stands twice in its mapping (first on line 1)\n"));
}

TEST(settings_bound_their_lists)
{
    struct buf text;
    struct fixture f;

    buf_init(&text, 1 << 20);
    CHECK_EQ(buf_append(&text, STR("providers: [{name: a, base_url: \"http://a\"}]\nmodels:\n")),
             OK);
    for (int i = 0; i < 4096; i++) {
        CHECK_EQ(buf_append_format(&text, "- {name: m%d, targets: [{provider: a}]}\n", 4095 - i),
                 OK);
    }
    parse(&f, buf_view(&text));
    CHECK_STR(buf_view(&f.printed), "");
    CHECK_EQ(f.s->model_count, 4096);
    for (int i = 0; i < 4096; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%d", i);
        CHECK_SAME(settings_find_model(f.s, str_from_c(name))->name, str_from_c(name));
    }
    CHECK(!settings_find_model(f.s, STR("m")));
    CHECK(!settings_find_model(f.s, STR("m4096")));
    CHECK(!settings_find_model(f.s, STR("")));
    CHECK(!settings_find_model(f.s, STR("*")));
    done(&f);
    CHECK_EQ(buf_append(&text, STR("- {name: more, targets: [{provider: a}]}\n")), OK);
    parse(&f, buf_view(&text));
    CHECK_STR(buf_view(&f.printed), "f:3:1: models takes 0 to 4096 items, not 4097\n");
    done(&f);
    buf_done(&text);
}

TEST(settings_bound_their_texts)
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

TEST(settings_default_without_a_key_has_no_provider)
{
    const char *const empty[] = {"OPENAI_API_KEY=", NULL};
    const char *const *environments[] = {nothing, empty};

    for (size_t i = 0; i < 2; i++) {
        struct settings *s = NULL;
        struct diag d;
        diag_init(&d);
        CHECK_EQ(settings_default(environments[i], &d, &s), OK);
        CHECK_EQ(s->provider_count, 0);
        CHECK_STR(s->listen.address, "127.0.0.1:8080");
        settings_unref(s);
        diag_done(&d);
    }
}

TEST(settings_default_finds_openai_in_the_environment)
{
    const char *const with_key[] = {"OPENAI_API_KEY=sk-abc",
                                    "OPENAI_BASE_URL=http://127.0.0.1:8080/v1", NULL};
    struct settings *s = NULL;
    struct diag d;

    diag_init(&d);
    CHECK_EQ(settings_default(with_key, &d, &s), OK);
    CHECK_EQ(s->provider_count, 1);
    CHECK_STR(s->providers[0].base_url, "https://api.openai.com/v1");
    CHECK_STR(s->providers[0].api_key, "sk-abc");
    CHECK_STR(settings_find_model(s, STR("gpt-5"))->name, "*");
    settings_unref(s);
    diag_done(&d);
}

TEST(settings_default_refuses_a_broken_key)
{
    const char *const broken[] = {"OPENAI_API_KEY=sk\n", NULL};
    struct settings *s = NULL;
    struct diag d;

    diag_init(&d);
    CHECK_EQ(settings_default(broken, &d, &s), ERR_SYNTAX);
    CHECK(!s);
    CHECK_EQ(d.count, 1);
    diag_done(&d);
}

TEST(settings_tell_what_needs_a_restart)
{
    struct fixture a;
    struct fixture b;
    struct buf keys;

    buf_init(&keys, 100);
    parse(&a, STR("limits: {streams: 1}\n"));
    parse(&b, STR("limits: {streams: 2}\ndrains: {grace: 1s}\n"));
    CHECK(!settings_needs_restart(a.s, b.s, &keys));
    done(&b);
    parse(&b, STR("listen: {workers: 2, address: \":1\"}\nadmin: {address: \":2\"}\n"));
    CHECK(settings_needs_restart(a.s, b.s, &keys));
    CHECK_STR(buf_view(&keys), "listen.address, listen.workers, admin.address");
    buf_clear(&keys);
    done(&a);
    parse(&a, STR("listen: {workers: 3, address: \":1\"}\nadmin: {address: \":2\"}\n"));
    CHECK(settings_needs_restart(a.s, b.s, &keys));
    CHECK_STR(buf_view(&keys), "listen.workers");
    done(&a);
    done(&b);
    buf_done(&keys);
}

static void *hold_and_drop(void *shared)
{
    struct settings *s = shared;

    for (int i = 0; i < 10'000; i++) {
        struct settings *held = settings_ref(s);
        CHECK(held->limits.streams == 8192);
        settings_unref(held);
    }
    settings_unref(s);
    return NULL;
}

// The last of four threads to let go frees them; the sanitizers would see anything else.
TEST(settings_are_shared_by_threads)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct fixture f;

    parse(&f, STR(""));
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, hold_and_drop, settings_ref(f.s)), 0);
    }
    done(&f);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    settings_unref(NULL);
}

// Every prefix, and the text with random bytes changed: settings or findings, never a crash.
TEST(settings_survive_damaged_text)
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
