// Crosses threads.
#include "io/tls_server.h"

#include "io/memory_stream.h"

#include "support/identity.h"
#include "support/test.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/tls_server_test.XXXXXX";
static struct identity authority;
static struct identity stranger;
static struct identity plain_name; // one.house.example, also.house.example
static struct identity wildcard;   // *.house.example
static struct identity nameless;   // by its common name alone: legacy.test
static struct identity client;
static struct identity client_of_stranger;

static void forget_identities(void)
{
    struct identity *all[] = {&authority, &stranger, &plain_name,        &wildcard,
                              &nameless,  &client,   &client_of_stranger};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        identity_forget(all[i]);
    }
    (void)rmdir(folder);
}

static void make(struct identity *i, const char *name, struct identity *by, const char *names)
{
    identity_make(
        i, folder,
        &(struct identity_options){.name = name, .by = by, .names = names, .seconds_left = 3600});
}

static void make_identities(void)
{
    if (authority.key) return;
    CHECK(mkdtemp(folder));
    make(&authority, "authority", NULL, NULL);
    make(&stranger, "stranger", NULL, NULL);
    make(&plain_name, "one", &authority, "DNS:one.house.example,DNS:also.house.example");
    make(&wildcard, "wildcard", &authority, "DNS:*.house.example");
    make(&nameless, "legacy.test", NULL, NULL);
    make(&client, "client", &authority, "DNS:client.example");
    make(&client_of_stranger, "intruder", &stranger, "DNS:client.example");
    CHECK_EQ(atexit(forget_identities), 0);
}

static struct tls_server *new_server(const struct tls_server_options *options)
{
    struct tls_server *s = NULL;

    make_identities();
    CHECK_EQ(tls_server_new(options, &s), OK);
    return s;
}

static void add(struct tls_server *s, const struct identity *i)
{
    struct tls_reason why = {""};
    err e = tls_server_add_certificate(s, str_from_c(i->certificate_file), &why);

    if (!e) e = tls_server_add_key(s, str_from_c(i->key_file), &why);
    if (e) test_fail(__FILE__, __LINE__, "%s", why.text);
}

static struct tls_server *server_of(const struct identity *i)
{
    struct tls_server *s = new_server(&(struct tls_server_options){.needs_1_3 = false});

    add(s, i);
    return s;
}

// A client of OpenSSL's own making, so that it can be told what ours never would do.
struct guest {
    SSL_CTX *ctx;
    SSL_SESSION *session; // NULL: none to resume
    const char *host;     // NULL: it names none
};

static void guest_init(struct guest *g, const char *host)
{
    *g = (struct guest){.ctx = SSL_CTX_new(TLS_client_method()), .host = host};
    CHECK(g->ctx);
}

// Keeps the session of `ssl` for the next visit, with the newest ticket that came.
static void guest_keep(struct guest *g, SSL *ssl)
{
    SSL_SESSION *session = SSL_get1_session(ssl);

    if (session && !SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(session);
        return;
    }
    SSL_SESSION_free(g->session);
    g->session = session;
}

static void guest_show(struct guest *g, const struct identity *i)
{
    CHECK(SSL_CTX_use_certificate(g->ctx, i->certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(g->ctx, i->key) == 1);
}

static void guest_done(struct guest *g)
{
    SSL_SESSION_free(g->session);
    SSL_CTX_free(g->ctx);
}

struct side {
    struct tls_handshake handshake;
    err result;
};

// What a visit showed.
struct visit {
    struct side guest;
    struct side server;
    struct stream_security security; // as the server sees it
    char certificate[32];            // whose common name the server showed
    const char *cipher;
    long group; // of the key exchange
    err read;   // what the server's first read said
};

static void note_done(struct op *op, err result)
{
    container_of(op, struct side, handshake.op)->result = result;
}

static void note_certificate(struct visit *v, SSL *ssl)
{
    X509 *x = SSL_get0_peer_certificate(ssl);

    if (x)
        X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, v->certificate,
                                  sizeof(v->certificate));
}

