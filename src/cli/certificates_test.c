#include "cli/certificates.h"

#include "support/identity.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[32];

// Certificates on a virtual loop; `site` lies in the folder as site.crt and site.key.
struct bench {
    struct loop loop;
    struct certificates certificates;
    struct identity site;
    struct settings *settings;
    int changed_count;
    int refused_count;
    char why[400];
};

static void on_changed(struct certificates *c)
{
    container_of(c, struct bench, certificates)->changed_count++;
}

static void on_refused(struct certificates *c, const struct diag *why)
{
    struct bench *b = container_of(c, struct bench, certificates);
    struct buf text;

    b->refused_count++;
    buf_init(&text, sizeof(b->why) - 1);
    CHECK_EQ(diag_print(why, STR("f"), &text), OK);
    memcpy(b->why, buf_view(&text).ptr, buf_len(&text));
    b->why[buf_len(&text)] = '\0';
    buf_done(&text);
}

static void make_site(struct bench *b)
{
    if (b->site.key) {
        X509_free(b->site.certificate);
        EVP_PKEY_free(b->site.key);
    }
    identity_make(&b->site, folder,
                  &(struct identity_options){.name = "site", .seconds_left = 3600});
}

static struct settings *parse(str text)
{
    const char *const nothing[] = {NULL};
    struct settings *s = NULL;
    struct diag d;

    diag_init(&d);
    CHECK_EQ(settings_parse_in(str_from_c(folder), text, nothing, &d, &s), OK);
    diag_done(&d);
    return s;
}

static const str site_settings =
    STR_INIT("listen:\n"
             "  tls:\n"
             "    certificates: [{certificate: site.crt, key: site.key}]\n");

static void bench_init(struct bench *b)
{
    struct diag d;

    *b = (struct bench){.certificates = {.changed = on_changed, .refused = on_refused}};
    snprintf(folder, sizeof(folder), "/tmp/certificates_test.XXXXXX");
    CHECK(mkdtemp(folder));
    make_site(b);
    loop_init_virtual(&b->loop, 0);
    certificates_open(&b->certificates, &b->loop);
    b->settings = parse(site_settings);
    diag_init(&d);
    CHECK_EQ(certificates_apply(&b->certificates, b->settings, &d), OK);
    CHECK(b->certificates.server);
    diag_done(&d);
}

static void bench_done(struct bench *b)
{
    certificates_close(&b->certificates);
    certificates_close(&b->certificates); // harmless
    settings_unref(b->settings);
    loop_done(&b->loop);
    identity_forget(&b->site);
    CHECK_EQ(rmdir(folder), 0);
}

static void wait(struct bench *b, msec ms)
{
    msec until = b->loop.now + ms;

    while (b->loop.now < until && loop_turn(&b->loop, until - b->loop.now)) {
    }
    CHECK_EQ(b->loop.now, until);
}

TEST(certificates_that_change_are_taken_over_within_seconds)
{
    struct bench b;

    bench_init(&b);
    wait(&b, 60'000);
    CHECK_EQ(b.changed_count, 0);
    for (int i = 1; i < 4; i++) {
        struct tls_server *old = tls_server_ref(b.certificates.server);
        make_site(&b);
        wait(&b, 2 * CERTIFICATES_LOOK_MS);
        CHECK_EQ(b.changed_count, i);
        CHECK(b.certificates.server != old);
        tls_server_unref(old);
    }
    CHECK_EQ(b.refused_count, 0);
    bench_done(&b);
}

TEST(certificates_of_which_half_has_changed_change_nothing)
{
    struct bench b;
    char key[4096];
    size_t len = 0;

    bench_init(&b);
    struct tls_server *old = b.certificates.server;
    FILE *f = fopen(b.site.key_file, "r");
    CHECK(f);
    len = fread(key, 1, sizeof(key), f);
    fclose(f);
    make_site(&b);
    char new_key[4096];
    f = fopen(b.site.key_file, "r");
    size_t new_len = fread(new_key, 1, sizeof(new_key), f);
    fclose(f);
    f = fopen(b.site.key_file, "w");
    CHECK_EQ(fwrite(key, 1, len, f), len);
    fclose(f);
    wait(&b, 60'000);
    CHECK_EQ(b.changed_count, 0);
    CHECK_EQ(b.refused_count, 1); // said once
    CHECK(b.certificates.server == old);
    CHECK(strstr(b.why, "f:3:49: can't use ") && strstr(b.why, "site.key: key values mismatch"));
    f = fopen(b.site.key_file, "w");
    CHECK_EQ(fwrite(new_key, 1, new_len, f), new_len);
    fclose(f);
    wait(&b, 2 * CERTIFICATES_LOOK_MS);
    CHECK_EQ(b.changed_count, 1);
    bench_done(&b);
}

TEST(certificates_that_are_being_written_are_left_alone)
{
    struct bench b;

    bench_init(&b);
    for (int i = 0; i < 5; i++) { // another file at each look
        make_site(&b);
        wait(&b, CERTIFICATES_LOOK_MS);
        CHECK_EQ(b.changed_count, 0);
    }
    wait(&b, CERTIFICATES_LOOK_MS);
    CHECK_EQ(b.changed_count, 1);
    CHECK_EQ(unlink(b.site.key_file), 0);
    wait(&b, 2 * CERTIFICATES_LOOK_MS);
    CHECK_EQ(b.refused_count, 1);
    CHECK(strstr(b.why, "No such file or directory"));
    bench_done(&b);
}

TEST(certificates_follow_other_settings_and_keep_the_good_ones)
{
    struct bench b;
    struct diag d;

    bench_init(&b);
    struct settings *bad =
        parse(STR("listen: {tls: {certificates: [{certificate: site.crt, key: no.key},\n"
                  "                              {certificate: no.crt, key: no.key}],\n"
                  "               client_ca: no.pem, client_auth: required}}\n"));
    struct settings *none = parse(STR("listen: {workers: 1}"));
    struct tls_server *old = b.certificates.server;
    diag_init(&d);
    CHECK_EQ(certificates_apply(&b.certificates, bad, &d), ERR_CERTIFICATE);
    CHECK_EQ(d.count, 3); // all of what is wrong
    CHECK_EQ(d.findings[0].column, 60);
    CHECK_EQ(d.findings[1].line, 2);
    CHECK_EQ(d.findings[2].line, 3);
    CHECK(b.certificates.server == old);
    CHECK_EQ(certificates_apply(&b.certificates, none, &d), OK);
    CHECK(!b.certificates.server);
    make_site(&b);
    wait(&b, 60'000);
    CHECK_EQ(b.changed_count, 0); // nobody looks
    CHECK_EQ(certificates_apply(&b.certificates, b.settings, &d), OK);
    CHECK(b.certificates.server);
    wait(&b, 3LL * CERTIFICATES_ROTATE_MS);
    CHECK_EQ(b.changed_count, 0);
    diag_done(&d);
    settings_unref(bad);
    settings_unref(none);
    bench_done(&b);
}
