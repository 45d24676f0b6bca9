#include "config/settings_print.h"

#include "support/golden.h"
#include "support/test.h"

static const char *const environment[] = {"OPENAI_API_KEY=sk-very-secret", NULL};

static struct settings *parse(str text)
{
    struct settings *s = NULL;
    struct diag d;
    struct buf printed;

    diag_init(&d);
    buf_init(&printed, 1 << 16);
    (void)settings_parse(text, environment, &d, &s); // what it found is printed below
    CHECK_EQ(diag_print(&d, STR("f"), &printed), OK);
    CHECK_STR(buf_view(&printed), "");
    buf_done(&printed);
    diag_done(&d);
    return s;
}

// What is printed parses, and prints as itself.
static void check_round_trip(str text)
{
    struct settings *s = parse(text);
    struct settings *again;
    struct buf first;
    struct buf second;

    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    CHECK_EQ(settings_print(s, &first), OK);
    again = parse(buf_view(&first));
    CHECK_EQ(settings_print(again, &second), OK);
    CHECK_SAME(buf_view(&second), buf_view(&first));
    settings_unref(s);
    settings_unref(again);
    buf_done(&first);
    buf_done(&second);
}

// Of the settings below, every key.
static const char all_keys[] = "listen:\n"
                               "  address: \"127.0.0.1:8080\"\n"
                               "  workers: 0\n"
                               "admin:\n  address: \"127.0.0.1:8081\"\n"
                               "limits:\n"
                               "  head_bytes: 32KiB\n"
                               "  head_fields: 100\n"
                               "  body_bytes: 64MiB\n"
                               "  upload_bytes: 1GiB\n"
                               "  event_bytes: 1MiB\n"
                               "  connections: 16384\n"
                               "  streams: 8192\n"
                               "  header_timeout: 10s\n"
                               "  idle_timeout: 90s\n"
                               "  body_timeout: 30s\n"
                               "  receive_timeout: 10m\n"
                               "  write_timeout: 30s\n"
                               "  comment_interval: 15s\n"
                               "  upstream_idle_connections: 512\n"
                               "  upstream_idle_timeout: 50s\n"
                               "drains:\n"
                               "  grace: 30s\n"
                               "telemetry:\n"
                               "  access_log:\n"
                               "    path: \"stdout\"\n"
                               "providers:\n"
                               "  - name: \"a\"\n"
                               "    dialect: \"openai\"\n"
                               "    base_url: \"http://a/\"\n"
                               "    api_key: \"***\"\n"
                               "    api_keys: []\n"
                               "    rate:\n"
                               "      per_minute: 0\n"
                               "      burst: 10\n"
                               "    http: \"auto\"\n"
                               "    usage: \"as_asked\"\n"
                               "    tls_verify: true\n"
                               "    timeout: 1m\n"
                               "  - name: \"b\"\n"
                               "    dialect: \"openai\"\n"
                               "    base_url: \"http://b\"\n"
                               "    api_keys: []\n"
                               "    rate:\n"
                               "      per_minute: 0\n"
                               "      burst: 10\n"
                               "    http: \"auto\"\n"
                               "    usage: \"as_asked\"\n"
                               "    tls_verify: false\n"
                               "    ca_file: \"q\\\"\\\\$${x\"\n"
                               "    timeout: 1m\n"
                               "models:\n"
                               "  - name: \"*\"\n"
                               "    targets:\n"
                               "      - provider: \"b\"\n"
                               "        model: \"m\"\n"
                               "        weight: 1\n"
                               "        context: 0\n"
                               "        tools: true\n"
                               "        images: true\n"
                               "        prefill: \"none\"\n"
                               "      - provider: \"a\"\n"
                               "        weight: 1\n"
                               "        context: 0\n"
                               "        tools: true\n"
                               "        images: true\n"
                               "        prefill: \"none\"\n"
                               "    fallback: []\n"
                               "    balance: \"weighted\"\n"
                               "    timeouts:\n"
                               "      total: 10m\n"
                               "      connect: 2s\n"
                               "      first_token: 1m\n"
                               "      between_tokens: 30s\n"
                               "    retry:\n"
                               "      attempts: 3\n"
                               "      budget: 20%\n"
                               "      floor: 5\n"
                               "      wait: 5s\n"
                               "    breaker:\n"
                               "      window: 30s\n"
                               "      samples: 1000\n"
                               "      look: 10s\n"
                               "      latency_floor: 800ms\n"
                               "      gap_floor: 200ms\n"
                               "      latency_factor: 1.3\n"
                               "      error_base: 3%\n"
                               "      error_band: 1.5%\n"
                               "      trip_after: 3\n"
                               "      open: [30s, 2m]\n"
                               "      ramp: 10s\n"
                               "    concurrency:\n"
                               "      min: 16\n"
                               "      max: 8192\n"
                               "    recovery: \"continue\"\n";

TEST(settings_print_shows_all_but_secrets)
{
    struct settings *s = parse(STR(
        "limits: {idle_timeout: 90s}\nproviders: [{name: a, base_url: \"http://a/\", api_key: "
        "\"${OPENAI_API_KEY}\"},\n"
        "            {name: b, base_url: \"http://b\", tls_verify: false, ca_file: 'q\"\\$${x'}]\n"
        "models: [{name: \"*\", targets: [{provider: b, model: m}, {provider: a}]}]\n"));
    struct buf out;

    buf_init(&out, 1 << 16);
    CHECK_EQ(settings_print(s, &out), OK);
    CHECK_SAME(buf_view(&out), str_from_c(all_keys));
    settings_unref(s);
    buf_done(&out);
}

TEST(settings_print_round_trips)
{
    check_round_trip(STR(""));
    check_round_trip(STR("limits: {comment_interval: 0, body_bytes: 10MB}\n"
                         "telemetry: {access_log: {path: 'a\\b\"c'}}\n"));
    check_round_trip(STR("providers: [{name: a, dialect: grpc, base_url: \"http://a\",\n"
                         "  descriptor_set: a.bin, services: [a.B, \"c.D\"], timeout: 0}]\n"));
    check_round_trip(STR("listen: {tls: {certificates: [{certificate: a.pem, key: a.key}]}}\n"));
}

TEST(settings_print_round_trips_the_example)
{
    struct buf text;

    buf_init(&text, 1 << 16);
    golden_read("docs/examples/sluice.yaml", &text);
    check_round_trip(buf_view(&text));
    struct settings *s = parse(buf_view(&text));
    CHECK_EQ(s->provider_count, 4);
    CHECK_STR(s->providers[1].url.host, "models.internal");
    CHECK_EQ(s->providers[1].url.port, 8443);
    CHECK_EQ(settings_find_model(s, STR("smart"))->targets[0].weight, 9);
    CHECK_EQ(settings_find_model(s, STR("smart"))->timeouts.between_tokens_ms, 5000);
    CHECK_STR(settings_find_model(s, STR("any"))->name, "*");
    settings_unref(s);
    buf_done(&text);
}

TEST(settings_print_stops_where_the_buf_is_full)
{
    struct settings *s = parse(STR(""));
    struct buf out;

    for (size_t max = 0; max < 500; max += 20) {
        buf_init(&out, max);
        CHECK_EQ(settings_print(s, &out), ERR_LIMIT);
        buf_done(&out);
    }
    settings_unref(s);
}