// Reads once at either side, which takes the ticket and any late refusal; then both leave.
static void end_visit(struct visit *v, struct loop *l)
{
    struct side *sides[] = {&v->server, &v->guest};
    char byte = 0;
    size_t len = 0;

    if (v->server.handshake.stream) stream_secured(v->server.handshake.stream, &v->security);
    for (int i = 0; i < 2; i++) {
        struct stream *s = sides[i]->handshake.stream;
        err e = s ? stream_read(s, &byte, 1, &len) : sides[i]->result;
        if (i == 0) v->read = e;
        (void)loop_turn(l, 0);
    }
    for (int i = 0; i < 2; i++) {
        if (sides[i]->handshake.stream) stream_close(sides[i]->handshake.stream, STREAM_CLOSE);
    }
    loop_run(l);
}

// What SSL_set_tlsext_host_name() does; as a macro it casts a const away.
static void name_host(SSL *ssl, const char *host)
{
    CHECK(SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                   (void *)(uintptr_t)host) == 1);
}

static void meet(struct visit *v, struct guest *g, struct tls_server *s)
{
    struct loop l;
    struct stream *near = NULL;
    struct stream *far = NULL;
    SSL *ssl = SSL_new(g->ctx);

    *v = (struct visit){.guest = {.result = ERR_AGAIN}, .server = {.result = ERR_AGAIN}};
    loop_init_virtual(&l, 0);
    memory_stream_pair(&l, (struct memory_stream_options){0}, &near, &far);
    if (g->host) name_host(ssl, g->host);
    if (g->session) CHECK(SSL_set_session(ssl, g->session) == 1);
    SSL_set_connect_state(ssl);
    CHECK(SSL_up_ref(ssl) == 1);
    tls_stream_start(&v->guest.handshake, ssl, near, 3000, note_done);
    tls_server_accept(&v->server.handshake, s, far, 3000, note_done);
    (void)loop_turn(&l, 0);
    note_certificate(v, ssl);
    v->cipher = SSL_get_cipher_name(ssl);
    v->group = SSL_get_negotiated_group(ssl);
    end_visit(v, &l);
    guest_keep(g, ssl);
    SSL_free(ssl);
    loop_done(&l);
}

// Meets a server as a client that names `host`; whose certificate it was shown.
static void check_shown(struct tls_server *s, const char *host, const char *certificate)
{
    struct guest g;
    struct visit v;

    guest_init(&g, host);
    meet(&v, &g, s);
    CHECK_EQ(v.server.result, OK);
    CHECK_SAME(str_from_c(v.certificate), str_from_c(certificate));
    guest_done(&g);
}

TEST(tls_server_shows_the_certificate_of_the_host_that_is_named)
{
    struct tls_server *s = server_of(&nameless);

    add(s, &wildcard);
    add(s, &plain_name);
    check_shown(s, NULL, "legacy.test");
    check_shown(s, "stranger.test", "legacy.test");
    check_shown(s, "one.house.example", "one"); // before the wildcard that covers it, too
    check_shown(s, "also.house.example", "one");
    check_shown(s, "ONE.House.Example", "one");
    check_shown(s, "two.house.example", "wildcard");
    check_shown(s, "a.b.house.example", "legacy.test"); // a wildcard covers one label
    check_shown(s, "house.example", "legacy.test");
    tls_server_unref(s);
}

TEST(tls_server_takes_the_common_name_only_where_there_is_no_other)
{
    struct tls_server *s = server_of(&wildcard);

    add(s, &nameless);
    add(s, &plain_name);
    check_shown(s, "legacy.test", "legacy.test");
    check_shown(s, "one", "wildcard"); // the common name of a certificate that has others
    tls_server_unref(s);
}

