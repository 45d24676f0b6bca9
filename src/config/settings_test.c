// Crosses threads: references are counted by several.
#include "config/settings.h"

#include "base/list.h"

#include "support/test.h"

#include <pthread.h>
#include <stdio.h>

static const char *const environment[] = {"KEY=sk-very-secret", "HOST=models.example.com", NULL};
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
    CHECK_EQ(s->limits.body_bytes, 64 << 20);
    CHECK_EQ(s->limits.upload_bytes, 1 << 30);
    CHECK_EQ(s->limits.event_bytes, 1 << 20);
    CHECK_EQ(s->limits.connections, 16'384);
    CHECK_EQ(s->limits.streams, 8192);
    CHECK_EQ(s->limits.header_ms, 10'000);
    CHECK_EQ(s->limits.idle_ms, 75'000);
    CHECK_EQ(s->limits.body_ms, 30'000);
    CHECK_EQ(s->limits.write_ms, 30'000);
    CHECK_EQ(s->limits.keepalive_comment_ms, 15'000);
    CHECK_EQ(s->limits.upstream_idle_connections, 512);
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
                  "     dialect: openai, http: \"2\"}\n"));
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
    CHECK_STR(a->http, "auto");
    CHECK_STR(b->http, "2");

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

    CHECK_EQ(smart->fallback_count, 0);
    CHECK_STR(smart->recovery, "continue");

    const struct settings_model *any = settings_find_model(f.s, STR("whatever"));
    CHECK_STR(any->name, "*");
    CHECK_EQ(any->timeouts.total_ms, 600'000);
    CHECK_EQ(any->timeouts.connect_ms, 2000);
    CHECK_EQ(any->timeouts.first_token_ms, 60'000);
    CHECK_EQ(any->timeouts.between_tokens_ms, 30'000);
    done(&f);
}

TEST(settings_take_grpc_and_where_its_services_were_named)
{
    struct fixture f;

    parse(&f,
          STR("providers:\n"
              "  - {name: a, dialect: grpc, base_url: \"http://a:50051\", descriptor_set: a.bin,\n"
              "     services: [a.B,\n"
              "                c.D], timeout: 5s}\n"
              "  - {name: b, dialect: grpc, base_url: \"https://b\", descriptor_set: /b.bin,\n"
              "     timeout: 0}\n"));
    CHECK_STR(buf_view(&f.printed), "");
    const struct settings_provider *a = &f.s->providers[0];
    const struct settings_provider *b = &f.s->providers[1];
    CHECK_STR(a->descriptor_set, "a.bin");
    CHECK_EQ(a->descriptor_set_place.line, 2);
    CHECK_EQ(a->service_count, 2);
    CHECK_STR(a->services[0].text, "a.B");
    CHECK_STR(a->services[1].text, "c.D");
    CHECK_EQ(a->services[1].place.line, 4);
    CHECK_EQ(a->services[1].place.column, 17);
    CHECK_EQ(a->timeout_ms, 5000);
    CHECK_EQ(b->service_count, 0);
    CHECK_EQ(b->timeout_ms, 0);
    CHECK_EQ(f.s->attachment == NULL, true);
    done(&f);
}

struct tag {
    struct settings_attachment attachment;
    int freed_count;
};

static void free_tag(struct settings_attachment *a)
{
    container_of(a, struct tag, attachment)->freed_count++;
}

TEST(settings_free_what_was_made_of_them_with_the_last_reference)
{
    struct tag tag = {.attachment.free = free_tag};
    struct fixture f;

    parse(&f, STR(""));
    f.s->attachment = &tag.attachment;
    settings_unref(settings_ref(f.s));
    CHECK_EQ(tag.freed_count, 0);
    done(&f);
    CHECK_EQ(tag.freed_count, 1);
}

TEST(settings_take_tls_and_where_its_files_were_named)
{
    struct fixture f;

    parse(&f, STR("listen:\n"
                  "  tls:\n"
                  "    certificates:\n"
                  "      - {certificate: /etc/a.pem, key: /etc/a.key}\n"
                  "      - certificate: b.pem\n"
                  "        key: b.key\n"
                  "    client_ca: ca.pem\n"
                  "    client_auth: optional\n"
                  "    min_version: 1.3\n"
                  "    plaintext: allow\n"));
    CHECK_STR(buf_view(&f.printed), "");
    const struct settings_tls *tls = &f.s->listen.tls;
    CHECK(tls->is_given);
    CHECK_EQ(tls->certificate_count, 2);
    CHECK_STR(tls->certificates[0].certificate, "/etc/a.pem");
    CHECK_STR(tls->certificates[0].key, "/etc/a.key");
    CHECK_STR(tls->certificates[1].certificate, "b.pem");
    CHECK_EQ(tls->certificates[1].certificate_place.line, 5);
    CHECK_EQ(tls->certificates[1].certificate_place.column, 22);
    CHECK_EQ(tls->certificates[1].key_place.line, 6);
    CHECK_STR(tls->client_ca, "ca.pem");
    CHECK_EQ(tls->client_ca_place.line, 7);
    CHECK_STR(tls->client_auth, "optional");
    CHECK_STR(tls->min_version, "1.3");
    CHECK_STR(tls->plaintext, "allow");
    done(&f);
    parse(&f, STR("listen: {tls: {certificates: [{certificate: a, key: a}]}}"));
    CHECK_STR(f.s->listen.tls.client_auth, "none");
    CHECK_STR(f.s->listen.tls.min_version, "1.2");
    CHECK_STR(f.s->listen.tls.plaintext, "refuse");
    CHECK_EQ(f.s->listen.tls.client_ca.len, 0);
    done(&f);
    parse(&f, STR("listen: {workers: 1}"));
    CHECK(!f.s->listen.tls.is_given);
    CHECK_EQ(f.s->listen.tls.certificate_count, 0);
    done(&f);
}

TEST(settings_count_relative_paths_from_the_folder_of_the_file)
{
    const str text = STR("listen: {tls: {certificates: [{certificate: tls/a.pem, key: /a.key}]}}\n"
                         "providers: [{name: a, base_url: \"http://a\", ca_file: ../ca.pem},\n"
                         "            {name: b, base_url: \"http://b\"}]\n"
                         "telemetry: {access_log: {path: a.log}}\n");
    struct settings *s = NULL;
    struct diag d;

    diag_init(&d);
    CHECK_EQ(settings_parse_in(STR("/etc/sluice"), text, nothing, &d, &s), OK);
    CHECK_STR(s->listen.tls.certificates[0].certificate, "/etc/sluice/tls/a.pem");
    CHECK_EQ(s->listen.tls.certificates[0].certificate.ptr[21], '\0');
    CHECK_STR(s->listen.tls.certificates[0].key, "/a.key");
    CHECK_STR(s->providers[0].ca_file, "/etc/sluice/../ca.pem");
    CHECK_STR(s->providers[1].ca_file, "");
    CHECK_STR(s->telemetry.access_log.path, "a.log"); // no file that must be there
    settings_unref(s);
    diag_done(&d);
}

TEST(settings_take_what_rules_failures)
{
    struct fixture f;

    parse(&f, STR("providers:\n"
                  "  - name: a\n"
                  "    base_url: \"http://a\"\n"
                  "    api_keys: [{name: one, key: sk-1}, {name: two, key: \"${KEY}\"}]\n"
                  "    rate: {per_minute: 60, burst: 3}\n"
                  "    usage: always\n"
                  "models:\n"
                  "  - name: m\n"
                  "    targets: [{provider: a, context: 8192, tools: false, images: false}]\n"
                  "    fallback: [{provider: a, model: big, prefill: vllm}]\n"
                  "    balance: least_load\n"
                  "    retry: {attempts: 2, budget: 12.5%, floor: 0, wait: 1s}\n"
                  "    breaker: {latency_factor: 1.25, error_base: 5%, error_band: 0.25%,\n"
                  "              trip_after: 0, open: [5s, \"${LONG:-1m}\"], ramp: 0}\n"
                  "    concurrency: {min: 2, max: 0}\n"
                  "    recovery: error\n"));
    CHECK_STR(buf_view(&f.printed), "");
    const struct settings_provider *a = &f.s->providers[0];
    CHECK_EQ(a->api_key_count, 2);
    CHECK_STR(a->api_keys[1].name, "two");
    CHECK_STR(a->api_keys[1].key, "sk-very-secret");
    CHECK_EQ(a->rate.per_minute, 60);
    CHECK_EQ(a->rate.burst, 3);
    CHECK_STR(a->usage, "always");
    const struct settings_model *m = &f.s->models[0];
    CHECK_EQ(m->targets[0].context, 8192);
    CHECK(!m->targets[0].tools && !m->targets[0].images);
    CHECK_STR(m->targets[0].prefill, "none");
    CHECK_EQ(m->fallback_count, 1);
    CHECK_STR(m->fallback[0].model, "big");
    CHECK(m->fallback[0].tools && m->fallback[0].images);
    CHECK_STR(m->fallback[0].prefill, "vllm");
    CHECK_STR(m->balance, "least_load");
    CHECK_EQ(m->retry.attempts, 2);
    CHECK_EQ(m->retry.budget_bp, 1250);
    CHECK_EQ(m->retry.floor, 0);
    CHECK_EQ(m->retry.wait_ms, 1000);
    CHECK_EQ(m->breaker.latency_factor, 1250);
    CHECK_EQ(m->breaker.error_base_bp, 500);
    CHECK_EQ(m->breaker.error_band_bp, 25);
    CHECK_EQ(m->breaker.trip_after, 0);
    CHECK_EQ(m->breaker.open.from_ms, 5000);
    CHECK_EQ(m->breaker.open.to_ms, 60'000);
    CHECK_EQ(m->breaker.ramp_ms, 0);
    CHECK_EQ(m->concurrency.min, 2);
    CHECK_EQ(m->concurrency.max, 0);
    CHECK_STR(m->recovery, "error");
    done(&f);
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

static void check_default(const char *const *given, const char *model, const char *provider)
{
    struct settings *s = NULL;
    struct diag d;

    diag_init(&d);
    CHECK_EQ(settings_default(given, &d, &s), OK);
    const struct settings_model *m = settings_find_model(s, str_from_c(model));
    CHECK(m != NULL);
    CHECK_SAME(s->providers[m->targets[0].provider].name, str_from_c(provider));
    settings_unref(s);
    diag_done(&d);
}

TEST(settings_default_sends_claude_to_anthropic)
{
    const char *const both[] = {"OPENAI_API_KEY=sk-a", "ANTHROPIC_API_KEY=sk-b", NULL};
    const char *const one[] = {"ANTHROPIC_API_KEY=sk-b", NULL};

    check_default(both, "claude-sonnet", "anthropic");
    check_default(both, "gpt-5", "openai");
    check_default(one, "gpt-5", "anthropic");
}

TEST(settings_find_the_longest_pattern)
{
    struct fixture f;

    parse(&f, STR("providers: [{name: p, base_url: \"http://a/v1\"}]\n"
                  "models:\n"
                  "  - {name: \"*\", targets: [{provider: p}]}\n"
                  "  - {name: \"gpt-5-*\", targets: [{provider: p}]}\n"
                  "  - {name: \"gpt-*\", targets: [{provider: p}]}\n"
                  "  - {name: gpt-5-mini, targets: [{provider: p}]}\n"));
    CHECK_STR(settings_find_model(f.s, STR("gpt-5-mini"))->name, "gpt-5-mini");
    CHECK_STR(settings_find_model(f.s, STR("gpt-5-pro"))->name, "gpt-5-*");
    CHECK_STR(settings_find_model(f.s, STR("gpt-4o"))->name, "gpt-*");
    CHECK_STR(settings_find_model(f.s, STR("o3"))->name, "*");
    done(&f);
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
