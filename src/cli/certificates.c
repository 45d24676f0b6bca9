// Design: a look at the files is a digest of their times, sizes and inodes. They are tried once two
// looks in a row agree on something new, so that nobody reads a pair of which half is written; if
// they are refused, then not again until they change.
#include "cli/certificates.h"

#include "base/random.h"
#include "http/server.h"
#include "io/file.h"

#include <sys/stat.h>

static void add_finding(struct diag *d, struct diag_place place, str file, str hint,
                        const struct tls_reason *why)
{
    diag_add(d, place, hint, "can't use %" STR_FMT ": %s", STR_ARG(file), why->text);
}

static void add_certificate(struct tls_server *s, const struct settings_certificate *c,
                            struct diag *d)
{
    struct tls_reason why;

    if (tls_server_add_certificate(s, c->certificate, &why))
        add_finding(d, c->certificate_place, c->certificate,
                    STR("a PEM file, the server's own certificate first"), &why);
    else if (tls_server_add_key(s, c->key, &why))
        add_finding(d, c->key_place, c->key,
                    STR("a PEM file, the key of that certificate, without a passphrase"), &why);
}

static void ask_clients(struct tls_server *s, const struct settings_tls *tls, struct diag *d)
{
    struct tls_reason why;
    bool is_required = str_eq(tls->client_auth, STR("required"));

    if (tls->client_ca.len && tls_server_ask_clients(s, tls->client_ca, is_required, &why))
        add_finding(d, tls->client_ca_place, tls->client_ca,
                    STR("a PEM file of one or more authorities"), &why);
}

err certificates_make(const struct settings *settings, struct tls_tickets *tickets, struct diag *d,
                      struct tls_server **out)
{
    const struct settings_tls *tls = &settings->listen.tls;
    struct tls_server_options options = {.needs_1_3 = str_eq(tls->min_version, STR("1.3")),
                                         .tickets = tickets};
    struct tls_server *s = NULL;
    size_t findings = d->count;

    if (!tls->is_given) {
        *out = NULL;
        return OK;
    }
    options.protocol_count = server_protocols(&options.protocols);
    TRY(tls_server_new(&options, &s));
    for (size_t i = 0; i < tls->certificate_count; i++) {
        add_certificate(s, &tls->certificates[i], d);
    }
    ask_clients(s, tls, d);
    if (d->count > findings) {
        tls_server_unref(s);
        return ERR_CERTIFICATE;
    }
    *out = s;
    return OK;
}

static uint64_t look_at(uint64_t before, str file)
{
    char path[FILE_PATH_MAX];
    struct stat now;

    // One that has gone looks like nothing else.
    if (file_path_copy(file, path) || stat(path, &now)) return random_mix(before);
    before = random_mix(before ^ (uint64_t)now.st_ino);
    before = random_mix(before ^ (uint64_t)now.st_size);
    before = random_mix(before ^ (uint64_t)now.st_mtim.tv_sec);
    return random_mix(before ^ (uint64_t)now.st_mtim.tv_nsec);
}

static uint64_t look_at_all(const struct settings_tls *tls)
{
    uint64_t looks = 0;

    for (size_t i = 0; i < tls->certificate_count; i++) {
        looks = look_at(looks, tls->certificates[i].certificate);
        looks = look_at(looks, tls->certificates[i].key);
    }
    return tls->client_ca.len ? look_at(looks, tls->client_ca) : looks;
}

static void replace_server(struct certificates *c, struct tls_server *s)
{
    tls_server_unref(c->server);
    c->server = s;
}

static void try_files(struct certificates *c)
{
    struct tls_server *s = NULL;
    struct diag d;

    diag_init(&d);
    if (certificates_make(c->settings, c->tickets, &d, &s)) {
        c->refused(c, &d);
    } else {
        replace_server(c, s);
        c->changed(c);
    }
    diag_done(&d);
}

static void on_look(struct timer *t)
{
    struct certificates *c = container_of(t, struct certificates, look);
    uint64_t looks = look_at_all(&c->settings->listen.tls);
    bool is_settled = looks == c->looks_now;

    c->looks_now = looks;
    if (is_settled && looks != c->looks_known) {
        c->looks_known = looks;
        try_files(c);
    }
    loop_alarm(c->loop, t, CERTIFICATES_LOOK_MS, on_look);
}

static void on_rotate(struct timer *t)
{
    struct certificates *c = container_of(t, struct certificates, rotate);

    tls_tickets_rotate(c->tickets);
    loop_alarm(c->loop, t, CERTIFICATES_ROTATE_MS, on_rotate);
}

void certificates_open(struct certificates *c, struct loop *loop)
{
    c->loop = loop;
    c->tickets = tls_tickets_new();
    loop_alarm(loop, &c->rotate, CERTIFICATES_ROTATE_MS, on_rotate);
}

err certificates_apply(struct certificates *c, struct settings *settings, struct diag *d)
{
    struct settings *old = c->settings;
    struct tls_server *s = NULL;
    // Before they are read: what changes meanwhile is seen at the next look.
    uint64_t looks = look_at_all(&settings->listen.tls);

    TRY(certificates_make(settings, c->tickets, d, &s));
    replace_server(c, s);
    c->settings = settings_ref(settings);
    settings_unref(old);
    c->looks_now = c->looks_known = looks;
    loop_alarm_stop(c->loop, &c->look);
    if (s) loop_alarm(c->loop, &c->look, CERTIFICATES_LOOK_MS, on_look);
    return OK;
}

void certificates_close(struct certificates *c)
{
    if (!c->loop) return;
    loop_alarm_stop(c->loop, &c->look);
    loop_alarm_stop(c->loop, &c->rotate);
    replace_server(c, NULL);
    tls_tickets_free(c->tickets);
    settings_unref(c->settings);
    c->settings = NULL;
    c->loop = NULL;
}