TEST(tls_server_resumes_with_tickets_of_any_server_of_the_same_keys)
{
    struct tls_tickets *t = tls_tickets_new();
    struct tls_server *s = new_server(&(struct tls_server_options){.tickets = t});
    struct guest g;
    struct visit v;

    add(s, &plain_name);
    guest_init(&g, "one.house.example");
    meet(&v, &g, s);
    CHECK(!v.security.is_resumed);
    CHECK(g.session);
    for (int i = 0; i < 2; i++) {
        struct tls_server *reloaded = new_server(&(struct tls_server_options){.tickets = t});
        add(reloaded, i == 0 ? &plain_name : &wildcard);
        if (i == 1) add(reloaded, &plain_name);
        meet(&v, &g, reloaded);
        CHECK(v.security.is_resumed);
        CHECK_STR(v.security.version, "1.3");
        tls_server_unref(reloaded);
    }
    struct tls_server *other = server_of(&plain_name);
    meet(&v, &g, other);
    CHECK_EQ(v.server.result, OK);
    CHECK(!v.security.is_resumed);
    tls_server_unref(other);
    guest_done(&g);
    tls_server_unref(s);
    tls_tickets_free(t);
}

TEST(tls_server_opens_tickets_of_the_last_key_and_of_no_older_one)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct tls_tickets *t = tls_tickets_new();
        struct tls_server *s = new_server(&(struct tls_server_options){.tickets = t});
        struct guest g;
        struct visit v;
        SSL_SESSION *kept = NULL;
        add(s, &plain_name);
        guest_init(&g, "one.house.example");
        CHECK(SSL_CTX_set_max_proto_version(g.ctx, version) == 1);
        meet(&v, &g, s);
        CHECK(!v.security.is_resumed);
        kept = g.session;
        CHECK(SSL_SESSION_up_ref(kept) == 1);
        tls_tickets_rotate(t);
        meet(&v, &g, s);
        CHECK(v.security.is_resumed);
        CHECK(g.session != kept); // it was given a newer one
        tls_tickets_rotate(t);
        meet(&v, &g, s);
        CHECK(v.security.is_resumed);
        SSL_SESSION_free(g.session);
        g.session = kept;
        meet(&v, &g, s);
        CHECK_EQ(v.server.result, OK);
        CHECK(!v.security.is_resumed);
        guest_done(&g);
        tls_server_unref(s);
        tls_tickets_free(t);
    }
}

TEST(tls_server_gives_one_ticket_and_takes_no_early_data)
{
    struct tls_server *s = server_of(&plain_name);
    struct guest g;
    struct visit v;

    guest_init(&g, NULL);
    meet(&v, &g, s);
    CHECK(g.session);
    CHECK_EQ(SSL_SESSION_get_max_early_data(g.session), 0);
    CHECK(SSL_SESSION_get_ticket_lifetime_hint(g.session) == 2 * 3600);
    guest_done(&g);
    tls_server_unref(s);
}

static struct tls_server *asking(const struct identity *i, bool is_required, struct tls_tickets *t)
{
    struct tls_server *s = new_server(&(struct tls_server_options){.tickets = t});

    add(s, &wildcard);
    add(s, &plain_name);
    CHECK_EQ(tls_server_ask_clients(s, str_from_c(i->certificate_file), is_required, NULL), OK);
    return s;
}

TEST(tls_server_lets_in_only_clients_that_its_authorities_know)
{
    static const struct {
        const struct identity *shown; // NULL: none
        bool is_required;
        bool is_let_in;
        const char *subject;
    } cases[] = {{&client, true, true, "CN=client"},
                 {&client, false, true, "CN=client"},
                 {NULL, true, false, ""},
                 {NULL, false, true, ""},
                 {&client_of_stranger, true, false, ""},
                 {&client_of_stranger, false, false, ""}};
    const char *hosts[] = {NULL, "one.house.example"};

    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct tls_server *s = asking(&authority, cases[i / 2].is_required, NULL);
        struct guest g;
        struct visit v;
        guest_init(&g, hosts[i % 2]);
        if (cases[i / 2].shown) guest_show(&g, cases[i / 2].shown);
        meet(&v, &g, s);
        CHECK_EQ(v.server.result, cases[i / 2].is_let_in ? OK : ERR_CERTIFICATE);
        CHECK_SAME(str_from_c(v.certificate), i % 2 ? STR("one") : STR("wildcard"));
        CHECK_SAME(str_from_c(v.security.subject), str_from_c(cases[i / 2].subject));
        if (!cases[i / 2].is_let_in) CHECK(v.server.handshake.reason.text[0]);
        guest_done(&g);
        tls_server_unref(s);
    }
}

TEST(tls_server_resumes_no_session_made_under_other_demands)
{
    struct tls_tickets *t = tls_tickets_new();
    struct tls_server *asks_none = new_server(&(struct tls_server_options){.tickets = t});
    struct tls_server *others[] = {asking(&authority, true, t), asking(&authority, false, t),
                                   asking(&stranger, false, t)};
    struct guest g;
    struct visit v;

    add(asks_none, &wildcard);
    guest_init(&g, NULL);
    meet(&v, &g, asks_none);
    CHECK_EQ(v.server.result, OK);
    for (int i = 0; i < 3; i++) {
        meet(&v, &g, others[i]);
        CHECK_EQ(v.server.result == OK, i > 0);
        CHECK(!v.security.is_resumed);
    }
    meet(&v, &g, others[2]);
    CHECK(v.security.is_resumed);
    guest_done(&g);
    // A client that has proven who it is need not do so again.
    guest_init(&g, NULL);
    guest_show(&g, &client);
    for (int i = 0; i < 2; i++) {
        meet(&v, &g, others[0]);
        CHECK_EQ(v.security.is_resumed, i > 0);
        CHECK_STR(str_from_c(v.security.subject), "CN=client");
    }
    guest_done(&g);
    for (int i = 0; i < 3; i++) {
        tls_server_unref(others[i]);
    }
    tls_server_unref(asks_none);
    tls_tickets_free(t);
}

TEST(tls_server_speaks_the_versions_it_is_told_to)
{
    static const struct {
        int version;
        bool needs_1_3;
        err result;
    } cases[] = {{TLS1_1_VERSION, false, ERR_TLS},
                 {TLS1_2_VERSION, false, OK},
                 {TLS1_2_VERSION, true, ERR_TLS},
                 {TLS1_3_VERSION, true, OK}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tls_server *s =
            new_server(&(struct tls_server_options){.needs_1_3 = cases[i].needs_1_3});
        struct guest g;
        struct visit v;
        add(s, &plain_name);
        guest_init(&g, NULL);
        CHECK(SSL_CTX_set_cipher_list(g.ctx, "ALL:@SECLEVEL=0") == 1);
        CHECK(SSL_CTX_set_min_proto_version(g.ctx, cases[i].version) == 1);
        CHECK(SSL_CTX_set_max_proto_version(g.ctx, cases[i].version) == 1);
        meet(&v, &g, s);
        CHECK_EQ(v.server.result, cases[i].result);
        guest_done(&g);
        tls_server_unref(s);
    }
}

TEST(tls_server_chooses_what_costs_least_of_what_is_strong)
{
    static const struct {
        const char *offered;
        const char *chosen;
    } cases[] = {
        {"TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
        {"TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},
        // Whoever wants it most has no AES in hardware.
        {"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}};
    struct tls_server *s = server_of(&plain_name);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guest g;
        struct visit v;
        guest_init(&g, NULL);
        CHECK(SSL_CTX_set_ciphersuites(g.ctx, cases[i].offered) == 1);
        char groups[16];
        snprintf(groups, sizeof(groups), "%s", i ? "P-256" : "X25519:P-521");
        CHECK(SSL_CTX_set1_groups_list(g.ctx, groups) == 1);
        meet(&v, &g, s);
        CHECK_SAME(str_from_c(v.cipher), str_from_c(cases[i].chosen));
        CHECK_EQ(v.group, i ? NID_X9_62_prime256v1 : NID_X25519);
        guest_done(&g);
    }
    tls_server_unref(s);
}

// A copy of a key that can't be read without a passphrase.
static void lock_key(const struct identity *i, char *path, size_t size)
{
    FILE *f = NULL;

    snprintf(path, size, "%s/locked.key", folder);
    f = fopen(path, "w");
    CHECK(f && PEM_write_PrivateKey(f, i->key, EVP_aes_128_cbc(), NULL, 0, NULL,
                                    (void *)(uintptr_t) "secret") == 1);
    fclose(f);
}

TEST(tls_server_refuses_files_that_do_not_fit_with_a_reason)
{
    struct tls_server *s = new_server(&(struct tls_server_options){.tickets = NULL});
    str certificate = str_from_c(plain_name.certificate_file);
    char locked[96];
    struct tls_reason why = {""};
    const str no_keys[] = {STR("/nowhere/x.key"), str_from_c(wildcard.key_file), certificate,
                           str_from_c(locked), STR("")};

    lock_key(&plain_name, locked, sizeof(locked));
    CHECK_EQ(tls_server_add_certificate(s, STR("/nowhere/x.crt"), &why), ERR_CERTIFICATE);
    CHECK_STR(str_from_c(why.text), "No such file or directory");
    CHECK_EQ(tls_server_add_certificate(s, str_from_c(plain_name.key_file), &why), ERR_CERTIFICATE);
    CHECK_STR(str_from_c(why.text), "no start line");
    for (size_t i = 0; i < sizeof(no_keys) / sizeof(no_keys[0]); i++) {
        CHECK_EQ(tls_server_add_certificate(s, certificate, NULL), OK);
        why.text[0] = '\0';
        CHECK(tls_server_add_key(s, no_keys[i], &why) != OK);
        CHECK(why.text[0]);
    }
    CHECK_EQ(tls_server_ask_clients(s, STR("/nowhere/ca.pem"), true, &why), ERR_CERTIFICATE);
    CHECK_STR(str_from_c(why.text), "No such file or directory");
    CHECK_EQ(tls_server_ask_clients(s, str_from_c(client.key_file), true, &why), ERR_CERTIFICATE);
    CHECK_EQ(unlink(locked), 0);
    tls_server_unref(s);
    tls_server_unref(NULL);
    tls_tickets_free(NULL);
}

TEST(tls_server_takes_so_many_certificates_and_only_sensible_protocols)
{
    struct tls_server *s = new_server(&(struct tls_server_options){.tickets = NULL});
    const str odd[] = {STR("h2"), STR("")};
    struct tls_reason why = {""};

    for (int i = 0; i < TLS_CERTIFICATES_MAX; i++) {
        add(s, &wildcard);
    }
    CHECK_EQ(tls_server_add_certificate(s, str_from_c(wildcard.certificate_file), &why), ERR_LIMIT);
    CHECK(why.text[0]);
    tls_server_unref(s);
    CHECK_EQ(
        tls_server_new(&(struct tls_server_options){.protocols = odd, .protocol_count = 2}, &s),
        ERR_RANGE);
}

struct crowd {
    struct tls_server *server;
    struct tls_tickets *tickets;
};

static void *visit_often(void *crowd)
{
    struct crowd *c = crowd;
    struct guest g;
    struct visit v;

    guest_init(&g, "one.house.example");
    for (int i = 0; i < 20; i++) {
        struct tls_server *s = tls_server_ref(c->server);
        meet(&v, &g, s);
        CHECK_EQ(v.server.result, OK);
        CHECK_EQ(v.security.is_resumed, i > 0);
        tls_server_unref(s);
    }
    guest_done(&g);
    return NULL;
}

TEST(tls_server_serves_several_threads_while_its_keys_rotate)
{
    struct crowd c = {.tickets = tls_tickets_new()};
    pthread_t threads[2];

    c.server = new_server(&(struct tls_server_options){.tickets = c.tickets});
    add(c.server, &wildcard);
    add(c.server, &plain_name);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, visit_often, &c), 0);
    }
    tls_tickets_rotate(c.tickets);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    tls_server_unref(c.server);
    tls_tickets_free(c.tickets);
}
